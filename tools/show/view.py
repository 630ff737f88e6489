"""Rows that the filter wrote, read one by one, and a random sample of them."""

from collections import Counter
from collections.abc import Iterable, Iterator
from io import BufferedReader
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import orjson


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
