"""The rows of a data set's split, from data/sets/<name>/rows or from the Hugging Face hub."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stages.prompts.params import SETS

# A row and where it stands, for messages: "train.jsonl line 3".
Located = tuple[str, dict[str, Any] | str]


def read_rows(name: str, file: str | None, hub: tuple[str, str | None, str] | None) -> Iterator[Located]:
    """Each row of a file of the data set, or where it is not there of the hub's (id, revision, split), with its place.

    A row that is no JSON object comes as the words of its problem.
    """
    path = SETS / name / "rows" / (file or "")
    if path.is_file():
        return read_file(path)
    if hub is None:
        raise SystemExit(
            f"prompts: {path}: got no such file, wanted the rows that {SETS / name}/dataset.yaml names; put the file "
            f"there"
        )
    return read_hub(*hub)


def read_file(path: Path) -> Iterator[Located]:
    if path.suffix in (".parquet", ".tsv", ".csv"):
        yield from read_table(path)
        return
    with path.open(encoding="utf-8-sig") as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                yield f"{path} line {number}", parse_line(line)


def read_table(path: Path) -> Iterator[Located]:
    """Columns of a Parquet file, or of a text file with a head line: commas with quotes, or tabs without (there a quote
    is a mere character)."""
    import polars

    if path.suffix == ".parquet":
        table = polars.read_parquet(path)
    else:
        quotes = {".csv": (",", '"'), ".tsv": ("\t", None)}
        separator, quote = quotes[path.suffix]
        try:
            table = polars.read_csv(path, separator=separator, quote_char=quote, infer_schema=False)
        except polars.exceptions.PolarsError as error:
            raise SystemExit(
                f"prompts: {path}: got a table that cannot be read, {str(error).splitlines()[0]}"
            ) from None
    for number, row in enumerate(table.iter_rows(named=True), 1):
        yield f"{path} row {number}", row


def parse_line(line: str) -> dict[str, Any] | str:
    try:
        row = json.loads(line)
    except json.JSONDecodeError as error:
        return f"broken JSON: {error.msg} at column {error.colno}"
    return row if isinstance(row, dict) else f"got a JSON {type(row).__name__}, wanted an object"


def read_hub(id: str, revision: str | None, split: str) -> Iterator[Located]:
    """`split` is "split" or "config/split"."""
    import datasets

    if revision is None:
        raise SystemExit(
            f"prompts: hub data set {id}: got no revision, wanted a commit, so that a run can be repeated; take one "
            f"from the hub's history of its files "
            "and write it under `hub` in its dataset.yaml, or put the rows into data/sets/<name>/rows"
        )
    config, _, name = split.rpartition("/")
    try:
        rows = datasets.load_dataset(id, config or None, revision=revision, split=name)
    except (OSError, ValueError) as error:  # not found, no access, no network, no such split
        raise SystemExit(
            f"prompts: hub data set {id} at {revision}, split {split}: {error}; check `hub` in its dataset.yaml, the "
            f"network and HF_TOKEN, "
            "or put the rows into data/sets/<name>/rows"
        ) from None
    for number, row in enumerate(rows):
        yield f"{id} {split} row {number}", dict(row)
