"""The numbers of `score` before and after selection, as lines of a Markdown table."""

import math

import numpy as np
import polars as pl

from stages.rows.row import SCORE
from stages.select.scores import quantities

BARS = 10
BLOCKS = "▁▂▃▄▅▆▇█"
NONE = "·"
HEAD = ["| number | rows to train on | count | p5 | p50 | p95 | from p0 to p100 before |", "| --- " * 7 + "|"]


def distributions(passed: pl.DataFrame, learnt: pl.DataFrame) -> list[str]:
    """Two lines for each number that is on: of the train rows that pass the filter, and of those that are learnt."""
    before, after = (rows.filter(~pl.col("is_validation")) for rows in (passed, learnt))
    lines: list[str] = []
    for column in quantities(passed):
        edges = np.linspace(*span(before[column]), BARS + 1)
        for which, rows in (("before", before), ("learnt", after)):
            numbers = rows[column].drop_nulls()
            points = [told(numbers.quantile(share, "nearest")) for share in (0.05, 0.5, 0.95)]
            cells = [column.removeprefix(SCORE), which, f"{len(numbers):,}", *points, bars(numbers, edges)]
            lines.append(f"| {' | '.join(cells)} |")
    return [*HEAD, *lines] if lines else []


def span(numbers: pl.Series) -> tuple[float, float]:
    """The lowest and the highest, 0 and 0 where there is none."""
    known = numbers.drop_nulls().to_numpy()
    return (float(known.min()), float(known.max())) if len(known) else (0.0, 0.0)


def bars(numbers: pl.Series, edges: np.ndarray) -> str:
    """A bar for each of the ranges between the edges, the highest for the most numbers."""
    # where all numbers are one, the first range has them
    places = np.clip(np.searchsorted(edges, numbers.to_numpy(), side="right") - 1, 0, BARS - 1)
    places = np.zeros_like(places) if edges[0] == edges[-1] else places
    counts = np.bincount(places, minlength=BARS)
    highest = max(counts.max(), 1)
    return "".join(BLOCKS[math.ceil(len(BLOCKS) * count / highest) - 1] if count else NONE for count in counts)


def told(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"
