"""The file of probabilities: streamed, the same bytes for the same rows, and whole or not there."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from stages.rows.topk import SCHEMA, TopK, read, write


def row(number: int, tokens: int, k: int = 3) -> TopK:
    values = np.random.default_rng(number).normal(size=(tokens, k)).astype(np.float32)
    return TopK(
        "train", f"p{number}", "cot", number % 2, np.arange(tokens * k, dtype=np.int32).reshape(tokens, k), values
    )


ROWS = [row(0, 4), row(1, 1), row(2, 7), row(3, 0), row(4, 2)]


@pytest.mark.parametrize("count", [0, 1, 5])
def test_what_is_written_is_read_back_and_the_same_rows_are_the_same_bytes(
    count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stages.rows.topk.NUMBERS_AT_ONCE", 15)
    for name in ("one", "two"):
        write(tmp_path / name, iter(ROWS[:count]))
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    found = list(read(tmp_path / "one"))
    assert [one[:4] for one in found] == [one[:4] for one in ROWS[:count]]
    for one, expected in zip(found, ROWS, strict=False):
        assert (one.token_ids.dtype, one.logprobs.dtype) == (np.int32, np.float32)
        assert np.array_equal(one.token_ids, expected.token_ids)
        assert np.array_equal(one.logprobs, expected.logprobs)
    file = pq.ParquetFile(tmp_path / "one")
    assert file.schema_arrow.names == SCHEMA.names
    assert file.num_row_groups == {0: 0, 1: 1, 5: 3}[count], "no more than that is in memory at once"


def test_a_write_that_ends_early_leaves_no_file_that_counts(tmp_path: Path) -> None:
    def rows() -> Iterator[TopK]:
        yield ROWS[0]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "topk.parquet", rows())
    assert not (tmp_path / "topk.parquet").exists()
    write(tmp_path / "topk.parquet", ROWS)
    assert [path.name for path in tmp_path.iterdir()] == ["topk.parquet"]


def test_what_is_no_such_file_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"x.parquet: got no probabilities \(.+\), wanted .* run `dvc repro logits`"):
        list(read(tmp_path / "x.parquet"))
