"""What is learnt is the completion and its end, and nothing else; packed examples do not see each other."""

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl.trainer.sft_config import SFTConfig
from trl.trainer.sft_trainer import DataCollatorForLanguageModeling, SFTTrainer

from stages.train.examples import IGNORED, Tokens, examples_in, read_rows, show, to_dataset, tokenize, truncate, with_filler
from tests.architecture.closure import ROOT

BASE = ROOT / "data/laptop/models/base-8b"
ROW = {
    "prompt": [{"role": "system", "content": "Give the answer after ####."}, {"role": "user", "content": "12 + 7 = ?"}],
    "completion": [{"role": "assistant", "content": "12 + 7 = 19. #### 19"}],
}
MULTI = {
    "prompt": [{"role": "user", "content": "1 + 1 = ?"}, {"role": "assistant", "content": "2"}, {"role": "user", "content": "And 1 more?"}],
    "completion": [{"role": "assistant", "content": "3"}],
}


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return AutoTokenizer.from_pretrained(BASE)


def test_the_labels_are_the_completion_and_its_end(tokenizer: Any) -> None:
    prompt = tokenizer.apply_chat_template(ROW["prompt"], add_generation_prompt=True, return_dict=False)
    completion = tokenizer("12 + 7 = 19. #### 19<|eot_id|>", add_special_tokens=False)["input_ids"]
    assert tokenize(ROW, tokenizer) == Tokens(prompt + completion, [IGNORED] * len(prompt) + completion)


def test_only_the_last_turn_is_learnt(tokenizer: Any) -> None:
    learnt = [label for label in tokenize(MULTI, tokenizer).labels if label != IGNORED]
    assert tokenizer.decode(learnt) == "3<|eot_id|>"


def test_ids_and_labels_are_those_of_trl(tokenizer: Any, tmp_path: Path) -> None:
    import datasets

    model: Any = AutoModelForCausalLM.from_pretrained(BASE)
    args = SFTConfig(output_dir=str(tmp_path), use_cpu=True, bf16=False, max_length=256, report_to="none")
    rows = datasets.Dataset.from_list([ROW, MULTI])
    theirs: Any = SFTTrainer(model=model, args=args, train_dataset=rows, processing_class=tokenizer).train_dataset
    assert [Tokens(row["input_ids"], row["labels"]) for row in theirs] == [tokenize(ROW, tokenizer), tokenize(MULTI, tokenizer)]


def test_a_template_that_words_the_prompt_otherwise_is_refused(tokenizer: Any) -> None:
    other: Any = AutoTokenizer.from_pretrained(BASE)
    other.chat_template = "{{ 'trained' if messages[-1].role == 'assistant' else 'served' }}"
    with pytest.raises(ValueError, match="served 'served', trained 'trained'"):
        tokenize(ROW, other)


def test_truncation_leaves_out_what_teaches_nothing() -> None:
    examples = [Tokens([1, 2, 3, 4], [IGNORED, IGNORED, 3, 4]), Tokens([1, 2, 3, 4], [IGNORED, IGNORED, IGNORED, 4])]
    assert truncate(examples, 3) == [Tokens([1, 2, 3], [IGNORED, IGNORED, 3])]


def test_the_mask_is_shown_as_text(tokenizer: Any) -> None:
    text = show(tokenize(ROW, tokenizer), tokenizer)
    assert text.endswith("<|end_header_id|>\n\n⟦12 + 7 = 19. #### 19<|eot_id|>⟧")
    assert text.count("⟦") == text.count("⟧") == 1


def test_packed_rows_know_their_examples_and_none_sees_another(tokenizer: Any) -> None:
    examples = [tokenize(ROW, tokenizer), tokenize(MULTI, tokenizer)]
    (row,) = to_dataset(examples, 256, packing=True)
    assert row["seq_lengths"] == sorted((len(e.input_ids) for e in examples), reverse=True)
    assert examples_in(row, 0) == [0, 1]
    model: Any = AutoModelForCausalLM.from_pretrained(BASE, dtype=torch.float32)
    batch = DataCollatorForLanguageModeling(pad_token_id=0, padding_free=True)([row])
    with torch.no_grad():
        packed = model(input_ids=batch["input_ids"], position_ids=batch["position_ids"], use_cache=False).logits[0]
        start = 0
        for length in row["seq_lengths"]:
            alone = model(input_ids=batch["input_ids"][:, start : start + length], use_cache=False).logits[0]
            assert torch.allclose(packed[start : start + length], alone, atol=1e-5)
            start += length


def test_the_filler_teaches_nothing(tokenizer: Any) -> None:
    for packing in (False, True):
        rows = with_filler(to_dataset([tokenize(ROW, tokenizer)], 256, packing), 7)
        assert (rows[1]["input_ids"], rows[1]["labels"]) == ([7], [IGNORED])
        assert len(rows) == 2


def test_rows_are_read_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text('{"a": "é"}\n{"a": "b"}\n', encoding="utf-8")
    assert read_rows(tmp_path / "rows.jsonl") == [{"a": "é"}, {"a": "b"}]
