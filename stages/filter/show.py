"""What the filter kept and rejected, in the terminal or as a page: `python -m stages.filter.show --help`."""

import argparse
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from io import BufferedReader
from itertools import chain
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import orjson
from rich.console import Console
from rich.text import Text

METRICS = Path("metrics/filter.json")
REJECTED = Path("data/filtered/rejected.jsonl")
KEPT = (Path("data/filtered/train.jsonl"), Path("data/filtered/validation.jsonl"))
PAGE = Path(__file__).with_name("page.html")
SHORT, LONG = 400, 2400  # characters of a question and of a reply in the terminal
LABEL = 11  # columns
# Unicode's controls and format characters, but for the joiners that emoji and Persian need, and line ends and tabs
UNSEEN = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]")


class Row(NamedTuple):
    """A rejected row as the filter wrote it, or a kept example: its reason is "kept", its question the prompt, its text the target."""

    id: str
    sample: int
    rule: str
    reason: str
    detail: str
    evidence: str
    question: str
    reference: str
    text: str


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
    parser = argparse.ArgumentParser(prog="python -m stages.filter.show", description="Show what the filter kept and rejected, a random sample of it.")
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


def open_or_stop(path: Path) -> BufferedReader:
    try:
        return path.open("rb")
    except FileNotFoundError:
        raise SystemExit(f"show {path}: got no such file, wanted what the filter wrote: dvc repro filter") from None


def rejected(path: Path) -> Iterator[Row]:
    with open_or_stop(path) as lines:
        for number, line in enumerate(lines, 1):
            value = orjson.loads(line)
            try:
                yield Row(*(value[name] for name in Row._fields))
            except KeyError as name:
                raise SystemExit(f"show {path}, line {number}: got no field {name}, wanted {', '.join(Row._fields)}: dvc repro filter") from None


def kept(paths: list[Path]) -> Iterator[Row]:
    for path in paths:
        with open_or_stop(path) as lines:
            for value in map(orjson.loads, lines):
                prompt, target = (told(value[side]) for side in ("prompt", "completion"))
                yield Row(value["id"], value["sample"], "", "kept", f"in {path.stem}", "", prompt, "", target)


def told(messages: list[dict[str, Any]]) -> str:
    return messages[0]["content"] if len(messages) == 1 else "\n\n".join(f"{message['role']}: {message['content']}" for message in messages)


def evenly(n: int, counts: dict[str, int]) -> dict[str, int]:
    """How many of `n` rows each reason gets: as equal as the counts allow, earlier reasons first."""
    sizes = dict.fromkeys(counts, 0)
    for _ in range(min(n, sum(counts.values()))):
        sizes[min((reason for reason in counts if sizes[reason] < counts[reason]), key=sizes.__getitem__)] += 1
    return sizes


def draw(rows: Iterable[Row], sizes: dict[str, int], seed: int) -> tuple[list[Row], Counter[str]]:
    """At most `sizes` rows of each reason, by reason and then in the order of arrival; and the rows seen of each reason.

    Every row of a reason is drawn with the same probability, and no more than what is drawn is held (Vitter 1985,
    algorithm R). What is drawn of a reason depends on the rows of that reason alone.
    """
    dice = {reason: Random(f"{seed} {reason}") for reason in sizes}
    drawn: dict[str, list[tuple[int, Row]]] = {reason: [] for reason in sizes}
    seen: Counter[str] = Counter()
    for row in rows:
        seen[row.reason] += 1
        if row.reason not in sizes:
            continue
        arrived, held = seen[row.reason], drawn[row.reason]
        if len(held) < sizes[row.reason]:
            held.append((arrived, row))
        elif (place := dice[row.reason].randrange(arrived)) < len(held):
            held[place] = (arrived, row)
    return [row for held in drawn.values() for _, row in sorted(held)], seen


def harmless(text: str) -> str:
    """Control characters as pictures, and what hides or reorders text as its code point, so that neither terminal nor reader is led astray."""
    return UNSEEN.sub(lambda found: chr(0x2400 + ord(found[0])) if found[0] < " " else f"<U+{ord(found[0]):04X}>", text)


