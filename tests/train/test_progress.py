"""A bad loss is named, and throughput is counted as the papers count it."""

import math
from pathlib import Path

import pytest
from transformers import TrainerControl, TrainerState, TrainingArguments

from stages.train.progress import StopOnBadLoss, flops_utilisation, not_finite
from tools.plan.candidates import on_cpu


@pytest.mark.parametrize(("loss", "norm"), [(math.nan, 1.0), (math.inf, 1.0), (2.0, math.nan), (2.0, math.inf)])
def test_what_is_no_number_is_bad(loss: float, norm: float) -> None:
    assert not_finite(loss, norm) == f"the loss is {loss} and the gradient's norm {norm}"
    assert not_finite(2.0, 1.0) is None


def test_the_objective_says_whether_a_loss_is_a_fault(tmp_path: Path) -> None:
    asked = []

    def loss_fault(loss: float, before: list[float], max_jump: float) -> str | None:
        asked.append((loss, before, max_jump))
        return "the loss is odd" if loss == 9.0 else None

    stop = StopOnBadLoss("8b", loss_fault, 2.0, lambda step: f"lines 4, {step + 1} of f", tmp_path)
    args, state, control = TrainingArguments(str(tmp_path), report_to="none"), TrainerState(), TrainerControl()
    state.log_history, state.global_step = [{"loss": 4.0}, {"eval_loss": 1.0}], 7
    stop.on_train_begin(args, state, control)
    stop.on_log(args, state, control, {"loss": 5.0, "grad_norm": 1.0})
    stop.on_log(args, state, control, {"eval_loss": 9.0})
    with pytest.raises(SystemExit, match="^train-8b: step 7: the loss is odd. Its examples are lines 4, 8 of f; "):
        stop.on_log(args, state, control, {"loss": 9.0, "grad_norm": 1.0})
    assert asked == [(5.0, [4.0], 2.0), (9.0, [4.0, 5.0], 2.0)], "what came before a resume too"
    with pytest.raises(SystemExit, match="step 7: the loss is nan"):
        stop.on_log(args, state, control, {"loss": math.nan})
    assert len(asked) == 2, "what is no number is a fault under every objective"


def test_utilisation_by_hand() -> None:
    gpus = on_cpu(batch=1).model_copy(update={"num_processes": 2, "peak_flops": 1e12})
    assert flops_utilisation(1000, 10**8, "full", gpus) == pytest.approx(1000 * 6 * 1e8 / 2e12)
    assert flops_utilisation(1000, 10**8, "lora", gpus) == pytest.approx(1000 * 4 * 1e8 / 2e12)
    assert flops_utilisation(1000, 10**8, "full", on_cpu(batch=1)) is None
