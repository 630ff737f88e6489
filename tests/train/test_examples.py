"""What is learnt is the completion and its end, and nothing else."""

from pathlib import Path
from typing import Any

import pytest
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl.trainer.sft_config import SFTConfig
from trl.trainer.sft_trainer import SFTTrainer

from stages.train.examples import IGNORED, Tokens, lines, read_batches, show, tokenize, truncate
from tests.train.place import BASE, examples

ROW = {
    "prompt": [{"role": "system", "content": "Give the answer after ####."}, {"role": "user", "content": "12 + 7 = ?"}],
    "completion": [{"role": "assistant", "content": "12 + 7 = 19. #### 19"}],
}
MULTI = {
    "prompt": [
        {"role": "user", "content": "1 + 1 = ?"},
        {"role": "assistant", "content": "2"},
        {"role": "user", "content": "And 1 more?"},
    ],
    "completion": [{"role": "assistant", "content": "3"}],
}


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return AutoTokenizer.from_pretrained(BASE)


def test_the_labels_are_the_completion_and_its_end(tokenizer: Any) -> None:
    prompt = tokenizer.apply_chat_template(ROW["prompt"], add_generation_prompt=True, return_dict=False)
    completion = tokenizer("12 + 7 = 19. #### 19<|eot_id|>", add_special_tokens=False)["input_ids"]
    assert list(tokenize([ROW], tokenizer)) == [Tokens(prompt + completion, [IGNORED] * len(prompt) + completion)]


def row_by_row(row: dict[str, Any], tokenizer: Any) -> Tokens:
    """As the chat template itself tokenizes a conversation."""
    served = tokenizer.apply_chat_template(row["prompt"], add_generation_prompt=True, return_dict=False)
    whole = tokenizer.apply_chat_template(row["prompt"] + row["completion"], return_dict=False)
    return Tokens(whole, [IGNORED] * len(served) + whole[len(served) :])


@pytest.mark.parametrize("base", ["base-8b", "base-70b"])
def test_a_batch_gets_the_ids_that_each_row_gets_alone(base: str) -> None:
    tokenizer: Any = AutoTokenizer.from_pretrained(BASE.with_name(base))
    odd = ["", " ", "\n\n", "<|eot_id|>", "Ünï¢ödé 漢字 🙂", "a" * 300, "12 + 7 = 19\t#### 19 "]
    system, _ = ROW["prompt"]
    some = [
        {"prompt": [system, {"role": "user", "content": text}], "completion": [{"role": "assistant", "content": text}]}
        for text in odd
    ]
    rows = [ROW, MULTI, *some, *examples(48), {"prompt": MULTI["prompt"], "completion": ROW["completion"]}]
    assert list(tokenize(rows, tokenizer)) == [row_by_row(row, tokenizer) for row in rows]


def test_only_the_last_turn_is_learnt(tokenizer: Any) -> None:
    learnt = [label for label in next(tokenize([MULTI], tokenizer)).labels if label != IGNORED]
    assert tokenizer.decode(learnt) == "3<|eot_id|>"


def test_ids_and_labels_are_those_of_trl(tokenizer: Any, tmp_path: Path) -> None:
    import datasets

    model: Any = AutoModelForCausalLM.from_pretrained(BASE)
    args = SFTConfig(output_dir=str(tmp_path), use_cpu=True, bf16=False, max_length=256, report_to="none")
    rows = datasets.Dataset.from_list([ROW, MULTI])
    theirs: Any = SFTTrainer(model=model, args=args, train_dataset=rows, processing_class=tokenizer).train_dataset
    assert [Tokens(row["input_ids"], row["labels"]) for row in theirs] == list(tokenize([ROW, MULTI], tokenizer))


def test_a_template_that_words_the_prompt_otherwise_is_refused(tokenizer: Any) -> None:
    other: Any = AutoTokenizer.from_pretrained(BASE)
    other.chat_template = "{{ 'trained' if messages[-1].role == 'assistant' else 'served' }}"
    with pytest.raises(ValueError, match="served 'served', trained 'trained'"):
        list(tokenize([ROW], other))


def test_truncation_leaves_out_what_teaches_nothing() -> None:
    assert truncate(Tokens([1, 2, 3, 4], [IGNORED, IGNORED, 3, 4]), 3) == Tokens([1, 2, 3], [IGNORED, IGNORED, 3])
    assert truncate(Tokens([1, 2, 3, 4], [IGNORED, IGNORED, IGNORED, 4]), 3) is None


def test_the_mask_is_shown_as_text(tokenizer: Any) -> None:
    text = show(next(tokenize([ROW], tokenizer)), tokenizer)
    assert text.endswith("<|end_header_id|>\n\n⟦12 + 7 = 19. #### 19<|eot_id|>⟧")
    assert text.count("⟦") == text.count("⟧") == 1


def test_rows_are_read_as_they_are_some_at_a_time(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text('{"a": "é"}\n{"a": "b"}\n{"a": "c"}\n', encoding="utf-8")
    assert list(read_batches(tmp_path / "rows.jsonl", 2)) == [[{"a": "é"}, {"a": "b"}], [{"a": "c"}]]


def test_examples_are_named_by_their_file_and_line() -> None:
    """Of 10 lines to learn, examples 0 to 9; negatives are numbered after them."""
    assert lines([0, 9], 10) == "lines 1, 10 of data/selected/train.jsonl"
    assert lines([9, 10, 12], 10) == (
        "lines 10 of data/selected/train.jsonl and lines 1, 3 of data/selected/negatives.jsonl"
    )
