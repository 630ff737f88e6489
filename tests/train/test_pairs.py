"""Pairs: the loss is TRL's and the one by hand, a step is one mean however it is parted, and what cannot be is refused."""

import json
import math
from pathlib import Path
from typing import Any

import datasets
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl.trainer.dpo_trainer import DPOTrainer

from stages.train import pairing, reference
from stages.train.arguments import to_dpo_config
from stages.train.arrow import CHOSEN, REJECTED
from stages.train.examples import IGNORED, tokenize
from stages.train.order import Order, epoch_order
from stages.train.pairs import COLUMNS, PairsTrainer, counted, parted
from stages.train.params import Params, load
from tests.architecture.closure import ROOT
from tests.train.place import BASE, run, train_here
from tests.train.test_objectives_train import TEACHER, TRAIN, TWO, place, wrong
from tests.train.test_processes import assert_same
from tools.plan.candidates import on_cpu

BETA, WEIGHT = 0.3, 0.5
PAIRS = [(row, wrong(row)) for row in TRAIN[:6]]


def columns(pairs: list[tuple[dict[str, Any], dict[str, Any]]], ref: tuple[float, float]) -> list[dict[str, Any]]:
    tokenizer = AutoTokenizer.from_pretrained(BASE)
    both = zip(*(tokenize([pair[side] for pair in pairs], tokenizer) for side in (0, 1)), strict=True)
    return [
        {
            **chosen._asdict(),
            "rejected_ids": rejected.input_ids,
            "rejected_labels": rejected.labels,
            CHOSEN: ref[0],
            REJECTED: ref[1],
        }
        for chosen, rejected in both
    ]


@pytest.fixture
def params(monkeypatch: pytest.MonkeyPatch) -> Params:
    monkeypatch.chdir(ROOT)
    loaded = load("8b")
    from stages.train.objectives.dpo import Dpo

    return loaded.model_copy(update={"constants": Dpo(beta=BETA, cross_entropy=WEIGHT, reference="base")})


