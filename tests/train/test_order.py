"""A step holds the same rows on any number of processes."""

from typing import Any

from accelerate.data_loader import BatchSamplerShard, SeedableRandomSampler
from torch.utils.data import BatchSampler

from stages.train.order import Order, epoch_order, rows_of_step


def test_it_is_the_order_that_accelerate_draws() -> None:
    sampler = SeedableRandomSampler(range(37), data_seed=5)
    for epoch in range(3):
        sampler.set_epoch(epoch)
        assert list(sampler) == epoch_order(37, 5, epoch)


def test_every_number_of_processes_learns_the_same_rows_in_a_step() -> None:
    num_rows, batch = 37, 8
    for processes, rows_in_pass in ((1, 8), (2, 4), (2, 1), (4, 2), (8, 1)):
        order = Order(num_rows, 5, processes * rows_in_pass)
        order.set_epoch(2)
        sampler = BatchSampler(order, rows_in_pass, False)
        shards: list[Any] = [list(BatchSamplerShard(sampler, processes, p)) for p in range(processes)]
        assert len({len(shard) for shard in shards}) == 1, "no process waits for another"
        passes = batch // (processes * rows_in_pass)
        for step in range(-(-num_rows // batch)):
            learnt = [row for shard in shards for rows in shard[step * passes : (step + 1) * passes] for row in rows]
            assert sorted(row for row in learnt if row < num_rows) == sorted(
                rows_of_step(2 * 5 + step + 1, num_rows, batch, 5)
            )


def test_an_epoch_is_filled_up_with_the_row_that_teaches_nothing() -> None:
    order = Order(5, 0, 4)
    assert len(order) == 8
    assert list(order)[5:] == [5, 5, 5]
