"""The student's own replies: drawn by seed and step alone, for prompts as they are served, with the loss by hand."""

import json
import math
from pathlib import Path
from typing import Any

import datasets
import pytest
import torch
from dvc.utils.hydra import apply_overrides
from transformers import AutoModelForCausalLM, AutoTokenizer

from stages.models.local import digest
from stages.train.arguments import to_distillation_config
from stages.train.examples import IGNORED, tokenize
from stages.train.objectives.on_policy import OnPolicy
from stages.train.on_policy import OnPolicyTrainer, prompt
from stages.train.order import StepOrder, epoch_order
from stages.train.params import Params, load
from tests.architecture.closure import ROOT
from tests.train.place import BASE, run, train_here
from tests.train.test_objectives_train import TEACHER, TRAIN, TWO, place
from tests.train.test_processes import kill_at_step
from tools.plan.candidates import on_cpu

SMALL = "profiles.laptop.student-8b.train.learning_rate=0.001"


@pytest.fixture
def params(monkeypatch: pytest.MonkeyPatch) -> Params:
    monkeypatch.chdir(ROOT)
    loaded = load("8b")
    profile = loaded.profile.model_copy(update={"batch_size": 4})
    return loaded.model_copy(update={"profile": profile})


def made(params: Params, folder: Path, beta: float = 0.5, teacher: Path = TEACHER, temperature: float = 1.0) -> Any:
    """A trainer of steps of two passes of two rows."""
    constants = OnPolicy(beta=beta, temperature=temperature, max_new_tokens=12)
    asked = params.model_copy(update={"constants": constants})
    args = to_distillation_config(asked, on_cpu(batch=2), folder, True, 2, validate=False)
    tokenizer: Any = AutoTokenizer.from_pretrained(BASE)
    rows = datasets.Dataset.from_list([example._asdict() for example in tokenize(TRAIN[:6], tokenizer)])
    student, of_teacher = (AutoModelForCausalLM.from_pretrained(at, dtype=torch.float32) for at in (BASE, teacher))
    order = StepOrder(6, 1, 4, 2)
    settings = {"args": args, "train_dataset": rows, "eval_dataset": rows, "processing_class": tokenizer}
    return OnPolicyTrainer(order, model=student, teacher_model=of_teacher, **settings)


def drawn(trainer: Any, step: int = 0) -> dict[str, Any]:
    """The first pass of a step; its replies are drawn anew."""
    trainer.model.train()
    trainer._buffered_inputs, trainer.state.global_step = None, step
    return trainer._prepare_inputs(next(iter(trainer.get_train_dataloader())))


def test_an_epoch_is_whole_steps_and_each_comes_once_for_each_pass() -> None:
    order = StepOrder(num_rows=6, seed=1, batch_size=4, num_passes=2)
    order.set_epoch(3)
    rows = epoch_order(6, 1, 3)
    assert list(order) == [*rows[:4], *rows[:4], *rows[4:], *rows[:2], *rows[4:], *rows[:2]]
    assert len(order) == 16


def test_the_prompts_of_a_step_are_those_of_its_rows_as_they_are_served(params: Params, tmp_path: Path) -> None:
    trainer = made(params, tmp_path)
    drawn(trainer)
    passes = trainer._buffered_inputs
    served = [
        ids[mask.bool()].tolist()
        for one in passes
        for ids, mask in zip(one["prompt_ids"], one["prompt_mask"], strict=True)
    ]
    tokenizer: Any = AutoTokenizer.from_pretrained(BASE)
    wanted = [
        tokenizer.apply_chat_template(TRAIN[number]["prompt"], add_generation_prompt=True)["input_ids"]
        for number in epoch_order(6, 1, 0)[:4]
    ]
    assert sorted(served) == sorted(wanted)


def test_replies_depend_on_seed_and_step_alone(params: Params, tmp_path: Path) -> None:
    trainer = made(params, tmp_path)
    first = drawn(trainer, 5)
    torch.manual_seed(99)
    again, other = drawn(trainer, 5), drawn(trainer, 6)
    assert torch.equal(first["completion_ids"], again["completion_ids"])
    assert first["completion_ids"].tolist() != other["completion_ids"].tolist()


def logprobs(model: Any, batch: dict[str, Any], temperature: float) -> Any:
    """(tokens, vocabulary), of the replies of a pass."""
    ids = torch.cat([batch["prompt_ids"], batch["completion_ids"]], 1)
    mask = torch.cat([batch["prompt_mask"], batch["completion_mask"]], 1)
    with torch.no_grad():
        logits = model(input_ids=ids, attention_mask=mask).logits[:, -batch["completion_ids"].shape[1] - 1 : -1]
    return torch.log_softmax(logits[batch["completion_mask"].bool()] / temperature, -1)


