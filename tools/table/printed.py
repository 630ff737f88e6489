"""A table in the terminal or in Markdown."""

from typing import NamedTuple

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Column
from rich.table import Table as RichTable


class Table(NamedTuple):
    title: str
    head: tuple[str, ...]
    rows: list[tuple[str, ...]]


def print_markdown(table: Table) -> None:
    head = [name.replace("-\n", "").replace("\n", " ") for name in table.head]
    lines = ["| " + " | ".join(line) + " |" for line in [head, ["---"] * len(head), *table.rows]]
    print("\n".join([f"{table.title}:\n", *lines]), end="\n\n")


def print_rich(table: Table) -> None:
    columns = [Column(name, no_wrap=True) for name in table.head]
    drawn = RichTable(*columns, title=table.title, box=SIMPLE, padding=(0, 1))
    for row in table.rows:
        drawn.add_row(*row)
    Console().print(drawn)


def percent(share: float) -> str:
    return f"{100 * share:.1f}"
