"""Completions meet their prompts, however the batches fall."""

from pathlib import Path

import polars as pl
import pytest

from stages.filter.batches import completions_with_prompts, prompts_alone
from stages.rows.completion import Completion, write_completions
from stages.rows.prompt import Message, Prompt, write_prompts

NUM_SAMPLES = 3


def prompt(id: str) -> Prompt:
    turns = [Message(role="user", content=f"{id}?"), Message(role="assistant", content="what?"), Message(role="user", content="that")]
    plain, cot = ([Message(role="system", content=told), *turns] for told in ("be brief", "think"))
    return Prompt(id=id, task="math", reference="1", solution="", choices=[], messages={"plain": plain, "cot": cot}, schemas={"cot": {"type": "object"}})


def completion(id: str, sample: int) -> Completion:
    values = {
        "split": "train",
        "style": "cot",
        "text": f"{id} {sample} é\n\u2028",
        "reasoning": "",
        "finish_reason": "stop",
        "error": "",
        "prompt_tokens": 1,
        "completion_tokens": 2,
    }
    return Completion.model_validate({"id": id, "sample": sample} | values)


@pytest.fixture
def paths(tmp_path: Path) -> tuple[Path, Path]:
    ids = ["b", "a", "d", "c"]
    write_prompts(tmp_path / "prompts.jsonl", [prompt(id) for id in ids])
    write_completions(tmp_path / "completions.jsonl", [completion(id, sample) for id in ids for sample in range(NUM_SAMPLES)])
    return tmp_path / "prompts.jsonl", tmp_path / "completions.jsonl"


@pytest.mark.parametrize("size", [1, 2, 5, 100])
def test_every_completion_has_its_prompt_in_any_batch_size(size: int, paths: tuple[Path, Path]) -> None:
    batches = list(completions_with_prompts(*paths, size))
    assert max(map(len, batches)) <= size
    rows = pl.concat(batches)
    assert rows["row"].to_list() == list(range(12))
    assert rows["id"].to_list() == [id for id in "badc" for _ in range(NUM_SAMPLES)]
    assert rows["sample"].to_list() == [0, 1, 2] * 4
    assert rows["text"].to_list() == [f"{id} {sample} é\n\u2028" for id in "badc" for sample in range(NUM_SAMPLES)]
    assert rows["question"].to_list() == [f"{id}?\nwhat?\nthat" for id in "badc" for _ in range(NUM_SAMPLES)], "the conversation, without the system's turn"
    assert set(rows["instruction"]) == {"be brief\nthink"}
    assert rows["prompt"][0].to_list() == [message.model_dump() for message in prompt("b").messages["plain"]]


def test_a_completion_without_its_prompt_is_an_error(paths: tuple[Path, Path]) -> None:
    prompts, completions = paths
    write_completions(completions, [completion("a", 0), completion("x", 0)])
    with pytest.raises(SystemExit, match=r"completions.jsonl: got a completion of prompt 'x', wanted the prompts of .*prompts.jsonl in their order"):
        list(completions_with_prompts(prompts, completions, 10))


def test_a_broken_line_is_one_clear_error(paths: tuple[Path, Path]) -> None:
    prompts, completions = paths
    completions.write_text(completions.read_text() + '{"id": "b", "sample')
    with pytest.raises(SystemExit, match=r"completions.jsonl: got a line that is no such row \(.+\), wanted what the stage before wrote"):
        list(completions_with_prompts(prompts, completions, 100))


def test_the_control_has_a_row_for_each_prompt(paths: tuple[Path, Path]) -> None:
    rows = pl.concat(prompts_alone(paths[0], 3))
    assert rows.select("row", "id", "style", "sample", "text", "finish_reason").rows() == [(i, id, "plain", 0, "", "stop") for i, id in enumerate("badc")]
