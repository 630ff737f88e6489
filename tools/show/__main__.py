"""The rows of a stage's file, in the terminal or as a page: `python -m tools.show --help`."""

import argparse
import sys
from itertools import repeat
from pathlib import Path
from typing import Any, NamedTuple

import orjson
from rich.console import Console
from rich.text import Text

from stages.rows.parquet import count_rows
from tools.show.console import harmless_row, print_counts, print_row
from tools.show.view import VIEWS, Row, draw, evenly, reasons_of, rows_at, rows_of_id

FILES = {
    "generate": Path("data/completions/completions.parquet"),
    "filter": Path("data/filtered/rows.parquet"),
    "select": Path("data/selected/rows.parquet"),
}
PREDICTIONS = Path("data/predictions")
FILTER, SELECT = Path("metrics/filter.json"), Path("metrics/select.json")
COUNTED = {
    "filter": ("rows", "passed", "rejected"),
    "select": ("rows", "kept", "train", "validation", "rejected", "brought_back"),
}
PAGE = Path(__file__).with_name("page.html")


class Source(NamedTuple):
    """What is looked at: a stage's file, and how many rows its metrics count; `counts` is empty without reasons."""

    name: str
    stage: str
    path: Path
    rows: int
    counts: dict[str, int]  # of each reason in the rules' order, "kept" last
    split: str  # of the kept rows into those to train and to validate on, empty where it is not counted


def main(arguments: list[str], root: Path) -> None:
    asked = read_arguments(arguments)
    source = find(asked, root)
    reasons = choose(asked, source)
    shown = list(map(harmless_row, find_rows(asked, source, reasons)))
    if asked.html:
        asked.html.parent.mkdir(parents=True, exist_ok=True)
        asked.html.write_text(page(source, shown, asked.seed), encoding="utf-8")
        print(f"{len(shown):,} of {source.rows:,} rows written to {asked.html}")
        return
    console = Console(highlight=False)
    if asked.id is None:
        print_counts(console, source.rows, source.counts, source.split)
        how = f"at random{' and evenly by reason' * bool(source.counts)} (seed {asked.seed})"
        told = f"\n{len(shown):,} of these rows of {source.name}, drawn {how}:"
        console.print(Text(told, "dim"), soft_wrap=True)
    for row in shown:
        print_row(console, row, whole=asked.id is not None)


def read_arguments(arguments: list[str]) -> argparse.Namespace:
    told = "Show rows of a stage's file, a random sample of them; without --stage what filter and select rejected."
    parser = argparse.ArgumentParser(prog="python -m tools.show", description=told)
    parser.add_argument("--stage", choices=[*VIEWS], help="whose rows; without it those of select, else of filter")
    parser.add_argument("--model", metavar="M", help="of --stage predict: whose replies, such as 8b")
    told = "rows rejected for these reasons; without it for any"
    parser.add_argument("--reason", nargs="+", default=[], metavar="R", help=told)
    parser.add_argument("--kept", action="store_true", help="rows that no rule rejects: prompt and target")
    parser.add_argument("--id", help="every row of this id, rejected or not, whole")
    told = "rows in the terminal, evenly by reason (20), or rows of each reason in a page (200)"
    parser.add_argument("-n", type=natural, help=told)
    told = "of the sample: the same seed draws the same rows (1)"
    parser.add_argument("--seed", type=int, default=1, help=told)
    told = "write one self-contained page, kept rows included, instead"
    parser.add_argument("--html", type=Path, metavar="PATH", help=told)
    return parser.parse_args(arguments)


def natural(word: str) -> int:
    if not word.isdecimal():
        raise argparse.ArgumentTypeError(f"got {word!r}, wanted a number of rows")
    return int(word)


def find(asked: argparse.Namespace, root: Path) -> Source:
    if asked.model is not None and asked.stage != "predict":
        stage = f"--stage {asked.stage}" if asked.stage else "no --stage"
        raise SystemExit(f"show: got --model {asked.model} and {stage}, wanted --stage predict with it")
    if asked.stage == "predict":
        path = root / PREDICTIONS / f"{known_model(asked.model, root)}.parquet"
        return Source(f"predict {asked.model}", "predict", path, count_rows(path), {}, "")
    stage = asked.stage or ("select" if is_selected(root) else "filter")
    path = there(root / FILES[stage], stage)
    if stage not in ("filter", "select"):
        return Source(stage, stage, path, count_rows(path), {}, "")
    filtered = report(root / FILTER)
    if stage == "filter":
        return Source(stage, stage, path, filtered["rows"], {**filtered["rejected"], "kept": filtered["passed"]}, "")
    selected = report(root / SELECT)
    counts = {**filtered["rejected"], **selected["rejected"], "kept": selected["kept"]}
    if selected["brought_back"]:  # wrong rows that are learnt as bad ones
        counts["wrong"] -= selected["brought_back"]
    split = f"{selected['train']:,} to train, {selected['validation']:,} to validate"
    return Source(stage, stage, path, filtered["rows"], counts, split)


