"""What the filter kept and rejected, in the terminal or as a page: `python -m tools.show --help`."""

import argparse
import sys
from itertools import chain
from pathlib import Path
from typing import Any

import orjson
from rich.console import Console
from rich.text import Text

from tools.show.console import harmless, print_counts, print_row
from tools.show.view import Row, draw, evenly, kept, open_or_stop, rejected

METRICS = Path("metrics/filter.json")
REJECTED = Path("data/filtered/rejected.jsonl")
KEPT = (Path("data/filtered/train.jsonl"), Path("data/filtered/validation.jsonl"))
PAGE = Path(__file__).with_name("page.html")


def main(arguments: list[str], root: Path) -> None:
    asked = read_arguments(arguments)
    report = orjson.loads(open_or_stop(root / METRICS).read())["filter"]
    counts = {**report["rejected"], "kept": report["kept"]}
    reasons = choose(asked, counts)
    rows = chain(rejected(root / REJECTED) if reasons != ["kept"] else [], kept([root / path for path in KEPT]) if "kept" in reasons else [])
    if asked.id is not None:
        drawn = [row for row in rows if row.id == asked.id and row.reason in reasons]
        if not drawn:
            raise SystemExit(f"show: got --id {asked.id}, wanted the id of a row that is {', '.join(reasons)}")
    else:
        n = asked.n if asked.n is not None else 200 if asked.html else 20
        sizes = dict.fromkeys(reasons, n) if asked.html else evenly(n, {reason: counts[reason] for reason in reasons})
        drawn, seen = draw(rows, sizes, asked.seed)
        if any(seen[reason] != counts[reason] for reason in reasons):
            raise SystemExit(f"show: got the rows {dict(seen)} in {root / REJECTED.parent}, wanted the {counts} of {root / METRICS}: dvc repro filter")
    shown = [row._replace(**{name: harmless(value) for name, value in row._asdict().items() if isinstance(value, str)}) for row in drawn]
    if asked.html:
        asked.html.parent.mkdir(parents=True, exist_ok=True)
        asked.html.write_text(page(report, counts, shown, asked.seed), encoding="utf-8")
        print(f"{len(shown):,} of {report['rows']:,} rows written to {asked.html}")
    else:
        console = Console(highlight=False)
        if asked.id is None:
            print_counts(console, report, counts)
            console.print(Text(f"\n{len(shown):,} of these rows, drawn at random and evenly by reason (seed {asked.seed}):", "dim"), soft_wrap=True)
        for row in shown:
            print_row(console, row, whole=asked.id is not None)


def read_arguments(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tools.show", description="Show what the filter kept and rejected, a random sample of it.")
    parser.add_argument("--reason", nargs="+", default=[], metavar="R", help="rows rejected for these reasons; without it for any")
    parser.add_argument("--kept", action="store_true", help="kept examples: prompt and target")
    parser.add_argument("--id", help="every sample of this row, kept or rejected, whole")
    parser.add_argument("-n", type=natural, help="rows in the terminal, evenly by reason (20), or rows of each reason in a page (200)")
    parser.add_argument("--seed", type=int, default=1, help="of the sample: the same seed draws the same rows (1)")
    parser.add_argument("--html", type=Path, metavar="PATH", help="write one self-contained page, kept rows included, instead")
    return parser.parse_args(arguments)


def natural(word: str) -> int:
    if not word.isdecimal():
        raise argparse.ArgumentTypeError(f"got {word!r}, wanted a number of rows")
    return int(word)


def choose(asked: argparse.Namespace, counts: dict[str, int]) -> list[str]:
    """The reasons to show, in the rules' order, "kept" last."""
    for reason in asked.reason:
        if reason not in counts:
            raise SystemExit(f"show: got --reason {reason}, wanted one of: {', '.join(f'{name} ({count:,})' for name, count in counts.items())}")
    if asked.reason or asked.kept:
        return [name for name in counts if name in asked.reason or (name == "kept" and asked.kept)]
    return [name for name in counts if name != "kept" or asked.html or asked.id is not None]


def page(report: dict[str, Any], counts: dict[str, int], rows: list[Row], seed: int) -> str:
    """The template with its data: `<` is escaped, so that no text can end the element that holds it."""
    data = {"seed": seed, "rows": report["rows"], "counts": list(counts.items()), "examples": [row._asdict() for row in rows]}
    return PAGE.read_text(encoding="utf-8").replace("{{data}}", orjson.dumps(data).decode().replace("<", "\\u003c"), 1)


if __name__ == "__main__":
    main(sys.argv[1:], Path())
