"""The gold answer, or nothing, where the teacher is unsure."""

from pathlib import Path

import polars as pl
import pytest

from stages.select.params import load
from stages.select.unsure import gold_target
from tests.select.stage import row, run_select, said
from tests.settings import copy_settings

# exp(-0.1) = 0.905, exp(-1) = 0.368, exp(-0.5) = 0.607
ROWS = [
    row("a", 0, "1 + 1 = 2. #### 2", short="#### 2", reference="2", solution="1 and 1 <<1+1=2>>make 2."),
    row("b", 0, "Hm. #### 5", short="#### 5", reference="5", solution="2 and 3 make 5."),
    row("c", 0, "Hm. #### 7", short="#### 7", reference="7", solution=""),
    row("d", 0, "Hm. #### 9", short="#### 9", reference="no number"),
    row("e", 0, "Hm. #### 4", short="#### 4", reference="4", is_validation=True),
    row("f", 0, "Hm. #### 6", short="#### 6", reference="6"),
]
NLL = [0.1, 1.0, 1.0, 1.0, 1.0, None]


def test_where_the_teacher_is_unsure_the_reference_is_learnt(folder: Path) -> None:
    lines = run_select(ROWS, "unsure.confidence=0.5", nll_teacher=NLL)
    assert [text for _, _, text, _ in said(lines["train"])] == [
        "1 + 1 = 2. #### 2",
        "2 and 3 make 5. #### 5",
        "#### 7",
        "Hm. #### 6",
    ], "c has no worked solution, d no reference that can be learnt, f no number"
    assert [text for _, _, text, _ in said(lines["validation"])] == ["Hm. #### 4"]
    rows = pl.read_parquet("data/selected/rows.parquet")
    assert rows.select("id", "tag", "reason", "detail", "words", "short").rows()[1:4] == [
        ("b", "gold", None, "the teacher's confidence is 0.3679, wanted 0.5", 7, "#### 5"),
        ("c", "gold", None, "the teacher's confidence is 0.3679, wanted 0.5", 2, None),
        (
            "d",
            "",
            "unsure",
            "the teacher's confidence is 0.3679, wanted 0.5, and the reference cannot be learnt",
            0,
            "#### 9",
        ),
    ]
    assert '"gold": 2' in Path("metrics/select.json").read_text()
    assert (
        "| gold in place of the reply | unsure.confidence: 0.5, unsure.then: gold | 2 |"
        in Path("data/selected/README.md").read_text()
    )


def test_or_the_row_is_dropped(folder: Path) -> None:
    lines = run_select(ROWS, "unsure={confidence: 0.5, then: drop}", nll_teacher=NLL)
    assert [id for id, *_ in said(lines["train"])] == ["a", "f"]
    rows = pl.read_parquet("data/selected/rows.parquet").filter(pl.col("reason") == "unsure")
    assert rows["detail"].unique().to_list() == ["the teacher's confidence is 0.3679, wanted 0.5"]


def test_the_threshold_is_of_the_confidence(folder: Path) -> None:
    lines = run_select(ROWS, "unsure={confidence: 0.36, then: drop}", nll_teacher=NLL)
    assert [id for id, *_ in said(lines["train"])] == ["a", "b", "c", "d", "f"]


def test_without_the_teachers_likelihood_it_says_where_to_ask(folder: Path) -> None:
    with pytest.raises(
        SystemExit, match=r"select.unsure.confidence: got a threshold and no row with a nll_teacher, wanted"
    ):
        run_select(ROWS, "unsure.confidence=0.5")


@pytest.mark.parametrize(
    ("overrides", "task", "found", "target"),
    [
        ([], "math", {"reference": "$1,200", "solution": "All <<3*400>>of it."}, ("All of it. #### 1200", "#### 1200")),
        (["filter.target=answer"], "math", {"reference": "5", "solution": "2 + 3."}, ("#### 5", None)),
        (["profile=llama"], "math", {"reference": "5", "solution": ""}, ('{"answer": 5}', None)),
        ([], "nli", {"reference": "entailed", "solution": ""}, ("#### entailment", None)),
        ([], "qa", {"reference": "bank", "solution": "", "choices": ["bus", "bank"]}, ("#### B", None)),
        ([], "summarization", {"reference": "Short.", "solution": "no reasoning"}, ("Short.", None)),
        ([], "conversation", {"reference": "", "solution": ""}, (None, None)),
    ],
)
def test_gold_is_worded_as_the_control_words_it(
    overrides: list[str], task: str, found: dict, target: tuple, folder: Path
) -> None:
    copy_settings(folder, *overrides)
    assert gold_target({"task": task, "choices": []} | found, load()) == target


def test_a_prompts_reference_is_learnt_once(folder: Path) -> None:
    rows = [*ROWS[:2], ROWS[1] | {"sample": 1}, ROWS[1] | {"sample": 2}]
    lines = run_select(rows, "unsure.confidence=0.5", nll_teacher=[0.1, 1.0, 1.0, 0.2])
    assert [(id, sample, text) for id, sample, text, _ in said(lines["train"])] == [
        ("a", 0, "1 + 1 = 2. #### 2"),
        ("b", 0, "2 and 3 make 5. #### 5"),
        ("b", 2, "Hm. #### 5"),
    ], "the second reply to b would teach the same once more, of the third the teacher is sure"
    detail = pl.read_parquet("data/selected/rows.parquet").filter(pl.col("reason") == "unsure")["detail"].item()
    assert detail.endswith(", and the reference is learnt once")