def made(
    kind: Any, rows: list[dict[str, Any]], params: Params, folder: Path, *order: Any, rows_per_device: int = 4
) -> Any:
    profile = params.profile.model_copy(update={"batch_size": 4})
    args = to_dpo_config(
        params.model_copy(update={"profile": profile}), on_cpu(batch=rows_per_device), folder, True, 1, validate=False
    )
    model: Any = AutoModelForCausalLM.from_pretrained(BASE, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(BASE)
    dataset = datasets.Dataset.from_list(rows)
    return kind(*order, model=model, args=args, train_dataset=dataset, processing_class=tokenizer)


def logprob(model: Any, ids: list[int], labels: list[int]) -> float:
    with torch.no_grad():
        logprobs_TV = model(input_ids=torch.tensor([ids])).logits[0, :-1].log_softmax(-1)
    return sum(logprobs_TV[at, label].item() for at, label in enumerate(labels[1:]) if label != IGNORED)


def gradient(trainer: Any, rows: list[dict[str, Any]], sizes: list[int]) -> tuple[float, dict[str, Any]]:
    """Loss and gradient of a step whose passes have these numbers of rows."""
    starts = [sum(sizes[:i]) for i in range(len(sizes))]
    batches = [trainer.data_collator(rows[start : start + size]) for start, size in zip(starts, sizes, strict=True)]
    in_step = trainer._get_num_items_in_batch(batches, "cpu")
    trainer.model.zero_grad()
    total = 0.0
    for batch in batches:
        loss = trainer.compute_loss(trainer.model, batch, num_items_in_batch=in_step)
        loss.backward()
        total += loss.item()
    return total, {name: p.grad.clone() for name, p in trainer.model.named_parameters() if p.grad is not None}


def test_the_loss_is_the_one_by_hand(params: Params, tmp_path: Path) -> None:
    """-log sigmoid(beta (chosen - rejected)), plus half the mean cross entropy of all chosen tokens."""
    rows = columns(PAIRS, (-20.0, -15.0))
    trainer = made(PairsTrainer, rows, params, tmp_path, Order(6, 1, 1))
    found, _ = gradient(trainer, rows, [4, 2])
    chosen = [logprob(trainer.model, row["input_ids"], row["labels"]) for row in rows]
    rejected = [logprob(trainer.model, row["rejected_ids"], row["rejected_labels"]) for row in rows]
    margins = [BETA * ((c + 20) - (r + 15)) for c, r in zip(chosen, rejected, strict=True)]
    num_tokens = sum(label != IGNORED for row in rows for label in row["labels"])
    wanted = sum(math.log1p(math.exp(-margin)) for margin in margins) / 6 - WEIGHT * sum(chosen) / num_tokens
    assert found == pytest.approx(wanted, rel=1e-4)


def test_equal_replies_have_a_loss_of_log_2_and_no_gradient(params: Params, tmp_path: Path) -> None:
    only = params.model_copy(update={"constants": params.constants.model_copy(update={"cross_entropy": 0.0})})
    rows = columns([(row, row) for row, _ in PAIRS], (-20.0, -20.0))
    found, slopes = gradient(made(PairsTrainer, rows, only, tmp_path, Order(6, 1, 1)), rows, [6])
    assert found == pytest.approx(math.log(2), abs=1e-6)
    assert max(slope.abs().max().item() for slope in slopes.values()) < 1e-5


def test_in_one_pass_loss_and_gradient_are_trls(params: Params, tmp_path: Path) -> None:
    rows = columns(PAIRS, (-20.0, -15.0))
    mine, slopes = gradient(made(PairsTrainer, rows, params, tmp_path, Order(6, 1, 1)), rows, [6])
    named = [parted(row) for row in rows]
    theirs: Any = made(Unprepared, named, params, tmp_path)
    loss = theirs.compute_loss(theirs.model, theirs.data_collator(named))
    loss.backward()
    assert mine == pytest.approx(loss.item(), rel=1e-6)
    for name, p in theirs.model.named_parameters():
        torch.testing.assert_close(slopes[name], p.grad, rtol=1e-4, atol=1e-6)


class Unprepared(DPOTrainer):
    """TRL's, given rows that are tokenised and known to the reference."""

    def _prepare_dataset(self, dataset: Any, processing_class: Any, args: Any, dataset_name: str) -> Any:
        return dataset

    def _precompute_ref_logps(self, dataset: Any, name: str, batch_size: int) -> Any:
        return dataset


def test_a_step_is_the_same_however_it_is_parted_and_filled_up(params: Params, tmp_path: Path) -> None:
    """A row that fills up a pass teaches nothing, even alone."""
    rows = columns(PAIRS, (-20.0, -15.0))
    filler = {"input_ids": [5], "labels": [IGNORED], "rejected_ids": [5], "rejected_labels": [IGNORED]}
    filled = [*rows, filler | {CHOSEN: 0.0, REJECTED: 0.0}]
    trainer = made(PairsTrainer, rows, params, tmp_path, Order(6, 1, 1))
    loss, slopes = gradient(trainer, rows, [6])
    for some, sizes in ((rows, [4, 2]), (rows, [1, 5]), (filled, [3, 4]), (filled, [6, 1])):
        other, others = gradient(trainer, some, sizes)
        assert other == pytest.approx(loss, rel=1e-5), sizes
        for name, slope in slopes.items():
            torch.testing.assert_close(others[name], slope, rtol=1e-3, atol=1e-5)


def test_pairs_come_in_order(params: Params, tmp_path: Path) -> None:
    rows = columns(PAIRS, (-20.0, -15.0))
    trainer = made(PairsTrainer, rows, params, tmp_path, Order(6, 1, 1), rows_per_device=2)
    batch = next(iter(trainer.get_train_dataloader()))
    wanted = [rows[number] for number in epoch_order(6, 1, 0)[:2]]
    found = [ids[mask.bool()].tolist() for ids, mask in zip(batch["input_ids"], batch["attention_mask"], strict=True)]
    assert found == [*(row["input_ids"] for row in wanted), *(row["rejected_ids"] for row in wanted)]
    learnt = sum(label != IGNORED for row in wanted for label in row["labels"])
    assert [count.item() for count in counted(dict(batch))] == [2, learnt]


def test_the_validation_loss_is_the_cross_entropy_of_the_targets(params: Params, tmp_path: Path) -> None:
    rows = columns(PAIRS, (-20.0, -15.0))
    trainer = made(PairsTrainer, rows, params, tmp_path, Order(6, 1, 1))
    found = trainer.evaluate(datasets.Dataset.from_list([{name: row[name] for name in COLUMNS[:2]} for row in rows]))
    losses = [
        -logprob(trainer.model, row["input_ids"], row["labels"]) / sum(label != IGNORED for label in row["labels"])
        for row in rows
    ]
    assert found["eval_loss"] == pytest.approx(sum(losses) / len(losses), rel=1e-5)


@pytest.fixture
def prepared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Tokenised pairs of all rows but the second, and the parameters they were made with."""

    def run(*overrides: str) -> tuple[Path, Params, dict[str, int]]:
        folder = place(tmp_path, "dpo", *overrides, negatives=[wrong(row) for row in TRAIN if row["id"] != "q1"])
        monkeypatch.chdir(folder)
        loaded, tokenizer = load("8b"), AutoTokenizer.from_pretrained(BASE)
        counts = pairing.tokenise(folder, loaded, tokenizer, {tokenizer.eos_token_id}, "8b")
        reference.write(folder, loaded, "8b")
        return folder, loaded, counts

    return run


def test_rows_are_paired_by_id_and_sample_and_the_rest_is_counted(prepared: Any) -> None:
    folder, _, counts = prepared()
    assert counts == {"examples": 31, "unpaired": 1, "truncated": 0, "emptied": 0}
    rows = pairing.load(folder)
    assert [row["example"][0] for row in rows] == [0, *range(2, 32)]
    wanted = columns([(row, wrong(row)) for row in TRAIN if row["id"] != "q1"], (0.0, 0.0))
    for name in ("input_ids", "labels", "rejected_ids", "rejected_labels"):
        assert rows[name][:] == [row[name] for row in wanted]


@pytest.mark.parametrize("which", ["base", "teacher"])
def test_the_reference_is_the_one_that_params_name(which: str, prepared: Any) -> None:
    folder, _, _ = prepared(f"objectives.dpo.reference={which}")
    row = pairing.load(folder)[3]
    sources = {"base": BASE, "teacher": TEACHER}
    models: Any = {name: AutoModelForCausalLM.from_pretrained(at, dtype=torch.float32) for name, at in sources.items()}
    known = {name: logprob(model, row["input_ids"], row["labels"]) for name, model in models.items()}
    assert row[CHOSEN] == pytest.approx(known[which], abs=1e-3)
    assert row[REJECTED] == pytest.approx(logprob(models[which], row["rejected_ids"], row["rejected_labels"]), abs=1e-3)
    assert abs(known["base"] - known["teacher"]) > 1


def test_pairs_are_learnt_and_told(tmp_path: Path) -> None:
    folder = place(tmp_path, "dpo", negatives=[wrong(row) for row in TRAIN])
    code, printed = train_here(folder)
    assert code == 0, printed
    assert "⟦0 + 7 = 7. #### 7<|eot_id|>⟧" in printed
    assert " tokens in " in printed
    report = json.loads((folder / "metrics/train-8b.json").read_text())["train-8b"]
    assert (report["examples"], report["unpaired"], report["steps"]) == (32, 0, 4)
    curve = [float(line.split(",")[1]) for line in (folder / "metrics/validation-8b.csv").read_text().splitlines()[1:]]
    assert report["validation_loss"] == pytest.approx(min(curve), abs=1e-4)


@pytest.mark.parametrize(
    ("overrides", "rows", "negatives", "message"),
    [
        ([], TRAIN, [], "needs rejected replies, got none in data/selected/negatives.jsonl"),
        ([], TRAIN, [wrong(TRAIN[3]), wrong(TRAIN[2])], "negatives.jsonl: got q2 sample 0, wanted the rows of"),
        (
            [],
            [row | {"weight": 0.5} for row in TRAIN],
            [wrong(TRAIN[0])],
            "set select.weigh: rows, select.rationale: 0",
        ),
        (["train.normalisation=sequence"], TRAIN, [], "set train.normalisation: token in params.yaml"),
        (["profiles.laptop.student-8b.train.packing=true"], TRAIN, [], "does not go with packing"),
        (
            ["profiles.laptop.student-8b.train.method=lora", "profiles.laptop.student-8b.train.lora.targets=lm_head"],
            TRAIN,
            [],
            "leave lm_head out of lora.targets",
        ),
        (
            ["objectives.dpo.reference=teacher", "profiles.laptop.teacher.engine=openai"],
            TRAIN,
            [],
            "got a teacher of the engine openai, wanted one that is loaded here",
        ),
    ],
)
def test_what_cannot_be_is_refused_before_weights_load(
    overrides: list[str], rows: list[Any], negatives: list[Any], message: str, tmp_path: Path
) -> None:
    code, printed = train_here(place(tmp_path, "dpo", *overrides, rows=rows, negatives=negatives))
    assert code == 1
    assert message in printed
    assert "Loading weights" not in printed


@pytest.mark.slow
@pytest.mark.parametrize("method", ["full", "lora"])
def test_two_processes_learn_what_one_learns(method: str, tmp_path: Path) -> None:
    """30 pairs: the last step of an epoch is filled up."""
    negatives = [wrong(row) for row in TRAIN[:30]]
    override = f"profiles.laptop.student-8b.train.method={method}"
    alone = place(tmp_path / "alone", "dpo", override, negatives=negatives)
    both = place(tmp_path / "both", "dpo", override, negatives=negatives, **TWO)
    for folder in (alone, both):
        code, printed = run(folder)
        assert code == 0, printed
    assert_same(both, alone, method)
