"""Wrong replies stand beside the rows that are learnt; weights and rows to explain go into the lines."""

import json
from pathlib import Path

import pytest

from tests.select.stage import row, run_select, said

ROWS = [
    row("a", 0, "1 + 1 = 2. #### 2", short="#### 2"),
    row("a", 1, "1 + 1 = 3. #### 3", "wrong"),
    row("a", 2, "1 + 1 = 4. #### 4", "wrong"),
    row("a", 3, "2. #### 2", short="#### 2"),
    row("b", 0, "5. #### 5", short="#### 5"),
    row("b", 1, "", "cut_off"),
    row("c", 0, "7. #### 7", is_validation=True, short="#### 7"),
    row("c", 1, "8. #### 8", "wrong", is_validation=True),
]


def test_without_negatives_and_weights_a_line_has_neither(folder: Path) -> None:
    lines = run_select(ROWS)
    assert said(lines["train"]) == [
        ("a", 0, "1 + 1 = 2. #### 2", None),
        ("a", 3, "2. #### 2", None),
        ("b", 0, "5. #### 5", None),
    ]
    assert lines["negatives"] == []


def test_the_first_wrong_reply_to_the_prompt_is_the_negative_of_each_row_to_train_on(folder: Path) -> None:
    lines = run_select(ROWS, "negatives=wrong")
    assert said(lines["negatives"]) == [("a", 0, "1 + 1 = 3. #### 3", None), ("a", 3, "1 + 1 = 3. #### 3", None)]
    assert lines["negatives"][0]["prompt"] == lines["train"][0]["prompt"]
    told = json.loads(Path("metrics/select.json").read_text())["select"]
    assert (told["train"], told["negatives"]) == (3, 2)


def test_another_models_replies_are_negatives_and_are_not_learnt(folder: Path) -> None:
    own = [
        row("a", 4, "1 + 1 = 2. #### 2", source="base-8b"),
        row("b", 2, "", "cut_off", source="base-8b", text="5 5 5") | {"target": None},
    ]
    lines = run_select([*ROWS, *own], "negatives=base-8b")
    assert [id for id, *_ in said(lines["train"])] == ["a", "a", "b"]
    assert said(lines["negatives"]) == [("a", 3, "1 + 1 = 2. #### 2", None), ("b", 0, "5 5 5", None)], (
        "a reply is no negative of itself"
    )


def test_a_stranger_as_a_source_of_negatives_is_refused(folder: Path) -> None:
    with pytest.raises(
        SystemExit, match=r"select.negatives: got 'base-9b', wanted none, wrong, or one .* asked: teacher"
    ):
        run_select(ROWS, "negatives=base-9b")


def test_rows_of_a_prompt_share_its_weight(folder: Path) -> None:
    assert [weight for *_, weight in said(run_select(ROWS, "weigh=prompts")["train"])] == [0.5, 0.5, 1.0]


def test_answer_and_reasoning_are_learnt_apart_with_their_shares(folder: Path) -> None:
    lines = run_select(ROWS, "rationale=0.25")
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
