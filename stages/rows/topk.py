"""The most probable next tokens at each token that is learnt, and their log-probabilities: what `logits` writes.

`token_ids` and `logprobs` are flattened: of each of `tokens` learnt tokens the `k` most probable, most probable first.
"""

# pyarrow: no types of its own
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

SCHEMA: Any = pa.schema(
    [
        ("split", pa.string()),  # train or validation
        ("id", pa.string()),
        ("style", pa.string()),
        ("sample", pa.int64()),
        ("k", pa.int64()),
        ("tokens", pa.int64()),  # that are learnt: the target, and what ends its turn
        ("token_ids", pa.list_(pa.int32())),
        ("logprobs", pa.list_(pa.float32())),  # natural, of the whole softmax: they do not sum to 1
    ]
)
# a quarter smaller than without: ids recur, and of like numbers the first bytes are alike
ENCODING: Any = {
    "compression": "zstd",
    "use_dictionary": ["token_ids.list.element"],
    "use_byte_stream_split": ["logprobs.list.element"],
}
BYTES = 8  # of one token id and its log-probability
NUMBERS_AT_ONCE = 4_000_000  # ids of a row group: 32 MB in memory with their log-probabilities


class TopK(NamedTuple):
    split: str
    id: str
    style: str
    sample: int
    token_ids: np.ndarray  # (tokens, k), int32
    logprobs: np.ndarray  # the same shape, float32


def write(path: Path, rows: Iterable[TopK]) -> None:
    """Row by row; the file is there once it is whole. The same rows give the same bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    with pq.ParquetWriter(part, SCHEMA, write_statistics=False, store_schema=False, **ENCODING) as writer:
        some, numbers = list[TopK](), 0
        for row in rows:
            some.append(row)
            numbers += row.token_ids.size
            if numbers >= NUMBERS_AT_ONCE:
                writer.write_table(to_table(some))
                some, numbers = [], 0
        if some:
            writer.write_table(to_table(some))
    part.replace(path)


def to_table(rows: Sequence[TopK]) -> Any:
    offsets = np.cumsum([0, *(row.token_ids.size for row in rows)], dtype=np.int32)
    lists = [
        pa.ListArray.from_arrays(offsets, np.concatenate([values.ravel() for values in column]).astype(dtype))
        for column, dtype in (
            ([row.token_ids for row in rows], np.int32),
            ([row.logprobs for row in rows], np.float32),
        )
    ]
    plain = [(row.split, row.id, row.style, row.sample, *row.token_ids.shape[::-1]) for row in rows]
    columns = [pa.array(column) for column in zip(*plain, strict=True)]
    return pa.Table.from_arrays([*columns, *lists], SCHEMA.names)


def read(path: Path) -> Iterator[TopK]:
    """In the order of the file, one row group in memory. Raises SystemExit where there is no such file."""
    try:
        file = pq.ParquetFile(path)
    except (OSError, pa.ArrowInvalid) as error:
        reason = str(error).splitlines()[0]
        raise SystemExit(
            f"{path}: got no probabilities ({reason}), wanted the file that `logits` writes; run `dvc repro logits`"
        ) from None
    for number in range(file.num_row_groups):
        yield from to_rows(file.read_row_group(number).combine_chunks())


def to_rows(table: Any) -> Iterator[TopK]:
    token_ids, logprobs = (table.column(name).chunk(0) for name in ("token_ids", "logprobs"))
    offsets = token_ids.offsets.to_numpy()
    ids, values = token_ids.values.to_numpy(), logprobs.values.to_numpy()
    for i, row in enumerate(table.select(SCHEMA.names[:6]).to_pylist()):
        shape, here = (row["tokens"], row["k"]), slice(offsets[i], offsets[i + 1])
        who = (row["split"], row["id"], row["style"], row["sample"])
        yield TopK(*who, ids[here].reshape(shape), values[here].reshape(shape))
