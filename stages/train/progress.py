"""What is seen of a training while it runs, and what stops it."""

import math
import statistics
import sys
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.trainer_callback import ProgressCallback

from stages.train import checkpoint
from stages.train.parallelism import Parallelism

NUM_STEPS = 20  # whose median loss a jump is measured from


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


class StopOnBadLoss(TrainerCallback):
    """Stop at a loss or gradient that is no number, or at a loss far above those before it, and name the examples of that step."""

    def __init__(
        self, student: str, max_jump: float, examples_of_step: Callable[[int], list[int]], output: Path
    ) -> None:
        self._student, self._max_jump, self._examples_of_step, self._output = (
            student,
            max_jump,
            examples_of_step,
            output,
        )
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
        fault = bad_loss(logs["loss"], logs.get("grad_norm", 0.0), list(self._losses), self._max_jump)
        if fault:
            lines = ", ".join(str(number + 1) for number in self._examples_of_step(state.global_step))
            good = checkpoint.latest(self._output)
            raise SystemExit(
                f"train-{self._student}: step {state.global_step}: {fault}. Its examples are lines {lines} of data/selected/train.jsonl; "
                f"the last good checkpoint is {good or 'none, none was written yet'}. "
                "Look at the examples, lower learning_rate, or raise train.max_loss_jump in params.yaml"
            )
        self._losses.append(logs["loss"])


def bad_loss(loss: float, grad_norm: float, before: list[float], max_jump: float) -> str | None:
    """What is wrong with a step's loss, in words; losses in nats a token."""
    if not math.isfinite(loss) or not math.isfinite(grad_norm):
        return f"the loss is {loss} and the gradient's norm {grad_norm}"
    if before and loss > statistics.median(before) + max_jump:
        return (
            f"the loss jumped to {loss:.3f}, from a median of {statistics.median(before):.3f} over {len(before)} steps"
        )
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
                f"train-{self._student}: {self._num_tokens:.0f} tokens in {self._seconds:.1f} s of steps: {speed:.0f} tokens/s{of_peak}",
                file=sys.stderr,
            )


def flops_utilisation(
    tokens_per_second: float, num_parameters: int, method: str, parallelism: Parallelism
) -> float | None:
    """MFU (arXiv 2204.02311, appendix B), attention left out: 6 FLOPs a parameter and token, 4 where the weights get no gradient."""
    if parallelism.peak_flops is None:
        return None
    return (
        tokens_per_second
        * num_parameters
        * (6 if method == "full" else 4)
        / (parallelism.peak_flops * parallelism.num_processes)
    )
