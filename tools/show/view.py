"""Rows of a stage's file as people read them, and a random sample of them."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import polars as pl

from stages.rows.parquet import batches, scores_in
from stages.rows.row import KEY, SCORE

REPLIED = (*KEY, "question", "reference", "text", "reasoning", "finish_reason", "error")
FILTERED = (
    *(*KEY, "messages", "question", "reference", "text", "target", "private"),
    *("is_validation", "reason", "detail", "evidence"),
)
TOLD = ("weight", "tag", "negative")
SELECTED = (*FILTERED, *TOLD)


class Row(NamedTuple):
    """`reason` is "kept" where no rule rejects the row, and empty where its stage has no rules."""

    id: str
    style: str
    sample: int
    reason: str
    detail: str
    evidence: str
    texts: tuple[tuple[str, str], ...]  # (what it is, the text)


class View(NamedTuple):
    """How the rows of a stage's file are shown: the columns that are read, and the row made of them."""

    columns: tuple[str, ...]
    to_row: Callable[[dict[str, Any]], Row]


def replied(row: dict[str, Any]) -> Row:
    ended = {name: row[name] for name in ("finish_reason", "error") if row["finish_reason"] != "stop"}
    told = {"reasoning": row["reasoning"], "reference": row["reference"], **ended}
    return Row(*key(row), "", "", "", (("question", row["question"]), ("reply", row["text"]), *not_empty(told)))


def judged(row: dict[str, Any]) -> Row:
    """A rejected row with its reply, a kept one with what is learnt: prompt and target."""
    found = not_empty({name: written(row[name]) for name in row if name.startswith(SCORE) or name in TOLD})
    told = [(name, text) for name, text in found if (name, text) != ("weight", "1")]
    if row["reason"] is None:
        detail = "to validate" if row["is_validation"] else "to train"
        texts = (
            *(("prompt", in_one(row["messages"])), ("target", row["target"] or "")),
            *not_empty({"why": row["detail"]}),  # a row that is learnt otherwise tells why: bad, gold
        )
        return Row(*key(row), "kept", detail, "", (*texts, *not_empty({"private": row["private"]}), *told))
    texts = (("question", row["question"]), ("reply", row["text"]), *not_empty({"reference": row["reference"]}))
    return Row(*key(row), row["reason"], row["detail"] or "", row["evidence"] or "", (*texts, *told))


VIEWS = {
    "generate": View(REPLIED, replied),
    "filter": View(FILTERED, judged),
    "select": View(SELECTED, judged),
    "predict": View(REPLIED, replied),
}


def key(row: dict[str, Any]) -> tuple[str, str, int]:
    return row["id"], row["style"], row["sample"]


def not_empty(texts: dict[str, str | None]) -> list[tuple[str, str]]:
    return [(name, text) for name, text in texts.items() if text]


def written(value: Any) -> str:
    return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def in_one(messages: list[dict[str, str]]) -> str:
    if len(messages) == 1:
        return messages[0]["content"]
    return "\n\n".join(f"{message['role']}: {message['content']}" for message in messages)


def reasons_of(path: Path) -> Iterator[str]:
    for batch in batches(path, ("reason",)):
        yield from batch["reason"].fill_null("kept")


def rows_of_id(path: Path, view: View, id: str) -> Iterator[Row]:
    for batch in batches(path, (*view.columns, *scores_in(path))):
        yield from map(view.to_row, batch.filter(pl.col("id") == id).iter_rows(named=True))


def rows_at(path: Path, view: View, places: Collection[int]) -> list[Row]:
    """The rows in these places of the file, in the order of the places; a row group is in memory at a time."""
    wanted = pl.Series(list(places), dtype=pl.UInt32)
    found: dict[int, Row] = {}
    start = 0
    for batch in batches(path, (*view.columns, *scores_in(path))):
        some = batch.with_row_index("place", start).filter(pl.col("place").is_in(wanted.implode()))
        found |= {row["place"]: view.to_row(row) for row in some.iter_rows(named=True)}
        start += len(batch)
    return [found[place] for place in places]


def evenly(n: int, counts: dict[str, int]) -> dict[str, int]:
    """How many of `n` rows each reason gets: as equal as the counts allow, earlier reasons first."""
    sizes = dict.fromkeys(counts, 0)
    for _ in range(min(n, sum(counts.values()))):
        sizes[min((reason for reason in counts if sizes[reason] < counts[reason]), key=sizes.__getitem__)] += 1
    return sizes


def draw(reasons: Iterable[str], sizes: dict[str, int], seed: int) -> tuple[list[int], Counter[str]]:
    """The places of at most `sizes` rows of each reason, by reason and then in order; and how many rows each has.

    Every row of a reason is drawn with the same probability, and no more than what is drawn is held (Vitter 1985,
    algorithm R). Which of a reason's rows are drawn depends on how many there are alone.
    """
    dice = {reason: Random(f"{seed} {reason}") for reason in sizes}
    drawn: dict[str, list[int]] = {reason: [] for reason in sizes}
    seen: Counter[str] = Counter()
    for place, reason in enumerate(reasons):
        seen[reason] += 1
        if reason not in sizes:
            continue
        held = drawn[reason]
        if len(held) < sizes[reason]:
            held.append(place)
        elif (at := dice[reason].randrange(seen[reason])) < len(held):
            held[at] = place
    return [place for held in drawn.values() for place in sorted(held)], seen
