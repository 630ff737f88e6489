"""The file of a score column, data/scores/<column>.parquet: which row it is, and its numbers, `s_<name>`.

A column that is off has a file without rows, which still names its numbers.
"""

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from stages.rows.parquet import ROWS_AT_ONCE, writing
from stages.rows.row import KEY, SCORE, score_schema
from stages.score.rows import Row

OUT = Path("data/scores")
METRICS = Path("metrics/score")

Numbers = tuple[float | None, ...]  # of a row, null where it has none


def write_off(column: str, names: Sequence[str]) -> None:
    write(column, names, (), {})


def write_scores(
    column: str, names: Sequence[str], rows: Iterable[Row], numbers: Iterable[Numbers], told: dict[str, Any]
) -> None:
    """`numbers` has one for each of the rows, in their order, a value for each name."""
    write(column, names, frames(names, rows, numbers), told)


def frames(names: Sequence[str], rows: Iterable[Row], numbers: Iterable[Numbers]) -> Iterator[pl.DataFrame]:
    some: list[tuple[Any, ...]] = []
    for row, values in zip(rows, numbers, strict=True):
        some.append((row.id, row.style, row.sample, *values))
        if len(some) == ROWS_AT_ONCE:
            yield pl.DataFrame(some, schema=score_schema(names), orient="row")
            some.clear()
    yield pl.DataFrame(some, schema=score_schema(names), orient="row")


def write(column: str, names: Sequence[str], scored: Iterable[pl.DataFrame], told: dict[str, Any]) -> None:
    """The file, and metrics/score/<column>.json: how the numbers are distributed, and what else is `told`, which may
    grow while they are computed."""
    columns = score_schema(names)
    found = [pl.DataFrame(schema=pl.Schema({name: columns[name] for name in columns if name not in KEY}))]
    with writing(OUT / f"{column}.parquet", columns) as write_frame:
        for frame in scored:
            write_frame(frame)
            found.append(frame.select(found[0].columns))
    numbers = pl.concat(found)
    report = {"rows": len(numbers)} | (told | distributions(numbers) if len(numbers) else {})
    METRICS.mkdir(parents=True, exist_ok=True)
    (METRICS / f"{column}.json").write_text(json.dumps({f"score-{column}": report}, indent=2) + "\n")
    print(f"score-{column}: {report}", file=sys.stderr)


def distributions(numbers: pl.DataFrame) -> dict[str, Any]:
    """Of each column how many rows have it, its mean, and percentiles."""
    return {name.removeprefix(SCORE): distribution(numbers[name].drop_nulls()) for name in numbers.columns}


def distribution(there: pl.Series) -> dict[str, Any]:
    points = {f"p{share}": there.quantile(share / 100, "nearest") for share in (5, 50, 95)}
    known = {name: round(value, 4) for name, value in points.items() if value is not None}
    return {"measured": len(there)} | ({"mean": round(float(there.to_numpy().mean()), 4)} | known if len(there) else {})