def is_selected(root: Path) -> bool:
    """Whether select has run since the filter let through this many rows: where none passes, it never will."""
    if not (root / FILES["select"]).exists():
        return False
    return report(root / SELECT)["rows"] == report(root / FILTER)["passed"]


def known_model(model: str | None, root: Path) -> str:
    known = sorted(path.stem for path in (root / PREDICTIONS).glob("*.parquet"))
    if not known:
        got = f"show {root / PREDICTIONS}: got no predictions"
        raise SystemExit(f"{got}, wanted what predict writes: dvc repro evaluate")
    if model not in known:
        got = "--stage predict and no --model" if model is None else f"--model {model}"
        raise SystemExit(f"show: got {got}, wanted --model with one of: {', '.join(known)}")
    return model


def there(path: Path, stage: str) -> Path:
    if not path.exists():
        raise SystemExit(f"show {path}: got no such file, wanted what {stage} writes: dvc repro {stage}")
    return path


def report(path: Path) -> dict[str, Any]:
    """A stage's metrics, which an older version of it may have written."""
    stage = path.stem
    told = orjson.loads(there(path, stage).read_bytes())[stage]
    missing = [name for name in COUNTED[stage] if name not in told]
    if missing:
        raise SystemExit(f"show {path}: got {', '.join(told)}, wanted {missing[0]} too: dvc repro {stage}")
    return told


def choose(asked: argparse.Namespace, source: Source) -> list[str]:
    """The reasons to show, in the rules' order, "kept" last; rows without reasons have an empty one."""
    counts = source.counts
    if not counts:
        if asked.reason or asked.kept:
            got = "--kept" if asked.kept else f"--reason {' '.join(asked.reason)}"
            raise SystemExit(f"show: got {got} and --stage {source.stage}, wanted --stage filter or select with it")
        return [""]
    for reason in asked.reason:
        if reason not in counts:
            known = ", ".join(f"{name} ({count:,})" for name, count in counts.items())
            raise SystemExit(f"show: got --reason {reason}, wanted one of: {known}")
    if asked.reason or asked.kept:
        return [name for name in counts if name in asked.reason or (name == "kept" and asked.kept)]
    return [name for name in counts if name != "kept" or asked.html or asked.id is not None]


def find_rows(asked: argparse.Namespace, source: Source, reasons: list[str]) -> list[Row]:
    """Those of an id, or a sample: first the places are drawn, for which no text is read."""
    view = VIEWS[source.stage]
    if asked.id is not None:
        found = [row for row in rows_of_id(source.path, view, asked.id) if row.reason in reasons]
        if not found:
            which = f"a row that is {', '.join(reasons)}" if source.counts else f"a row of {source.name}"
            raise SystemExit(f"show: got --id {asked.id}, wanted the id of {which}")
        return found
    counts = source.counts or {"": source.rows}
    n = asked.n if asked.n is not None else 200 if asked.html else 20
    sizes = dict.fromkeys(reasons, n) if asked.html else evenly(n, {reason: counts[reason] for reason in reasons})
    places, seen = draw(reasons_of(source.path) if source.counts else repeat("", source.rows), sizes, asked.seed)
    if any(seen[reason] != counts.get(reason, 0) for reason in {*seen, *counts}):
        metrics = "metrics/filter.json" if source.stage == "filter" else "metrics/filter.json and metrics/select.json"
        got = f"got the rows {dict(seen)}, wanted the {counts} of {metrics}"
        raise SystemExit(f"show {source.path}: {got}: dvc repro {source.stage}")
    return rows_at(source.path, view, places)


def page(source: Source, rows: list[Row], seed: int) -> str:
    """The template with its data: `<` is escaped, so that no text can end the element that holds it."""
    data = {
        "name": source.name,
        "seed": seed,
        "rows": source.rows,
        "counts": list(source.counts.items()),
        "examples": [row._asdict() for row in rows],
    }
    return PAGE.read_text(encoding="utf-8").replace("{{data}}", orjson.dumps(data).decode().replace("<", "\\u003c"), 1)


if __name__ == "__main__":
    main(sys.argv[1:], Path())
