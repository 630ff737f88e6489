"""The order in which rows are learnt: the same on any number of processes, so a step holds the same rows everywhere."""

from collections.abc import Iterator

import torch
from torch.utils.data import Sampler


def epoch_order(num_rows: int, seed: int, epoch: int) -> list[int]:
    """Row numbers of one epoch, counted from 0; accelerate's SeedableRandomSampler draws the same."""
    return torch.randperm(num_rows, generator=torch.Generator().manual_seed(seed + epoch)).tolist()


def rows_of_step(step: int, num_rows: int, batch_size: int, seed: int) -> list[int]:
    """Row numbers of one optimizer step, counted from 1."""
    steps = -(-num_rows // batch_size)
    epoch, index = divmod(step - 1, steps)
    return epoch_order(num_rows, seed, epoch)[index * batch_size : (index + 1) * batch_size]


class Order(Sampler[int]):
    """The order of an epoch, filled up with row `num_rows`, which must teach nothing, to a multiple of `multiple`.

    Without the filling, accelerate would give the last processes rows from the epoch's beginning a second time.
    """

    def __init__(self, num_rows: int, seed: int, multiple: int) -> None:
        self._num_rows, self._seed, self._epoch = num_rows, seed, 0
        self._filling = -num_rows % multiple

    def set_epoch(self, epoch: int) -> None:
        self._epoch = epoch

    def __len__(self) -> int:
        return self._num_rows + self._filling

    def __iter__(self) -> Iterator[int]:
        yield from epoch_order(self._num_rows, self._seed, self._epoch)
        yield from [self._num_rows] * self._filling


class StepOrder(Order):
    """The order of an epoch in whole steps, filled up with the epoch's first rows; each step's rows come once for each
    of its passes, as TRL's on-policy trainer wants them."""

    def __init__(self, num_rows: int, seed: int, batch_size: int, num_passes: int) -> None:
        super().__init__(num_rows, seed, batch_size)
        self._batch_size, self._num_passes = batch_size, num_passes

    def __len__(self) -> int:
        return super().__len__() * self._num_passes

    def __iter__(self) -> Iterator[int]:
        rows = epoch_order(self._num_rows, self._seed, self._epoch)
        rows += rows[: self._filling]
        for start in range(0, len(rows), self._batch_size):
            yield from rows[start : start + self._batch_size] * self._num_passes