def places(evidence: str) -> re.Pattern[str] | None:
    """Where the evidence stands by itself: "4" is not in "14". page.html has the same rule."""
    words = r"\s+".join(map(re.escape, evidence.split()))
    return re.compile(rf"(?:(?<!\w)|(?!\w)){words}(?:(?<=\W)|(?!\w))", re.ASCII | re.IGNORECASE) if words else None


def excerpt(text: str, limit: int, pattern: re.Pattern[str] | None) -> str:
    """The beginning and the end of a long text and what surrounds the evidence, `limit` characters in all; what is left out is counted."""
    if len(text) <= limit:
        return text
    third, found = limit // 3, pattern and pattern.search(text)
    around = [(found.start() - third // 2, found.start() + third // 2)] if found else []
    shown, end = "", 0
    for start, stop in [(0, third), *around, (len(text) - third, len(text))]:
        shown += f" [… {start - end:,} characters …] " if start > end else ""
        shown += text[max(start, end) : stop]
        end = max(end, stop)
    return shown


def print_counts(console: Console, report: dict[str, Any], counts: dict[str, int]) -> None:
    width = max(map(len, [*counts, "rows in"]))
    console.print(Text(f"{'rows in':{width}}{report['rows']:>12,}", "bold"), soft_wrap=True)
    nothing = ", ".join(name for name, count in counts.items() if not count and name != "kept")
    for name, count in counts.items():
        if not count and name != "kept":
            continue
        style = "green" if name == "kept" else ""
        split = f"   {report['train']:,} to train, {report['validation']:,} to validate" if name == "kept" else ""
        console.print(Text(f"{name:{width}}{count:>12,}{100 * count / max(report['rows'], 1):>7.1f} %{split}", style), soft_wrap=True)
    if nothing:
        console.print(Text(f"no row: {nothing}", "dim"), soft_wrap=not console.is_terminal)


def print_row(console: Console, row: Row, whole: bool) -> None:
    """Wrapped to a terminal's width; into a pipe every line of a text is a line."""
    is_kept = row.reason == "kept"
    pattern = places(row.evidence)
    console.print(Text.assemble("\n", (row.reason, "bold green" if is_kept else "bold red"), f": {row.detail}" * bool(row.detail)), soft_wrap=True)
    is_told = row.evidence in row.detail or row.evidence == row.reference
    sections = [
        ("id", f"{row.id}, sample {row.sample}{f', rule {row.rule}' * bool(row.rule)}", SHORT),
        ("prompt" if is_kept else "question", row.question, SHORT),
        ("target" if is_kept else "reply", row.text, LONG),
        ("evidence", "" if is_told else row.evidence, SHORT),
        ("reference", row.reference, SHORT),
    ]
    for label, text, limit in sections:
        if not text and label in ("evidence", "reference"):
            continue
        body = Text(text if whole else excerpt(text, limit, pattern))
        if pattern and label == "reply":
            body.highlight_regex(pattern, "black on yellow")
        lines = body.wrap(console, max(console.width - LABEL - 2, 20)) if console.is_terminal else body.split(allow_blank=True)
        for number, line in enumerate(lines):
            indented = Text.assemble("  ", (f"{'' if number else label:{LABEL}}", "dim"), line)
            indented.rstrip()
            console.print(indented, soft_wrap=True)


def page(report: dict[str, Any], counts: dict[str, int], rows: list[Row], seed: int) -> str:
    """The template with its data: `<` is escaped, so that no text can end the element that holds it."""
    data = {"seed": seed, "rows": report["rows"], "counts": list(counts.items()), "examples": [row._asdict() for row in rows]}
    return PAGE.read_text(encoding="utf-8").replace("{{data}}", orjson.dumps(data).decode().replace("<", "\\u003c"), 1)


if __name__ == "__main__":
    main(sys.argv[1:], Path())
