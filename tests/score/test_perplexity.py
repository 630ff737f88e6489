"""Perplexity is what a forward pass by hand says, whatever the batch."""

import json
import math
from collections import Counter

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from stages.models.passes import load
from stages.sampling.request import Model
from stages.score.perplexity import batch_perplexities, to_perplexities, tokenize
from stages.score.rows import Row
from tests.architecture.closure import ROOT
from tests.score.scored import CARDS, MODELS, ROWS, row

BASE = Model("transformers", str(MODELS / "base-8b"), "", "float32", 0.0, 0.0)


def measure(rows: list[Row], batch_size: int, counts: Counter[str]) -> list[float | None]:
    return list(to_perplexities(rows, BASE, batch_size, len(rows), counts))


def problems(count: int) -> list[Row]:
    """Laptop problems with their worked solutions, of many lengths."""
    rows = [json.loads(line) for line in (ROOT / "data/laptop/problems/train.jsonl").open()][:count]
    return [row(one["id"], one["question"], f"{one['solution']} #### {one['answer']}") for one in rows]


def test_it_is_exp_of_the_mean_loss_of_the_target_given_the_plain_prompt() -> None:
    tokenizer = AutoTokenizer.from_pretrained(BASE.name)
    model = AutoModelForCausalLM.from_pretrained(BASE.name, dtype=torch.float32)
    head = "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nGive the answer after ####.<|eot_id|>"
    head += f"<|start_header_id|>user<|end_header_id|>\n\n{CARDS}<|eot_id|>"
    head += "<|start_header_id|>assistant<|end_header_id|>\n\n"
    before = tokenizer(head, add_special_tokens=False)["input_ids"]
    learnt = tokenizer("12 + 7 = 19. #### 19<|eot_id|>", add_special_tokens=False)["input_ids"]
    with torch.no_grad():
        likely = model(torch.tensor([before + learnt])).logits[0].log_softmax(-1)
    total = -sum(likely[len(before) - 1 + i, token].item() for i, token in enumerate(learnt))
    (found,) = measure(ROWS[:1], 1, Counter())
    assert found == pytest.approx(math.exp(total / len(learnt)), rel=1e-5, abs=5e-5)


def test_it_does_not_depend_on_the_batch() -> None:
    tokenizer, model = load(AutoModelForCausalLM, BASE.name, BASE.revision, BASE.precision)
    rows = [tokenize(one, tokenizer) for one in problems(8)]
    assert len({len(row.ids) for row in rows}) > 4
    alone = [batch_perplexities([row], model, tokenizer.pad_token_id)[0] for row in rows]
    assert batch_perplexities(rows, model, tokenizer.pad_token_id) == pytest.approx(alone, rel=1e-5)
    assert measure(problems(20), 1, Counter()) == pytest.approx(measure(problems(20), 8, Counter()), rel=1e-5, abs=1e-4)


def test_an_empty_target_has_none_and_a_long_one_is_counted() -> None:
    counts = Counter[str]()
    found = measure([*ROWS, row("p3", "?", ""), row("p2", "?", "2 " * 300)], 8, counts)
    assert [value is None for value in found] == [False, False, False, True, True]
    assert counts == {"too_long": 1}
    assert all(value > 1 for value in found if value is not None)


def test_a_template_that_words_the_prompt_otherwise_is_an_error() -> None:
    tokenizer = AutoTokenizer.from_pretrained(BASE.name)
    tokenizer.chat_template += "{% if add_generation_prompt %}<think>{% endif %}"
    with pytest.raises(
        SystemExit, match=r"prompt p1: got a chat template that words the prompt as '<think>', and with an answer as '1"
    ):
        tokenize(ROWS[0]._replace(target="19"), tokenizer)
