"""The vllm engine up to vLLM itself, which is an object passed in; tests/real/test_vllm_itself.py runs a real one."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from stages.sampling import vllm
from stages.sampling.request import Model, Reply, Request, unanswered
from stages.sampling.vllm import VllmEngine, find_weights, parallel_sizes, to_reply
from tests.sampling.conftest import request

MODEL = Model("vllm", "org/model", "a" * 40, "bfloat16", 0.0, 0.0)


@pytest.mark.parametrize(
    ("num_gpus", "num_heads", "sizes"),
    [
        (1, 32, (1, 1)),
        (8, 32, (8, 1)),
        (8, 128, (8, 1)),
        (6, 32, (2, 3)),
        (3, 32, (1, 3)),
        (4, 14, (2, 2)),
        (16, 8, (8, 2)),
    ],
)
def test_every_gpu_is_used_and_the_heads_are_split_evenly(
    num_gpus: int, num_heads: int, sizes: tuple[int, int]
) -> None:
    assert parallel_sizes(num_gpus, num_heads) == sizes


def test_a_lora_student_is_an_adapter_over_its_base(tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text(
        json.dumps({"base_model_name_or_path": "org/base", "revision": "b" * 40, "r": 16})
    )
    student = Model("vllm", str(tmp_path), "digest", "bfloat16", 0.0, 0.0)
    assert find_weights(student) == ("org/base", "b" * 40, str(tmp_path), 16)
    assert find_weights(MODEL) == ("org/model", "a" * 40, None, 0)


class Llm:
    """Finishes one request a step, the last that came first; renders a message as a token for each letter."""

    def __init__(self) -> None:
        self.model_config = SimpleNamespace(max_model_len=20)
        self.llm_engine, self.most_waiting = self, 0
        self._waiting: list[tuple[str, dict[str, Any], Any]] = []

    def get_tokenizer(self) -> Any:
        return SimpleNamespace(
            chat_template=None,
            apply_chat_template=lambda messages, **_: [0 for message in messages for _ in message["content"]],
        )

    def add_request(self, request_id: str, prompt: dict[str, Any], params: Any, lora_request: Any) -> None:
        self._waiting.append((request_id, prompt, params))
        self.most_waiting = max(self.most_waiting, len(self._waiting))

    def step(self) -> list[Any]:
        request_id, prompt, _ = self._waiting.pop()
        ended = SimpleNamespace(text=f"reply {request_id}", finish_reason="stop", token_ids=[1, 2, 3])
        return [
            SimpleNamespace(
                request_id=request_id, finished=True, prompt_token_ids=prompt["prompt_token_ids"], outputs=[ended]
            )
        ]


class Asking(VllmEngine):
    """Without vllm installed there are no SamplingParams."""

    def _to_params(self, request: Request) -> Any:
        return request


def test_replies_come_as_they_finish_and_a_prompt_too_long_gets_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vllm, "ROWS_UNDER_WAY", 2)
    llm = Llm()
    asked = [
        request("one"),
        request("two"),
        request("x" * 13),
        request("three"),
    ]  # 7 letters of system prompt before each
    batches = list(Asking(MODEL, llm).ask(asked))
    assert dict(pair for batch in batches for pair in batch) == {
        asked[0]: Reply("reply 1", "stop", 10, 3, "", ""),
        asked[1]: Reply("reply 2", "stop", 10, 3, "", ""),
        asked[2]: unanswered("prompt too long: 20 tokens, the context is 20"),
        asked[3]: Reply("reply 3", "stop", 12, 3, "", ""),
    }
    assert len(batches) > 1
    assert llm.most_waiting == 2, "no more are drawn than there is room for"


def test_an_aborted_request_is_no_reply() -> None:
    aborted = SimpleNamespace(outputs=[SimpleNamespace(finish_reason="abort")])
    assert to_reply(aborted) == unanswered("vllm ended it: abort")


def test_without_vllm_it_says_what_to_install() -> None:
    if vllm.metadata.packages_distributions().get("vllm"):
        pytest.skip("vllm is installed")
    with pytest.raises(SystemExit, match="engine vllm: got no package vllm, wanted it installed: pip install"):
        vllm.version(MODEL)
