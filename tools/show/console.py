"""Counts and rows for a terminal or a pipe, in plain words and without harm."""

import re

from rich.console import Console
from rich.text import Text

from tools.show.view import Row

SHORT, LONG = 400, 2400  # characters in the terminal: of a question, and of a text that a model wrote
WRITTEN = ("reply", "target", "reasoning", "negative")  # by a model
LABEL = 11  # columns, or as many as the longest needs
# Unicode's controls and format characters, but for the joiners that emoji and Persian need, and line ends and tabs
CONTROLS = "\0-\x08\x0b-\x1f\x7f-\x9f"
FORMATS = "\xad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f"
UNSEEN = re.compile(f"[{CONTROLS}{FORMATS}]")


def harmless(text: str) -> str:
    """Control characters as pictures, and what hides or reorders text as its code point: nobody is led astray."""
    return UNSEEN.sub(lambda found: chr(0x2400 + ord(found[0])) if found[0] < " " else f"<U+{ord(found[0]):04X}>", text)


def harmless_row(row: Row) -> Row:
    words = {name: harmless(value) for name, value in row._asdict().items() if isinstance(value, str)}
    return row._replace(**words, texts=tuple((label, harmless(text)) for label, text in row.texts))


def places(evidence: str) -> re.Pattern[str] | None:
    """Where the evidence stands by itself: "4" is not in "14". page.html has the same rule."""
    words = r"\s+".join(map(re.escape, evidence.split()))
    return re.compile(rf"(?:(?<!\w)|(?!\w)){words}(?:(?<=\W)|(?!\w))", re.ASCII | re.IGNORECASE) if words else None


def excerpt(text: str, limit: int, pattern: re.Pattern[str] | None) -> str:
    """The ends of a long text and what surrounds the evidence, `limit` characters; what is left out is counted."""
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


def print_counts(console: Console, rows: int, counts: dict[str, int], split: str) -> None:
    """`split` says where the kept rows go."""
    width = max(map(len, [*counts, "rows in"]))
    console.print(Text(f"{'rows in':{width}}{rows:>12,}", "bold"), soft_wrap=True)
    for name, count in counts.items():
        if not count and name != "kept":
            continue
        style, told = ("green", f"   {split}" * bool(split)) if name == "kept" else ("", "")
        share = 100 * count / max(rows, 1)
        console.print(Text(f"{name:{width}}{count:>12,}{share:>7.1f} %{told}", style), soft_wrap=True)
    nothing = ", ".join(name for name, count in counts.items() if not count and name != "kept")
    if nothing:
        console.print(Text(f"no row: {nothing}", "dim"), soft_wrap=not console.is_terminal)


def print_row(console: Console, row: Row, whole: bool) -> None:
    """Wrapped to a terminal's width; into a pipe every line of a text is a line."""
    pattern = places(row.evidence)
    console.print()
    if row.reason:
        style = "bold green" if row.reason == "kept" else "bold red"
        console.print(Text.assemble((row.reason, style), f": {row.detail}" * bool(row.detail)), soft_wrap=True)
    texts = [("id", f"{row.id}, {row.style}, sample {row.sample}"), *row.texts]
    if row.evidence not in row.detail and ("reference", row.evidence) not in row.texts:
        texts.append(("evidence", row.evidence))
    indent = max(LABEL, *(len(label) + 2 for label, _ in texts))
    for label, text in texts:
        body = Text(text if whole else excerpt(text, LONG if label in WRITTEN else SHORT, pattern))
        if pattern and label == "reply":
            body.highlight_regex(pattern, "black on yellow")
        width = max(console.width - indent - 2, 20)
        lines = body.wrap(console, width) if console.is_terminal else body.split(allow_blank=True)
        for number, line in enumerate(lines):
            indented = Text.assemble("  ", (f"{'' if number else label:{indent}}", "dim"), line)
            indented.rstrip()
            console.print(indented, soft_wrap=True)
