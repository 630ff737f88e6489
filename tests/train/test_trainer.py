"""The trainer is TRL's but for the order of its rows and for the loss, which is the objective's."""

from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl.trainer.sft_config import SFTConfig
from trl.trainer.sft_trainer import SFTTrainer

from stages.train.brought import Brought
from stages.train.collate import Collator
from stages.train.examples import IGNORED, tokenize
from stages.train.lesson import Lesson
from stages.train.objective import Constants
from stages.train.objectives.table import OBJECTIVES
from stages.train.order import Order, epoch_order
from stages.train.trainer import Trainer
from tests.train.place import BASE, examples

PLAIN = Lesson(OBJECTIVES["plain"], Constants(), {})


def settings(folder: Path, packing: bool = False) -> dict[str, Any]:
    """Of SFTTrainer, for 6 rows."""
    tokenizer: Any = AutoTokenizer.from_pretrained(BASE)
    tokens = list(tokenize(examples(6), tokenizer))
    rows = [example._asdict() for example in tokens]
    if packing:
        rows = [{**row, "seq_lengths": [len(row["input_ids"])]} for row in rows]
    args = SFTConfig(
        output_dir=str(folder),
        per_device_train_batch_size=3,
        max_length=None,
        packing=packing,
        dataset_kwargs={"skip_prepare_dataset": True},
        use_cpu=True,
        bf16=False,
        report_to="none",
    )
    model: Any = AutoModelForCausalLM.from_pretrained(BASE, dtype=torch.float32)
    dataset = datasets.Dataset.from_list(rows)
    return {"model": model, "args": args, "train_dataset": dataset, "processing_class": tokenizer}


def first_batch(trainer: SFTTrainer) -> dict[str, Any]:
    return dict(next(iter(trainer.get_train_dataloader())))


@pytest.mark.parametrize("packing", [False, True])
@pytest.mark.parametrize("num_learnt", [None, 50])
def test_the_plain_loss_and_its_gradient_are_trls(num_learnt: int | None, packing: bool, tmp_path: Path) -> None:
    mine = Trainer(PLAIN, Order(6, 1, 1), None, **settings(tmp_path, packing))
    theirs = SFTTrainer(**settings(tmp_path, packing))
    batch = first_batch(mine)
    losses, gradients = [], []
    for trainer in (mine, theirs):
        model: Any = trainer.model
        loss: Any = trainer.compute_loss(model, dict(batch), num_items_in_batch=num_learnt)
        loss.backward()
        losses.append(loss.detach())
        gradients.append({name: p.grad for name, p in model.named_parameters() if p.grad is not None})
    assert losses[0] > 0
    assert torch.equal(*losses)
    assert gradients[0].keys() == gradients[1].keys()
    assert all(torch.equal(gradients[0][name], gradients[1][name]) for name in gradients[0])


def test_weights_and_shares_make_the_weighed_mean(tmp_path: Path) -> None:
    """Row weights 0.5 to 5.5, the last one negative; the mean over sequences is of those with a positive weight."""
    weights = [0.5, 1.5, 2.5, 3.5, 4.5, -5.5]
    given = settings(tmp_path)
    rows = given["train_dataset"]
    lengths = [sum(label != IGNORED for label in row["labels"]) for row in rows]
    brought = Brought(
        np.array([weight / length for weight, length in zip(weights, lengths, strict=True)], np.float32),
        np.array([1 / n if w > 0 else 0 for w, n in zip(weights, lengths, strict=True)], np.float32),
        np.cumsum([0, *lengths[:-1]]),
        np.zeros(sum(lengths), np.int32),
    )
    numbers = [{**row, "example": [number] * len(row["input_ids"])} for number, row in enumerate(rows)]
    given["train_dataset"] = datasets.Dataset.from_list(numbers)
    trainer: Any = Trainer(Lesson(OBJECTIVES["redi"], Constants(), {}), Order(6, 1, 1), brought, **given)
    order = epoch_order(6, 1, 0)[:3]
    batch = first_batch(trainer)
    (num_items,) = [trainer._get_num_items_in_batch([batch], "cpu")]
    assert num_items == sum(weights[number] > 0 for number in order)
    found = trainer.compute_loss(trainer.model, dict(batch), num_items_in_batch=num_items)
    wanted = 0.0
    for number in order:
        row = rows[number]
        ids = torch.tensor([row["input_ids"]])
        loss = trainer.model(input_ids=ids, labels=torch.tensor([row["labels"]])).loss.item()
        wanted += weights[number] * loss / num_items.item()
    assert found.item() == pytest.approx(wanted, rel=1e-4)


def test_rows_come_in_order(tmp_path: Path) -> None:
    given = settings(tmp_path)
    ids = [given["train_dataset"][number]["input_ids"] for number in epoch_order(6, 1, 0)[:3]]
    batch = first_batch(Trainer(PLAIN, Order(6, 1, 1), None, **given))
    rows = zip(batch["input_ids"], batch["attention_mask"].bool(), strict=True)
    assert [row[mask].tolist() for row, mask in rows] == ids


@pytest.mark.parametrize("packing", [False, True])
def test_the_collator_lays_rows_out_as_trl_would(packing: bool, tmp_path: Path) -> None:
    mine: Any = Trainer(PLAIN, Order(6, 1, 1), None, **settings(tmp_path, packing)).data_collator
    theirs: Any = SFTTrainer(**settings(tmp_path, packing)).data_collator
    assert isinstance(mine, Collator)
    assert vars(mine) == vars(theirs) | {"brought": None}
    assert mine.padding_free == packing
