"""Rows of one prompt, ruled as the stage rules them."""

from pathlib import Path
from typing import Any

import polars as pl
from dvc.utils.hydra import apply_overrides
from ruamel.yaml import YAML

from stages.filter.measures import measure
from stages.filter.params import Filter, Params
from stages.filter.reading import read_batch
from stages.filter.rules import apply_row_rules
from tests.architecture.closure import ROOT

PLAIN = [{"role": "system", "content": "plain"}, {"role": "user", "content": "12 + 7?"}]
ROW = {
    **{
        "id": "p1",
        "sample": 0,
        "style": "cot",
        "text": "12 + 7 = 19. #### 19",
        "thoughts": "",
        "finish_reason": "stop",
        "error": "",
        "completion_tokens": 64,
    },
    **{
        "task": "math",
        "reference": "19",
        "solution": "12 + 7 = <<12+7=19>>19.",
        "choices": [],
        "messages": PLAIN,
        "question": "12 + 7?",
    },
    "instruction": "plain\nThink step by step. Give the answer after ####.",
}
SCHEMA = {"sample": pl.Int64, "completion_tokens": pl.Int64, "choices": pl.List(pl.String)}


def params(tmp_path: Path, *overrides: str, completion_format: str = "####") -> Params:
    """Those of params.yaml, with `overrides` of the section filter as dvc's -S takes them."""
    path = tmp_path / "params.yaml"
    path.write_bytes((ROOT / "params.yaml").read_bytes())
    apply_overrides(str(path), [f"filter.{override}" for override in overrides])
    return Params(
        filter=Filter.model_validate(YAML(typ="safe").load(path)["filter"]),
        answer_format="####",
        completion_format=completion_format,
        format_param="profiles.laptop.prompts.answer_format in params.yaml",
        bare_number=False,
        max_words=150,
        summary_words=10,
        num_summaries=2,
        styles="cot cod plain",  # pyright: ignore[reportArgumentType]
        wording="terse",
        dataset="laptop-math",
        source="data/sets/laptop-math",
        licence="Apache-2.0",
        teacher="a teacher",
    )


def with_rules(params: Params, *rows: dict[str, Any]) -> pl.DataFrame:
    """Each of `rows` is what differs from ROW."""
    batch = pl.DataFrame([ROW | row for row in rows], schema_overrides=SCHEMA).with_row_index("row")
    return apply_row_rules(measure(read_batch(batch, params), params), params)
