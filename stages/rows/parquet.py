"""Rows in Parquet files, a row group at a time; the same rows give the same bytes."""

# pyarrow: no types of its own
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from stages.rows.row import COLUMNS, SCORE, type_of

ROWS_AT_ONCE = 20_000  # of a row group, some 40 MB: what is in memory at a time


def write_rows(path: Path, rows: Iterable[dict[str, Any]], columns: pl.Schema) -> None:
    """Rows one by one, in row groups of ROWS_AT_ONCE."""
    stream = iter(rows)
    with writing(path, columns) as write:
        while some := list(islice(stream, ROWS_AT_ONCE)):
            # by pyarrow, which turns rows into columns three times as fast as polars
            write(pl.DataFrame(pl.from_arrow(pa.Table.from_pylist(some, fields(columns)))))


@contextmanager
def writing(path: Path, columns: pl.Schema) -> Generator[Callable[[pl.DataFrame], None]]:
    """A function that writes these columns of a frame as one more row group. The same frames give the same bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    types = fields(columns)
    with pq.ParquetWriter(path, types, compression="zstd", write_statistics=False, store_schema=False) as writer:
        yield lambda frame: writer.write_table(frame.select(columns.names()).cast(columns).to_arrow().cast(types))


def fields(columns: pl.Schema) -> Any:
    return pl.DataFrame(schema=columns).to_arrow().schema


def count_rows(path: Path) -> int:
    return opened(path).metadata.num_rows


def scores_in(path: Path) -> list[str]:
    """The columns of a file that `score` wrote first."""
    return [name for name in opened(path).schema_arrow.names if name.startswith(SCORE)]


def read_rows(path: Path, columns: Sequence[str]) -> pl.DataFrame:
    """These columns of all rows."""
    return pl.concat([pl.DataFrame(schema={name: type_of(name) for name in columns}), *batches(path, columns)])


def batches(path: Path, columns: Sequence[str]) -> Iterator[pl.DataFrame]:
    """These columns, a row group at a time. Raises SystemExit where the file is missing or is no such file."""
    file = opened(path)
    missing = [name for name in columns if name not in file.schema_arrow.names]
    if missing:
        got = ", ".join(file.schema_arrow.names)
        stage = COLUMNS[missing[0]].stage if missing[0] in COLUMNS else "select"
        raise SystemExit(f"{path}: got the columns {got}, wanted {missing[0]} too; run `dvc repro {stage}`")
    for number in range(file.num_row_groups):
        frame = pl.DataFrame(pl.from_arrow(file.read_row_group(number, list(columns))))
        yield frame.select(columns).cast({name: type_of(name) for name in columns})


def opened(path: Path) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path)
    except (OSError, pa.ArrowInvalid) as error:
        reason = str(error).splitlines()[0]
        raise SystemExit(
            f"{path}: got no rows ({reason}), wanted the file that a stage writes; run `dvc repro`"
        ) from None