@pytest.mark.parametrize("beta", [0.0, 0.5, 1.0])
def test_the_loss_is_the_one_by_hand(beta: float, params: Params, tmp_path: Path) -> None:
    """0 is KL(teacher ‖ student), 1 KL(student ‖ teacher), 0.5 the mean of both to their middle."""
    trainer = made(params, tmp_path, beta, temperature=2.0)
    batch = drawn(trainer)
    student, teacher = (logprobs(model, batch, 2.0) for model in (trainer.model, trainer.teacher_model))
    middle = torch.logaddexp(student, teacher) - math.log(2)

    def kl(p: Any, q: Any) -> Any:
        return (p.exp() * (p - q)).sum(-1)

    by_hand = {0.0: kl(teacher, student), 1.0: kl(student, teacher)}
    by_hand[0.5] = (kl(teacher, middle) + kl(student, middle)) / 2
    wanted = by_hand[beta].sum() / sum(one["completion_mask"].sum() for one in trainer._buffered_inputs)
    assert trainer.compute_loss(trainer.model, batch).item() == pytest.approx(wanted.item(), rel=1e-3)
    assert wanted > 1e-3


def test_a_teacher_that_is_the_student_teaches_nothing(params: Params, tmp_path: Path) -> None:
    trainer = made(params, tmp_path, teacher=BASE)
    loss = trainer.compute_loss(trainer.model, drawn(trainer))
    loss.backward()
    assert loss.item() == pytest.approx(0, abs=1e-6)
    assert max(p.grad.abs().max().item() for p in trainer.model.parameters() if p.grad is not None) < 1e-6


def test_the_validation_loss_is_the_cross_entropy_of_the_targets(params: Params, tmp_path: Path) -> None:
    trainer = made(params, tmp_path)
    losses = []
    for row in trainer.eval_dataset:
        ids, labels = torch.tensor([row["input_ids"]]), torch.tensor([row["labels"]])
        losses.append(trainer.model(input_ids=ids, labels=labels).loss.item())
    assert trainer.evaluate()["eval_loss"] == pytest.approx(sum(losses) / len(losses), rel=1e-5)


def test_the_prompt_is_what_is_not_learnt() -> None:
    assert prompt({"input_ids": [4, 5, 6], "labels": [IGNORED, IGNORED, 6]}) == [4, 5]


def test_a_student_learns_from_its_own_replies(tmp_path: Path) -> None:
    folder = place(tmp_path, "on_policy", SMALL)
    code, printed = train_here(folder)
    assert code == 0, printed
    assert " tokens in " in printed
    report = json.loads((folder / "metrics/train-8b.json").read_text())["train-8b"]
    assert (report["examples"], report["steps"]) == (32, 4)
    assert 0 < report["loss"] < 1
    assert "validation_loss" in report


@pytest.mark.parametrize(
    ("overrides", "parallelism", "message"),
    [
        ([], TWO, "draws replies, which differ with the processes that draw them, got 2 with ZeRO-0"),
        (["profiles.laptop.student-8b.train.packing=true"], {}, "does not go with packing"),
        (["train.normalisation=sequence"], {}, "set train.normalisation: token in params.yaml"),
        (
            ["profiles.laptop.teacher.engine=openai"],
            {},
            "got a teacher of the engine openai, wanted one that is loaded",
        ),
        (["profiles.laptop.teacher.revision=none"], {}, "data/laptop/models/teacher: got files with the digest"),
        (["objectives.on_policy.max_new_tokens=250"], {}, "and replies have up to 250, wanted at most 256 together"),
    ],
)
def test_what_cannot_be_is_refused_before_weights_load(
    overrides: list[str], parallelism: dict[str, Any], message: str, tmp_path: Path
) -> None:
    code, printed = train_here(place(tmp_path, "on_policy", *overrides, **parallelism))
    assert code == 1
    assert message in printed
    assert "Loading weights" not in printed


def test_row_weights_are_refused(tmp_path: Path) -> None:
    code, printed = train_here(place(tmp_path, "on_policy", rows=[row | {"weight": 0.5} for row in TRAIN]))
    assert code == 1
    assert "which on_policy cannot honour" in printed


def test_a_teacher_with_other_tokens_is_refused(tmp_path: Path) -> None:
    folder = place(tmp_path, "on_policy")
    file = folder / "data/laptop/models/teacher/tokenizer.json"
    tokenizer = json.loads(file.read_text())
    vocabulary = tokenizer["model"]["vocab"]
    one, two = sorted(vocabulary, key=vocabulary.__getitem__)[40:42]
    vocabulary[one], vocabulary[two] = vocabulary[two], vocabulary[one]
    file.write_text(json.dumps(tokenizer))
    apply_overrides(str(folder / "params.yaml"), [f"profiles.laptop.teacher.revision='{digest(file.parent)}'"])
    code, printed = train_here(folder)
    assert code == 1
    assert "train-8b: got a tokenizer of the teacher" in printed
    assert "2 tokens differ" in printed


@pytest.mark.slow
def test_an_adapter_in_several_passes_goes_on_with_the_same_bytes(tmp_path: Path) -> None:
    """Killed in the midst of an epoch, and resumed where its replies were drawn for all passes of a step."""
    override = "profiles.laptop.student-8b.train.method=lora"
    folders = [place(tmp_path / name, "on_policy", SMALL, override, rows_per_device=4) for name in ("whole", "killed")]
    kill_at_step(folders[1], 3)
    ends = [run(folder) for folder in folders]
    assert [code for code, _ in ends] == [0, 0], ends
    assert "going on from checkpoint-3" in ends[1][1]
    whole, resumed = ((folder / "models/8b/adapter_model.safetensors").read_bytes() for folder in folders)
    assert whole == resumed
