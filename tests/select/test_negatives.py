"""Wrong replies stand beside the rows that are learnt; weights and rows to explain go into the lines."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from stages.rows.parquet import writing
from stages.rows.row import schema, score_schema
from stages.select.__main__ import main
from tests.settings import copy_settings

BLANK: dict[Any, Any] = {pl.String: "", pl.Int64: 0, pl.Float64: None, pl.Boolean: False}


def row(id: str, sample: int, target: str, reason: str | None = None, **found: Any) -> dict[str, Any]:
    blank = {name: BLANK.get(type, []) for name, type in schema("filter").items()}
    asked = [{"role": "system", "content": "Give the answer after ####."}, {"role": "user", "content": f"{id}?"}]
    known = {"id": id, "sample": sample, "task": "math", "messages": asked, "source": "teacher", "style": "cot"}
    return blank | known | {"text": f"said {target}", "target": target, "short": None, "reason": reason} | found


ROWS = [
    row("a", 0, "1 + 1 = 2. #### 2", short="#### 2"),
    row("a", 1, "1 + 1 = 3. #### 3", "wrong"),
    row("a", 2, "1 + 1 = 4. #### 4", "wrong"),
    row("a", 3, "2. #### 2", short="#### 2"),
    row("b", 0, "5. #### 5", short="#### 5"),
    row("b", 1, "", "cut_off"),
    row("c", 0, "7. #### 7", is_validation=True, short="#### 7"),
    row("c", 1, "8. #### 8", "wrong"),
]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "metrics").mkdir()
    (tmp_path / "metrics/filter.json").write_text(json.dumps({"filter": {"rows": 8, "rejected": {"wrong": 3}}}))
    return tmp_path


def select(rows: list[dict[str, Any]], *overrides: str) -> dict[str, list[dict[str, Any]]]:
    """The lines of each file."""
    copy_settings(Path(), *(f"select.{override}" for override in overrides))
    frame = pl.DataFrame(rows, schema=schema("filter"), orient="row")
    with writing(Path("data/filtered/rows.parquet"), schema("filter")) as write:
        write(frame)
    Path("data/filtered/README.md").write_text("# rows\n")
    passed = frame.filter(pl.col("reason").is_null())
    scores = passed.select("id", "style", "sample", s_judge=pl.lit(None))
    with writing(Path("data/scores/judge.parquet"), score_schema(["judge"])) as write:
        write(scores)
    main()
    names = ("train", "validation", "negatives")
    return {
        name: [json.loads(line) for line in Path(f"data/selected/{name}.jsonl").read_text().splitlines()]
        for name in names
    }


def said(lines: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return [(line["id"], line["sample"], line["completion"][0]["content"], line.get("weight")) for line in lines]


def test_without_negatives_and_weights_a_line_has_neither(folder: Path) -> None:
    lines = select(ROWS)
    assert said(lines["train"]) == [
        ("a", 0, "1 + 1 = 2. #### 2", None),
        ("a", 3, "2. #### 2", None),
        ("b", 0, "5. #### 5", None),
    ]
    assert lines["negatives"] == []


def test_the_first_wrong_reply_to_the_prompt_is_the_negative_of_each_row_to_train_on(folder: Path) -> None:
    lines = select(ROWS, "negatives=wrong")
    assert said(lines["negatives"]) == [("a", 0, "1 + 1 = 3. #### 3", None), ("a", 3, "1 + 1 = 3. #### 3", None)]
    assert lines["negatives"][0]["prompt"] == lines["train"][0]["prompt"]
    told = json.loads(Path("metrics/select.json").read_text())["select"]
    assert (told["train"], told["negatives"]) == (3, 2)


def test_another_models_replies_are_negatives_and_are_not_learnt(folder: Path) -> None:
    own = [
        row("a", 4, "1 + 1 = 2. #### 2", source="base-8b"),
        row("b", 2, "", "cut_off", source="base-8b", text="5 5 5") | {"target": None},
    ]
    lines = select([*ROWS, *own], "negatives=base-8b")
    assert [id for id, *_ in said(lines["train"])] == ["a", "a", "b"]
    assert said(lines["negatives"]) == [("a", 3, "1 + 1 = 2. #### 2", None), ("b", 0, "5 5 5", None)], (
        "a reply is no negative of itself"
    )


def test_a_stranger_as_a_source_of_negatives_is_refused(folder: Path) -> None:
    with pytest.raises(
        SystemExit, match=r"select.negatives: got 'base-9b', wanted none, wrong, or one .* asked: teacher"
    ):
        select(ROWS, "negatives=base-9b")


def test_rows_of_a_prompt_share_its_weight(folder: Path) -> None:
    assert [weight for *_, weight in said(select(ROWS, "weigh=prompts")["train"])] == [0.5, 0.5, 1.0]


def test_answer_and_reasoning_are_learnt_apart_with_their_shares(folder: Path) -> None:
    lines = select(ROWS, "rationale=0.25")
    assert said(lines["train"]) == [
        ("a", 0, "#### 2", 0.75),
        ("a", 3, "#### 2", 0.75),
        ("b", 0, "#### 5", 0.75),
        ("a", 0, "1 + 1 = 2. #### 2", 0.25),
        ("a", 3, "2. #### 2", 0.25),
        ("b", 0, "5. #### 5", 0.25),
    ]
    asked = [line["prompt"][-1]["content"] for line in lines["train"]]
    assert (asked[0], asked[3]) == ("a?", "Explain: a?")
    assert [line["prompt"][0]["role"] for line in lines["train"]] == ["system"] * 6
    assert said(lines["validation"]) == [("c", 0, "#### 7", None)], "what is served is validated on"
