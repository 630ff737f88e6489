"""Examples find their prompt, in whatever order the rows are that are learnt."""

import json
from pathlib import Path
from typing import Any

import pytest

from stages.logits.examples import stream_examples
from stages.rows.prompt import Message, Prompt, write_prompts


def row(id: str, sample: int, style: str = "cot") -> dict[str, Any]:
    asked = [{"role": "user", "content": f"{id}?"}]
    target = [{"role": "assistant", "content": f"{id}{sample}"}]
    return {"id": id, "style": style, "sample": sample, "prompt": asked, "completion": target}


@pytest.fixture
def select(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Writes the rows that are learnt, of which "c" is to validate on, beside prompts a, b and c."""
    monkeypatch.chdir(tmp_path)
    styles = {style: [Message(role="user", content=f"{style} \u2028é")] for style in ("plain", "cot")}
    prompts = [
        Prompt(id=id, task="math", reference="1", solution="", choices=[], messages=styles, schemas={}) for id in "abc"
    ]
    write_prompts(Path("data/prompts/train.jsonl"), prompts)
    Path("data/selected").mkdir()

    def write(*train: dict[str, Any]) -> None:
        for split, rows in (("train", train), ("validation", [row("c", 0)])):
            Path(f"data/selected/{split}.jsonl").write_text("".join(json.dumps(one) + "\n" for one in rows))

    return write


def test_prompts_come_up_again_source_by_source_and_where_the_reasoning_is_learnt_apart(select: Any) -> None:
    select(row("a", 0), row("b", 0), row("a", 1), row("b", 1, "plain"))
    found = list(stream_examples())
    assert [(one.split, one.id, one.sample) for one in found] == [
        *(("train", "a", 0), ("train", "b", 0), ("train", "a", 1), ("train", "b", 1), ("validation", "c", 0)),
    ]
    assert [one.asked[0]["content"] for one in found] == [*["cot \u2028é"] * 3, "plain \u2028é", "cot \u2028é"]
    assert (found[2].plain, found[2].target) == ([{"role": "user", "content": "a?"}], "a1")


@pytest.mark.parametrize(
    ("odd", "message"),
    [(row("z", 0), "got no prompt z, which data/selected/train.jsonl has"), (row("a", 0, "cod"), "wanted cod too")],
)
def test_a_row_without_its_prompt_is_one_clear_error(odd: dict[str, Any], message: str, select: Any) -> None:
    select(row("a", 0), odd)
    with pytest.raises(SystemExit, match=message):
        list(stream_examples())
