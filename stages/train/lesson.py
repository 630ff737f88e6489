"""An objective at work in one training: the loss of each learnt token, and what is carried from step to step."""

from pathlib import Path
from typing import Any

import torch
from accelerate.utils import reduce
from safetensors.torch import load_file, save_file
from transformers import TrainerCallback

from stages.train.divergences import student_buckets, teacher_buckets
from stages.train.memory import Memory
from stages.train.objective import Constants, Mixed, Objective, Seen, State

FILE = "objective.safetensors"  # of a checkpoint


class Lesson:
    def __init__(self, objective: Objective, constants: Constants, state: State, memory: Memory | None = None) -> None:
        self.objective, self.state, self.memory = objective, state, memory
        self._constants = constants
        self._loss_sum, self._num_seen = torch.zeros((), dtype=torch.float64), 0  # of this step, in this process

    def losses(self, logits_NV: Any, labels_N: Any, brought: dict[str, Any], epoch: float) -> torch.Tensor:
        """(N,) float32: the objective's, mixed with the target's cross entropy where its constants say so."""
        assert self.objective.losses
        gold_N = torch.nn.functional.cross_entropy(logits_NV.float(), labels_N, reduction="none")
        if self.memory:
            ids_NK, logprobs_NK = self.memory.recall(brought["slots_N"])
            self.memory.keep(brought["slots_N"], logits_NV)
        else:
            ids_NK, logprobs_NK = brought["ids_NK"], brought["logprobs_NK"]
        student_NB, teacher_NB = student_buckets(logits_NV, ids_NK), teacher_buckets(logprobs_NK)
        loss_N = self.objective.losses(Seen(student_NB, teacher_NB, gold_N, epoch), self._constants, self.state)
        self._loss_sum += loss_N.detach().sum().double().cpu()
        self._num_seen += len(loss_N)
        share = self._constants.cross_entropy if isinstance(self._constants, Mixed) else 0.0
        return share * gold_N + (1 - share) * loss_N

    def end_step(self, share_done: float, device: Any) -> None:
        """Carry the state on by the mean loss of the step's tokens, over all passes and processes."""
        if self.objective.after_step:
            counted: Any = reduce(torch.stack([self._loss_sum, torch.tensor(float(self._num_seen))]).to(device))
            loss_sum, num_seen = counted.tolist()
            self.state = self.objective.after_step(self.state, loss_sum / max(1, num_seen), share_done, self._constants)
        self._loss_sum, self._num_seen = torch.zeros((), dtype=torch.float64), 0

    def save(self, checkpoint: Path) -> None:
        tensors = {name: torch.tensor(value, dtype=torch.float64) for name, value in self.state.items()}
        if self.memory:
            tensors |= {"ids_SK": self.memory.ids_SK, "logprobs_SK": self.memory.logprobs_SK}
        if tensors:
            save_file(tensors, checkpoint / FILE)

    def load(self, checkpoint: Path) -> None:
        if not (checkpoint / FILE).exists():
            return
        tensors = load_file(checkpoint / FILE)
        if self.memory:
            self.memory.ids_SK, self.memory.logprobs_SK = tensors.pop("ids_SK"), tensors.pop("logprobs_SK")
        self.state = {name: value.item() for name, value in tensors.items()}


class KeepLesson(TrainerCallback):
    """Goes before the callback that marks a checkpoint as whole."""

    def __init__(self, lesson: Lesson) -> None:
        self._lesson = lesson

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._lesson.end_step(state.global_step / state.max_steps, args.device)

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.is_world_process_zero:
            self._lesson.save(Path(args.output_dir) / f"checkpoint-{state.global_step}")
