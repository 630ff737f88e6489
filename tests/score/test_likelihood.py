"""Likelihood and entropy are what a forward pass by hand says, whatever the batch."""

import json
from collections import Counter

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from stages.models.passes import load
from stages.sampling.request import Model
from stages.score.column import Numbers
from stages.score.columns.likelihood import of_batch, to_numbers
from stages.score.rows import Row
from stages.score.tokens import tokenize
from tests.architecture.closure import ROOT
from tests.score.scored import CARDS, MODELS, ROWS, row

BASE = Model("transformers", str(MODELS / "base-8b"), "", "float32", 0.0, 0.0)


def measure(rows: list[Row], batch_size: int, counts: Counter[str]) -> list[Numbers]:
    return list(to_numbers(rows, BASE, batch_size, len(rows), counts))


def problems(count: int) -> list[Row]:
    """Laptop problems with their worked solutions, of many lengths."""
    rows = [json.loads(line) for line in (ROOT / "data/laptop/problems/train.jsonl").open()][:count]
    return [row(one["id"], one["question"], f"{one['solution']} #### {one['answer']}") for one in rows]


def test_it_is_the_loss_of_the_target_given_the_plain_prompt() -> None:
    tokenizer = AutoTokenizer.from_pretrained(BASE.name)
    model = AutoModelForCausalLM.from_pretrained(BASE.name, dtype=torch.float32)
    head = "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nGive the answer after ####.<|eot_id|>"
    head += f"<|start_header_id|>user<|end_header_id|>\n\n{CARDS}<|eot_id|>"
    head += "<|start_header_id|>assistant<|end_header_id|>\n\n"
    before = tokenizer(head, add_special_tokens=False)["input_ids"]
    learnt = tokenizer("12 + 7 = 19. #### 19<|eot_id|>", add_special_tokens=False)["input_ids"]
    with torch.no_grad():
        likely = model(torch.tensor([before + learnt])).logits[0].log_softmax(-1)[len(before) - 1 : -1]
    total = -sum(likely[i, token].item() for i, token in enumerate(learnt))
    entropy = -(likely.exp() * likely).sum(-1).mean().item()
    (found,) = measure(ROWS[:1], 1, Counter())
    assert found == pytest.approx((total / len(learnt), total, entropy), rel=1e-5, abs=5e-5)


def test_it_does_not_depend_on_the_batch() -> None:
    tokenizer, model = load(AutoModelForCausalLM, BASE.name, BASE.revision, BASE.precision)
    rows = [tokenize(one, tokenizer, "likelihood") for one in problems(8)]
    assert len({len(row.ids) for row in rows}) > 4
    alone = [of_batch([row], model, tokenizer.pad_token_id)[0] for row in rows]
    for one, other in zip(of_batch(rows, model, tokenizer.pad_token_id), alone, strict=True):
        assert one == pytest.approx(other, rel=1e-5)
    for one, other in zip(measure(problems(20), 1, Counter()), measure(problems(20), 8, Counter()), strict=True):
        assert one == pytest.approx(other, rel=1e-5, abs=1e-4)


def test_an_empty_target_has_none_and_a_long_one_is_counted() -> None:
    counts = Counter[str]()
    found = measure([*ROWS, row("p3", "?", ""), row("p2", "?", "2 " * 300)], 8, counts)
    assert [values[0] is None for values in found] == [False, False, False, True, True]
    assert found[3:] == [(None, None, None)] * 2
    assert counts == {"too_long": 1}
    assert all(value > 0 for values in found[:3] for value in values if value is not None)


def test_a_template_that_words_the_prompt_otherwise_is_an_error() -> None:
    tokenizer = AutoTokenizer.from_pretrained(BASE.name)
    tokenizer.chat_template += "{% if add_generation_prompt %}<think>{% endif %}"
    with pytest.raises(
        SystemExit, match=r"prompt p1: got a chat template that words the prompt as '<think>', and with an answer as '1"
    ):
        tokenize(ROWS[0]._replace(target="19"), tokenizer, "likelihood")
