"""Counts and rows for a terminal or a pipe, in plain words and without harm."""

import re
from typing import Any

from rich.console import Console
from rich.text import Text

from tools.show.view import Row

SHORT, LONG = 400, 2400  # characters of a question and of a reply in the terminal
LABEL = 11  # columns
# Unicode's controls and format characters, but for the joiners that emoji and Persian need, and line ends and tabs
UNSEEN = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]")


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
