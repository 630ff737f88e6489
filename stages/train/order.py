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
