"""A folder with a few rows to learn, in which `python -m stages.logits` runs, and what its teacher should say of them."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import torch
from dvc.utils.hydra import apply_overrides
from transformers import AutoModelForCausalLM, AutoTokenizer

from stages.models.local import digest
from stages.rows.prompt import Message, Prompt, write_prompts
from tests.architecture.closure import ROOT
from tests.settings import copy_settings

MODELS = ROOT / "data/laptop/models"
TEACHER = "data/laptop/models/teacher"
PLAIN, STEPS = "Give the answer after ####.", "Think step by step. Give the answer after ####."
Row = tuple[str, str, int, str, str]  # split, id, sample, question, target
LEARNT: list[Row] = [
    ("train", "p1", 0, "Tom has 17 books. He buys 11 more. How many books does Tom have now?", "17 + 11 = 28. #### 28"),
    ("train", "p1", 1, "Tom has 17 books. He buys 11 more. How many books does Tom have now?", "#### 28"),
    ("train", "p3", 0, "Ivy has 2 shells. How many shells does Ivy have?", "2. #### 2"),
    ("validation", "p2", 0, "Zoe has 5 coins. She finds 4. How many coins does Zoe have now?", "5 + 4 = 9. #### 9"),
]
OTHER = (
    "+profiles.laptop.roles.other={{engine: transformers, model: data/laptop/models/base-8b, revision: {}, "
    "precision: float32, prompt_price: null, completion_price: null}}"
)


def other() -> str:
    """A role `other`, which is the base of the 8b."""
    return OTHER.format(digest(MODELS / "base-8b"))


def make(folder: Path, *overrides: str, learnt: list[Row] = LEARNT, **logits: Any) -> Path:
    (folder / "data").mkdir(parents=True)
    (folder / "data/laptop").symlink_to(ROOT / "data/laptop")
    copy_settings(folder)
    settings = [f"logits.{name}={value}" for name, value in logits.items()]
    apply_overrides(str(folder / "params.yaml"), ["profile=laptop", *settings, *overrides])
    write_selected(folder, learnt)
    return folder


def write_selected(folder: Path, learnt: list[Row]) -> None:
    """What `prompts` and `select` write of these rows, sorted by split and id; one prompt has no row that is learnt."""
    asked = {id: question for _, id, _, question, _ in learnt} | {"p0": "1 + 1?"}
    write_prompts(folder / "data/prompts/train.jsonl", [to_prompt(id, asked[id]) for id in sorted(asked)])
    (folder / "data/selected").mkdir(parents=True, exist_ok=True)
    for split in ("train", "validation"):
        rows = [to_line(id, sample, *texts) for name, id, sample, *texts in learnt if name == split]
        (folder / f"data/selected/{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def to_prompt(id: str, question: str) -> Prompt:
    messages = {
        style: [Message(role="system", content=told), Message(role="user", content=question)]
        for style, told in (("plain", PLAIN), ("cot", STEPS))
    }
    return Prompt(id=id, task="math", reference="1", solution="", choices=[], messages=messages, schemas={})


def to_line(id: str, sample: int, question: str, target: str) -> dict[str, Any]:
    prompt = [{"role": "system", "content": PLAIN}, {"role": "user", "content": question}]
    completion = [{"role": "assistant", "content": target}]
    return {"id": id, "style": "cot", "sample": sample, "prompt": prompt, "completion": completion}


@cache
def model(name: str) -> tuple[Any, Any]:
    path = MODELS / name
    return AutoTokenizer.from_pretrained(path), AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32)


def by_hand(name: str, question: str, target: str) -> tuple[torch.Tensor, list[int]]:
    """Log-probabilities of all tokens at each learnt token, and the learnt tokens, from the text as it is put."""
    tokenizer, causal = model(name)
    turns = [("system", STEPS), ("user", question), ("assistant", "")]
    head = "<|begin_of_text|>" + "<|eot_id|>".join(f"<|start_header_id|>{r}<|end_header_id|>\n\n{c}" for r, c in turns)
    before = tokenizer(head, add_special_tokens=False)["input_ids"]
    learnt = tokenizer(f"{target}<|eot_id|>", add_special_tokens=False)["input_ids"]
    with torch.no_grad():
        logits = causal(torch.tensor([before + learnt])).logits[0, len(before) - 1 : -1]
    return logits.log_softmax(-1), learnt
