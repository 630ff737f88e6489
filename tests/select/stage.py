"""The stage on rows made by hand, and what it writes."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from stages.rows.parquet import writing
from stages.rows.row import schema, score_schema
from stages.select.__main__ import main
from tests.settings import copy_settings

BLANK: dict[Any, Any] = {pl.String: "", pl.Int64: 0, pl.Float64: None, pl.Boolean: False}


def row(id: str, sample: int, target: str, reason: str | None = None, **found: Any) -> dict[str, Any]:
    blank = {name: BLANK.get(type, []) for name, type in schema("filter").items()}
    asked = [{"role": "system", "content": "Give the answer after ####."}, {"role": "user", "content": f"{id}?"}]
    known = {"id": id, "sample": sample, "task": "math", "messages": asked, "source": "teacher", "style": "cot"}
    return (
        blank
        | known
        | {"text": f"said {target}", "target": target, "short": None, "private": None, "reason": reason}
        | found
    )


def run_select(
    rows: list[dict[str, Any]], *overrides: str, **scores: Sequence[float | None]
) -> dict[str, list[dict[str, Any]]]:
    """The lines of each file. `scores` are the numbers of the rows that pass, in their order."""
    copy_settings(Path(), *(f"select.{override}" for override in overrides))
    frame = pl.DataFrame(rows, schema=schema("filter"), orient="row")
    with writing(Path("data/filtered/rows.parquet"), schema("filter")) as write:
        write(frame)
    Path("data/filtered/README.md").write_text("---\nlicense: mit\n---\n\n# rows\n")
    passed = frame.filter(pl.col("reason").is_null())
    numbers = {"judge": [None] * len(passed)} | scores
    scored = passed.select("id", "style", "sample").with_columns(
        pl.Series(f"s_{name}", values, dtype=pl.Float64) for name, values in numbers.items()
    )
    with writing(Path("data/scores/all.parquet"), score_schema(list(numbers))) as write:
        write(scored)
    main()
    names = ("train", "validation", "negatives")
    return {
        name: [json.loads(line) for line in Path(f"data/selected/{name}.jsonl").read_text().splitlines()]
        for name in names
    }


def said(lines: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return [(line["id"], line["sample"], line["completion"][0]["content"], line.get("weight")) for line in lines]
