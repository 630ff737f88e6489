"""A tokenizer that names no token to pad with, as Llama 3.1's, changes nothing in any stage that batches."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.torch import load_file
from transformers import AutoTokenizer

from stages.logits import local
from stages.logits.examples import Scored
from stages.models import passes
from stages.models.local import digest
from stages.sampling.request import Model, Request
from stages.sampling.transformers import TransformersEngine
from stages.score.columns import embedding, likelihood, reward
from tests.models.without_pad import without_pad
from tests.score.scored import MODELS, ROWS, row, save_reward_model
from tests.train.place import BASE, train_here
from tests.train.test_objectives_train import TEACHER, TRAIN, TWO, place, wrong

TEXTS = [*ROWS, row("p3", "Add 1.", "1 " * 40)]  # of other lengths
RESERVED = pytest.mark.parametrize("reserved", [True, False], ids=["reserved", "none"])


def model(folder: Path) -> Model:
    return Model("transformers", str(folder), "", "float32", 0.0, 0.0)


def replies(folder: Path, _: Path) -> Any:
    """What generate and predict ask."""
    asked = [
        Request(str(n), "plain", (("user", "7 + 5 = ?" * n),), 0, 0, 8, 0.0, 1.0, 0) for n in (1, 5, 9)
    ]  # of other lengths
    return sorted(pair for batch in TransformersEngine(model(folder)).ask(asked) for pair in batch)


def likelihoods(folder: Path, _: Path) -> Any:
    return list(likelihood.to_numbers(TEXTS, model(folder), 4, len(TEXTS), Counter()))


def embeddings(folder: Path, out: Path) -> Any:
    embedding.write_embeddings(out / "e.npy", TEXTS, len(TEXTS), str(folder), "", 4)
    return np.load(out / "e.npy").tolist()


def probabilities(folder: Path, _: Path) -> Any:
    asked: list[Any] = [Scored(None, [0, *range(40, 40 + n)], 3) for n in (5, 9, 30)]  # pyright: ignore[reportArgumentType]
    (found,) = local.ask(asked, 3, model(folder), 4, 700, 4)
    return [(one.token_ids.tolist(), one.logprobs.tolist()) for _, one in found]


@RESERVED
@pytest.mark.parametrize("asked", [replies, likelihoods, embeddings, probabilities], ids=lambda each: each.__name__)
def test_batches_of_a_stage_that_asks(asked: Callable[[Path, Path], Any], reserved: bool, tmp_path: Path) -> None:
    bare = without_pad(MODELS / "base-8b", tmp_path / "bare", reserved)
    assert AutoTokenizer.from_pretrained(bare).pad_token is None
    assert asked(bare, tmp_path) == asked(MODELS / "base-8b", tmp_path)


@RESERVED
def test_rewards_are_read_off_the_last_token(reserved: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the token that pads is one of a text's too, texts are read one by one."""
    whole = save_reward_model(tmp_path / "whole")
    bare = without_pad(whole, tmp_path / "bare", reserved)
    sizes: list[int] = []
    of_batch = reward.of_batch
    monkeypatch.setattr(reward, "of_batch", lambda rows, *given: sizes.append(len(rows)) or of_batch(rows, *given))

    def rewards(folder: Path) -> list[Any]:
        settings = reward.Settings(model=str(folder), revision="", precision="float32", batch_size=4)
        return list(reward.to_rewards(TEXTS, settings, "2024-07-26", len(TEXTS), Counter()))

    assert rewards(bare) == rewards(whole)
    assert sizes == ([4, 4] if reserved else [1, 1, 1, 1, 4])


@RESERVED
def test_it_pads_by_the_token_in_reserve_or_else_by_the_one_that_ends_texts(reserved: bool, tmp_path: Path) -> None:
    tokenizer = passes.load_tokenizer(str(without_pad(MODELS / "base-8b", tmp_path, reserved)), "")
    assert tokenizer.pad_token == ("<|finetune_right_pad_id|>" if reserved else "<|eot_id|>")


@pytest.mark.slow
@RESERVED
@pytest.mark.parametrize("objective", ["plain", "dpo", "on_policy", "plain in two processes"])
def test_a_student_has_the_same_weights(objective: str, reserved: bool, tmp_path: Path) -> None:
    """And then it names a token to pad with."""
    name, _, where = objective.partition(" ")
    whole = BASE, TEACHER
    bare = [without_pad(model, tmp_path / model.name, reserved) for model in whole]
    weights: list[Any] = []
    parallelism: Any = TWO if where else {"rows_per_device": 4}
    for number, (base, teacher) in enumerate((whole, bare)):
        folder = place(
            tmp_path / str(number),
            name,
            f"profiles.laptop.student-8b.base.model={base}",
            f"profiles.laptop.student-8b.base.revision={digest(base)}",
            f"profiles.laptop.teacher.model={teacher}",
            f"profiles.laptop.teacher.revision={digest(teacher)}",
            "profiles.laptop.student-8b.train.num_epochs=1",
            rows=TRAIN[:29],  # so that two processes fill up the last step
            negatives=[wrong(one) for one in TRAIN[:29]] if name == "dpo" else [],
            **parallelism,
        )
        code, printed = train_here(folder)
        assert code == 0, printed
        weights.append(load_file(folder / "models/8b/model.safetensors"))
    named = AutoTokenizer.from_pretrained(tmp_path / "1/models/8b").pad_token
    assert named == ("<|finetune_right_pad_id|>" if reserved else "<|eot_id|>")
    assert all((weights[0][tensor] == weights[1][tensor]).all() for tensor in weights[0])
