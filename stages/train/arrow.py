"""Examples in Arrow files that every process of a training maps: one copy in memory for all, no Python lists of it."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from stages.train.examples import IGNORED, Tokens

CHOSEN, REJECTED = "ref_chosen_logps", "ref_rejected_logps"  # TRL's columns of what a reference model expects of pairs


def write(path: Path, batches: Iterable[Sequence[tuple[int, Tokens]]], numbered: bool) -> int:
    """Write ids and labels of numbered examples as int32, a record batch for each batch; returns how many there are.

    If `numbered`, each row also has `example`: of each token, the number of the example it comes from.
    """
    import pyarrow as pa

    names = ["input_ids", "labels", *(["example"] if numbered else [])]
    schema = pa.schema([(name, pa.list_(pa.int32())) for name in names])
    count = 0
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, schema) as stream:
        for batch in batches:
            columns = [[example.input_ids for _, example in batch], [example.labels for _, example in batch]]
            if numbered:
                columns.append([[number] * len(example.input_ids) for number, example in batch])
            arrays = [pa.array(column, pa.list_(pa.int32())) for column in columns]
            stream.write_batch(pa.record_batch(arrays, schema=schema))
            count += len(batch)
    return count


def pack(folder: Path, max_length: int) -> None:
    """Make packed.arrow of train.arrow, whose examples are numbered: several fill a row of at most `max_length` tokens.

    TRL packs 1,000 examples at a time, so no more than these are in memory.
    """
    from trl.data_utils import pack_dataset

    pack_dataset(load(folder / "train.arrow"), max_length, "bfd", {"cache_file_name": str(folder / "packed.arrow")})


def load(path: Path) -> Any:
    """The rows of a file as a data set, mapped."""
    import datasets

    return datasets.Dataset.from_file(str(path))


def rows_to_learn(folder: Path, packing: bool) -> Any:
    return load(folder / ("packed.arrow" if packing else "train.arrow"))


def head(folder: Path, count: int) -> list[Tokens]:
    """The first examples to learn from, as many as there are up to `count`."""
    rows = load(folder / "train.arrow")
    return [Tokens(row["input_ids"], row["labels"]) for row in rows.select(range(min(count, len(rows))))]


def examples_in(row: dict[str, Any], number: int) -> list[int]:
    """Numbers of the examples in row `number` of the data set."""
    return sorted(set(row["example"])) if "example" in row else [number]


def with_filler(rows: Any, pad_id: int) -> Any:
    """The data set, still mapped, and one row more, which teaches nothing: see `Order`."""
    import datasets

    filler = {"input_ids": [pad_id], "labels": [IGNORED], "seq_lengths": [1], "example": [0]}
    filler |= {"rejected_ids": [pad_id], "rejected_labels": [IGNORED], CHOSEN: 0.0, REJECTED: 0.0}
    one = datasets.Dataset.from_list([{name: filler[name] for name in rows.column_names}], features=rows.features)
    return datasets.concatenate_datasets([rows, one])
