"""Replies are graded as `evaluate` grades them, in every kind of task."""

from pathlib import Path

import polars as pl
import pytest

from stages.evaluate.grade import grade, read_predictions
from stages.evaluate.measures import measure
from stages.evaluate.params import Params
from stages.rows.prompt import Message, Prompt, write_prompts
from stages.rows.row import schema
from tests.tools.study.made import LOCKED
from tools.study.grades import OUTCOMES, RETENTION, graded
from tools.study.rows import to_settings

REPLIES = {
    "math": ["1 + 1 = 2. #### 2", "#### 3", "no idea", "#### 2"],
    "summarization": ["Ann met Bob in Rome. #### Ann met Bob in Rome.", "#### They met.", "", "#### Ann in Paris"],
    "conversation": ["Take the train to Rome.", "Walk.", "", "Take the train."],
}
REFERENCES = {"math": "2", "summarization": "Ann and Bob met in Rome.", "conversation": "Take the train to Rome."}
SETTINGS: Params = to_settings(LOCKED)


def to_prompt(task: str, number: int) -> Prompt:
    asked = [Message("system", "Answer after ####."), Message("user", "Ann and Bob met in Rome on Monday. Say it.")]
    return Prompt(f"test-{number}", task, REFERENCES[task], "", [], {"plain": asked}, {})


def write(folder: Path, task: str, split: str, prompts: list[Prompt]) -> Path:
    """The last reply was cut off; replies in another style and of another split are others'."""
    rows = [(p.id, split, "plain", text, "stop") for p, text in zip(prompts, REPLIES[task], strict=True)]
    rows[-1] = (*rows[-1][:4], "length")
    rows += [(p.id, split, "cot", "#### 9", "stop") for p in prompts] + [(prompts[0].id, "train", "plain", "x", "stop")]
    frame = pl.DataFrame(rows, ["id", "split", "style", "text", "finish_reason"], orient="row")
    others = {name: pl.lit(None, dtype) for name, dtype in schema("generate").items() if name not in frame.columns}
    frame.with_columns(**others | {"prompt_tokens": pl.lit(1), "completion_tokens": pl.lit(1)}).write_parquet(
        folder / "rows"
    )
    write_prompts(folder / "prompts", prompts)
    return folder / "rows"


@pytest.mark.parametrize("task", REPLIES)
def test_values_and_outcomes_are_those_of_evaluate(tmp_path: Path, task: str) -> None:
    prompts = [to_prompt(task, i) for i in range(4)]
    rows = write(tmp_path, task, "test", prompts)
    found = graded(rows, tmp_path / "prompts", "test", SETTINGS.model_dump_json())
    of_split = [prediction for prediction in read_predictions(rows) if prediction.split == "test"]
    wanted = grade(of_split, prompts, "plain", SETTINGS.answer_format, SETTINGS.bare_number)
    assert found.values.tolist() == pytest.approx(measure(wanted, prompts, SETTINGS).values)
    assert [OUTCOMES[code] for code in found.outcomes] == wanted.outcomes
    assert found.values[0] > found.values[1]


def test_of_the_retention_set_only_questions_with_a_right_answer_count(tmp_path: Path) -> None:
    prompts = [to_prompt("math", 0), to_prompt("conversation", 1), to_prompt("math", 2), to_prompt("math", 3)]
    rows = write(tmp_path, "math", RETENTION, prompts)
    found = graded(rows, tmp_path / "prompts", RETENTION, SETTINGS.model_dump_json())
    assert found.values.tolist() == [1.0, 0.0, 0.0]  # right, unreadable, cut off


def test_a_question_without_a_reply_is_one_clear_line(tmp_path: Path) -> None:
    prompts = [to_prompt("math", i) for i in range(4)]
    rows = write(tmp_path, "math", "test", prompts)
    write_prompts(tmp_path / "prompts", [*prompts, to_prompt("math", 9)])
    with pytest.raises(SystemExit, match="got no reply to test-9, wanted one to every question"):
        graded(rows, tmp_path / "prompts", "test", SETTINGS.model_dump_json())
