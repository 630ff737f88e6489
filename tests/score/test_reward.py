"""A reward is what a forward pass by hand gives, whatever the batch."""

import json
from collections import Counter
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from stages.score.columns.reward import Settings, to_rewards, tokenize
from tests.score.scored import CARDS, MODELS, ROWS, row, save_reward_model

TARGETS = ["2. #### 2", "12 + 7 = 19. #### 19", "no", "It is 2, because nothing is added. #### 2", "7 " * 60]
ROWS_OF_MANY_LENGTHS = [*ROWS, *(row("p", "How many?", target) for target in TARGETS)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_reward_model(tmp_path_factory.mktemp("reward") / "model")


def rewards(folder: Path, batch_size: int, rows: list = ROWS_OF_MANY_LENGTHS) -> list[float | None]:
    settings = Settings(model=str(folder), revision="", precision="float32", batch_size=batch_size)
    return [value for (value,) in to_rewards(rows, settings, "2024-07-26", len(rows), Counter())]


def by_hand(folder: Path, text: str) -> float:
    ids = AutoTokenizer.from_pretrained(folder)(text, add_special_tokens=False, return_tensors="pt")["input_ids"]
    with torch.no_grad():
        return AutoModelForSequenceClassification.from_pretrained(folder)(ids).logits.item()


def test_it_is_read_off_the_end_of_prompt_and_target_in_the_chat_template(folder: Path) -> None:
    text = "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nGive the answer after ####.<|eot_id|>"
    text += f"<|start_header_id|>user<|end_header_id|>\n\n{CARDS}<|eot_id|>"
    text += "<|start_header_id|>assistant<|end_header_id|>\n\n12 + 7 = 19. #### 19<|eot_id|>"
    assert rewards(folder, 8)[0] == pytest.approx(by_hand(folder, text), abs=6e-5)


def test_it_does_not_depend_on_the_batch(folder: Path, tmp_path: Path) -> None:
    alone = rewards(folder, 1)
    assert len(set(alone)) == len(alone)
    assert rewards(folder, 8) == pytest.approx(alone, abs=2e-4)
    unpadded = save_reward_model(tmp_path / "unpadded")  # a model that does not say which token is padding
    config = json.loads((unpadded / "config.json").read_text())
    (unpadded / "config.json").write_text(json.dumps(config | {"pad_token_id": None}))
    assert rewards(unpadded, 8) == pytest.approx(alone, abs=2e-4)


def test_without_a_chat_template_question_and_target_are_a_pair() -> None:
    tokenizer = AutoTokenizer.from_pretrained(MODELS / "base-8b")
    tokenizer.chat_template = None
    assert tokenize(ROWS[2], tokenizer) == tokenizer("Ivy has 2 shells. How many?", "2. #### 2")["input_ids"]


def test_an_empty_target_has_none_and_a_long_one_is_counted(folder: Path) -> None:
    rows, counts = [ROWS[0], row("p", "?", " "), row("p", "?", "2 " * 300)], Counter[str]()
    settings = Settings(model=str(folder), revision="", precision="float32", batch_size=8)
    found = [value for (value,) in to_rewards(rows, settings, "2024-07-26", len(rows), counts)]
    assert [value is None for value in found] == [False, True, True]
    assert counts == {"too_long": 1}
