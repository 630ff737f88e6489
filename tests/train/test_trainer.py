"""The trainer is TRL's but for the order of its rows and for the loss, which is the objective's."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import datasets
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl.trainer.sft_config import SFTConfig
from trl.trainer.sft_trainer import SFTTrainer

from stages.train.collate import Collator
from stages.train.examples import tokenize
from stages.train.objectives import plain
from stages.train.order import Order, epoch_order
from stages.train.trainer import Trainer
from tests.train.place import BASE, examples


def settings(folder: Path, packing: bool = False) -> dict[str, Any]:
    """Of SFTTrainer, for 6 rows that have a weight."""
    tokenizer: Any = AutoTokenizer.from_pretrained(BASE)
    tokens = list(tokenize(examples(6), tokenizer))
    rows = [{**example._asdict(), "weight": 0.5 + number} for number, example in enumerate(tokens)]
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
    mine = Trainer(plain, Order(6, 1, 1), **settings(tmp_path, packing))
    theirs = SFTTrainer(**settings(tmp_path, packing))
    batch = first_batch(mine)
    assert "weight" not in batch, "no column that plain asks for, so its model is given none"
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


def test_another_objective_is_given_its_columns_and_computes_its_own_loss(tmp_path: Path) -> None:
    def loss(of_trl: Any, model: Any, batch: dict[str, Any], return_outputs: bool, num_learnt: Any) -> Any:
        weight_B = batch.pop("weight")
        return weight_B.sum() * of_trl(model, batch, return_outputs, num_learnt)

    weighted: Any = SimpleNamespace(COLUMNS=("weight",), loss=loss)
    trainer: Any = Trainer(weighted, Order(6, 1, 1), **settings(tmp_path))
    theirs: Any = SFTTrainer(**settings(tmp_path))
    batch = first_batch(trainer)
    weights = [0.5 + row for row in epoch_order(6, 1, 0)[:3]]
    assert batch["weight"].tolist() == weights
    found = trainer.compute_loss(trainer.model, dict(batch))
    del batch["weight"]
    assert torch.equal(found, sum(weights) * theirs.compute_loss(theirs.model, batch))


def test_rows_come_in_order(tmp_path: Path) -> None:
    given = settings(tmp_path)
    ids = [given["train_dataset"][number]["input_ids"] for number in epoch_order(6, 1, 0)[:3]]
    batch = first_batch(Trainer(plain, Order(6, 1, 1), **given))
    rows = zip(batch["input_ids"], batch["attention_mask"].bool(), strict=True)
    assert [row[mask].tolist() for row, mask in rows] == ids


@pytest.mark.parametrize("packing", [False, True])
def test_the_collator_lays_rows_out_as_trl_would(packing: bool, tmp_path: Path) -> None:
    mine: Any = Trainer(plain, Order(6, 1, 1), **settings(tmp_path, packing)).data_collator
    theirs: Any = SFTTrainer(**settings(tmp_path, packing)).data_collator
    assert isinstance(mine, Collator)
    assert vars(mine) == vars(theirs)
    assert mine.padding_free == packing
