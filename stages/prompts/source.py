"""The rows of a data set's split, from data/sets/<name> or from the Hugging Face hub."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stages.prompts.params import Hub

SETS = Path("data/sets")

# A row and where it stands, for messages: "train.jsonl line 3".
Located = tuple[str, dict[str, Any] | str]


def read_rows(name: str, source: str, hub: Hub | None) -> Iterator[Located]:
    """Each row of a file in the data set's folder, or of the hub's split of that name, with its place.

    A row that is no JSON object comes as the words of its problem.
    """
    path = SETS / name / source
    if path.is_file():
        return read_file(path)
    if hub is None:
        raise SystemExit(f"prompts: {path}: got no such file, wanted the rows that datasets.{name} in params.yaml names; put the file there")
    return read_hub(hub, source)


def read_file(path: Path) -> Iterator[Located]:
    if path.suffix == ".parquet":
        import polars

        for number, row in enumerate(polars.read_parquet(path).iter_rows(named=True)):
            yield f"{path} row {number}", row
        return
    with path.open(encoding="utf-8-sig") as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                yield f"{path} line {number}", parse_line(line)


def parse_line(line: str) -> dict[str, Any] | str:
    try:
        row = json.loads(line)
    except json.JSONDecodeError as error:
        return f"broken JSON: {error.msg} at column {error.colno}"
    return row if isinstance(row, dict) else f"got a JSON {type(row).__name__}, wanted an object"


def read_hub(hub: Hub, split: str) -> Iterator[Located]:
    import datasets

    try:
        rows = datasets.load_dataset(hub.id, hub.config, revision=hub.revision, split=split)
    except (OSError, ValueError) as error:  # not found, no access, no network, no such split
        raise SystemExit(
            f"prompts: hub data set {hub.id} at {hub.revision}, split {split}: {error}; check `hub` in params.yaml, the network and HF_TOKEN, "
            "or put the rows into the data set's folder in data/sets"
        ) from None
    for number, row in enumerate(rows):
        yield f"{hub.id} {split} row {number}", dict(row)
