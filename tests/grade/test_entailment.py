"""What a tiny classifier of random weights says of a summary, against passes by hand, and how its windows cover."""

from pathlib import Path

import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer, LlamaConfig, LlamaForSequenceClassification

from stages.grade.cases import Single
from stages.grade.entailment import entailments, split, windows_of
from stages.models.local import digest
from stages.rows.prompt import Message, Prompt
from stages.sampling.role import Role
from tests.score.scored import MODELS

CONTEXT = 64
SHORT = "Zoe has 12 cards. She finds 7 more."
LONG = " ".join(f"Zoe has {i} cards and finds {i + 1} more." for i in range(30))


def save(folder: Path, labels: list[str]) -> Path:
    tokenizer = AutoTokenizer.from_pretrained(MODELS / "base-8b")
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=CONTEXT,
        pad_token_id=tokenizer.pad_token_id,
    )
    config.id2label, config.label2id = dict(enumerate(labels)), {label: i for i, label in enumerate(labels)}
    torch.manual_seed(2)
    LlamaForSequenceClassification(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("nli") / "model", ["contradiction", "neutral", "ENTAILMENT"])


def role(folder: Path) -> Role:
    return Role(
        engine="transformers",
        model=str(folder),
        revision=digest(folder),
        precision="float32",
        prompt_price=None,
        completion_price=None,
    )


def single(article: str, summary: str | None) -> Single:
    prompt = Prompt("p", "summarization", "", "", [], {"plain": [Message("user", article)]}, {})
    return Single(prompt, "8b plain", summary)


def by_hand(folder: Path, article: str, sentence: str) -> float:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    with torch.no_grad():
        model = AutoModelForSequenceClassification.from_pretrained(folder)
        return model(**tokenizer(article, sentence, return_tensors="pt")).logits.softmax(-1)[0, 2].item()


def test_it_is_the_mean_over_the_sentences_whatever_the_batch(folder: Path) -> None:
    first, second = by_hand(folder, SHORT, "Zoe has cards."), by_hand(folder, SHORT, "She finds 7!")
    assert abs(first - second) > 1e-3
    found = entailments(
        [single(SHORT, "Zoe has cards. She finds 7!"), single(SHORT, None), single(SHORT, "Zoe has cards.")],
        role(folder),
    )
    assert found[0] == pytest.approx((first + second) / 2, abs=2e-4)
    assert found[1] is None
    assert found[2] == pytest.approx(first, abs=2e-4)


def test_of_a_long_article_the_window_that_entails_most_counts(folder: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    windows = windows_of(0, LONG, "Zoe has 29 cards.", tokenizer, CONTEXT)
    assert len(windows) > 3
    assert all(len(window.inputs["input_ids"]) <= CONTEXT for window in windows)
    ends = tokenizer("Zoe has 29 cards.", add_special_tokens=False)["input_ids"]
    assert all(window.inputs["input_ids"][-len(ends) :] == ends for window in windows)
    covered = {id for window in windows for id in window.inputs["input_ids"]}
    assert covered >= set(tokenizer(LONG, add_special_tokens=False)["input_ids"])
    model = AutoModelForSequenceClassification.from_pretrained(folder)
    with torch.no_grad():
        each = [model(torch.tensor([window.inputs["input_ids"]])).logits.softmax(-1)[0, 2].item() for window in windows]
    assert entailments([single(LONG, "Zoe has 29 cards.")], role(folder)) == [pytest.approx(max(each), abs=2e-4)]


def test_sentences() -> None:
    assert split('He said "Stop." Then\nhe left.\n\n—') == ['He said "Stop.', "Then", "he left."]


def test_a_classifier_that_knows_no_entailment_is_refused(tmp_path: Path) -> None:
    other = save(tmp_path / "model", ["negative", "positive"])
    with pytest.raises(
        SystemExit,
        match="whose labels are negative, positive, wanted a classifier with one label that begins with entail",
    ):
        entailments([single(SHORT, "Zoe.")], role(other))
