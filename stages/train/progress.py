"""What is seen of a training while it runs, and what stops it."""

import math
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.trainer_callback import ProgressCallback

from stages.train import checkpoint
from stages.train.parallelism import Parallelism

NUM_STEPS = 20  # losses kept, which the next one is judged by


class LossOnBar(ProgressCallback):
    """A progress bar that carries the loss, instead of a printed line for every log entry."""

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        if self.training_bar is not None and logs and "loss" in logs:
            self.training_bar.set_postfix(loss=logs["loss"])

    def on_prediction_step(self, *args: Any, **kwargs: Any) -> None:
        """No second bar for evaluations."""

    def close(self) -> None:
        if self.training_bar is not None:
            self.training_bar.close()


@contextmanager
def loss_on_bar(trainer: Any) -> Iterator[None]:
    """The trainer shows its own progress no longer, but this bar."""
    bar = LossOnBar()
    trainer.remove_callback(ProgressCallback)
    trainer.add_callback(bar)
    try:
        yield
    except SystemExit:
        bar.close()  # or it would be drawn once more below the reason
        raise


class StopOnBadLoss(TrainerCallback):
    """Stop at a loss or gradient that is no number, or at a loss that the objective faults; name its examples."""

    def __init__(
        self,
        student: str,
        loss_fault: Callable[[float, list[float], float], str | None],  # the objective's
        max_jump: float,
        lines_of_step: Callable[[int], str],
        output: Path,
    ) -> None:
        self._student, self._loss_fault, self._max_jump = student, loss_fault, max_jump
        self._lines_of_step, self._output = lines_of_step, output
        self._losses: deque[float] = deque(maxlen=NUM_STEPS)

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        self._losses.extend(entry["loss"] for entry in state.log_history if "loss" in entry)

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        if not logs or "loss" not in logs:
            return
        loss, grad_norm = logs["loss"], logs.get("grad_norm", 0.0)
        fault = not_finite(loss, grad_norm) or self._loss_fault(loss, list(self._losses), self._max_jump)
        if fault:
            good = checkpoint.latest(self._output)
            raise SystemExit(
                f"train-{self._student}: step {state.global_step}: {fault}. Its examples are "
                f"{self._lines_of_step(state.global_step)}; "
                f"the last good checkpoint is {good or 'none, none was written yet'}. "
                "Look at the examples, lower learning_rate, or raise train.max_loss_jump in params.yaml"
            )
        self._losses.append(loss)


def not_finite(loss: float, grad_norm: float) -> str | None:
    """What is a fault of a step under every objective, in words."""
    if not math.isfinite(loss) or not math.isfinite(grad_norm):
        return f"the loss is {loss} and the gradient's norm {grad_norm}"
    return None


class Throughput(TrainerCallback):
    """Says at the end how many tokens a second were learnt from, and which share of the device's peak that is."""

    def __init__(self, student: str, method: str, parallelism: Parallelism) -> None:
        self._student, self._method, self._parallelism = student, method, parallelism
        self._seconds, self._num_tokens = 0.0, 0.0

    def on_step_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        self._started = time.monotonic()

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        self._seconds += time.monotonic() - self._started

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        if logs and "num_tokens" in logs:
            self._num_tokens = logs["num_tokens"]

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, model: Any = None, **kwargs: Any
    ) -> None:
        if state.is_world_process_zero and self._seconds:
            num_parameters = sum(getattr(p, "ds_numel", p.numel()) for p in model.parameters())
            speed = self._num_tokens / self._seconds
            share = flops_utilisation(speed, num_parameters, self._method, self._parallelism)
            of_peak = f", {share:.1%} of the devices' peak" if share is not None else ""
            print(
                f"train-{self._student}: {self._num_tokens:.0f} tokens in {self._seconds:.1f} s of steps: {speed:.0f} "
                f"tokens/s{of_peak}",
                file=sys.stderr,
            )


def flops_utilisation(
    tokens_per_second: float, num_parameters: int, method: str, parallelism: Parallelism
) -> float | None:
    """MFU (arXiv 2204.02311, appendix B), attention left out: 6 FLOPs a parameter and token, 4 where the weights get no
    gradient."""
    if parallelism.peak_flops is None:
        return None
    return (
        tokens_per_second
        * num_parameters
        * (6 if method == "full" else 4)
        / (parallelism.peak_flops * parallelism.num_processes)
    )
