"""The vllm teacher up to vLLM itself, which is an object passed in."""

import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from stages.logits import vllm
from stages.logits.examples import Example, Scored
from stages.sampling.request import Model

MODEL = Model("vllm", "org/model", "a" * 40, "bfloat16", 0.0, 0.0)
EXAMPLE = Example("train", "p1", "cot", 0, [], [], "")
ROWS = [Scored(EXAMPLE, [9, 8, 1, 2], 2), Scored(EXAMPLE, [9, 3], 1), Scored(EXAMPLE, [7, 7, 7], 2)]


class Llm:
    """Finds the token itself least probable, and the two ids after it most probable; keeps what it was asked."""

    def __init__(self) -> None:
        self.model_config = SimpleNamespace(max_model_len=5)
        self.asked: list[tuple[list[list[int]], Any]] = []

    def generate(self, prompts: list[dict[str, Any]], params: Any, use_tqdm: bool) -> list[Any]:
        self.asked.append(([prompt["prompt_token_ids"] for prompt in prompts], params))
        return [SimpleNamespace(prompt_logprobs=self.tell(prompt["prompt_token_ids"])) for prompt in prompts]

    def tell(self, ids: list[int]) -> list[dict[int, Any] | None]:
        values = [{id: -5.0, id + 2: -1.0, id + 1: -0.5} for id in ids[1:]]
        return [None, *({id: SimpleNamespace(logprob=v) for id, v in one.items()} for one in values)]


@pytest.fixture(autouse=True)
def _no_vllm_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "vllm", SimpleNamespace(SamplingParams=lambda **given: given))


def test_the_prompts_probabilities_from_the_first_learnt_token_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vllm, "AT_ONCE", 2)
    llm = Llm()
    told = list(vllm.ask(ROWS, MODEL, 2, llm))
    assert [[row for row, _ in together] for together in told] == [ROWS[:2], ROWS[2:]]
    found = [one for together in told for _, one in together]
    assert [one.token_ids.tolist() for one in found] == [[[2, 3], [3, 4]], [[4, 5]], [[8, 9]]]
    assert all((one.logprobs == np.array([-0.5, -1.0], np.float32)).all() for one in found)
    params = {"max_tokens": 1, "prompt_logprobs": 2, "detokenize": False}
    assert llm.asked == [([ROWS[0].ids, ROWS[1].ids], params), ([ROWS[2].ids], params)]


def test_a_row_without_room_and_a_model_that_tells_too_little_are_refused() -> None:
    with pytest.raises(
        SystemExit, match="train row p1 sample 0: got 5 tokens of prompt and target, wanted fewer than 5"
    ):
        list(vllm.ask([Scored(EXAMPLE, [1] * 5, 2)], MODEL, 2, Llm()))
    with pytest.raises(SystemExit, match="got from vLLM, model org/model, 3 tokens at a position"):
        list(vllm.ask(ROWS, MODEL, 4, Llm()))
