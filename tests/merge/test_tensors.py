"""Merges by hand numbers."""

import pytest
import torch

from stages.merge.tensors import dare, linear, thinned, transfer

BASE, ONE, TWO = torch.tensor([1.0, 2.0]), torch.tensor([3.0, 2.0]), torch.tensor([1.0, 6.0])


def draw(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_transfer_adds_the_difference() -> None:
    assert transfer(torch.tensor([10.0, 20.0]), BASE, ONE).tolist() == [12, 20]


def test_transfer_between_equal_bases_is_the_tuned_model_bit_for_bit() -> None:
    base, tuned = (torch.randn(10_000, generator=draw(seed)) * 10.0**-seed for seed in (1, 5))
    assert torch.equal(transfer(base, base, tuned), tuned)


def test_linear_is_the_weighted_sum_of_differences() -> None:
    assert linear(BASE, [ONE, TWO], [0.5, 0.25]).tolist() == [2, 3]
    assert linear(BASE, [ONE], [-1.0]).tolist() == [-1, 2]


def test_linear_of_one_model_is_that_model_bit_for_bit() -> None:
    base, tuned = (torch.randn(10_000, generator=draw(seed)) * 10.0**-seed for seed in (1, 5))
    assert torch.equal(linear(base, [tuned], [1.0]), tuned)


def test_a_difference_is_dropped_or_scaled_up() -> None:
    found = thinned(torch.full((10_000,), 2.0), 0.75, draw())
    assert set(found.tolist()) == {0.0, 8.0}
    assert (found == 0).float().mean().item() == pytest.approx(0.75, abs=0.02)


def test_the_mean_of_dare_over_draws_is_the_linear_merge() -> None:
    generator = draw()
    draws = torch.stack([dare(BASE, [ONE, TWO], [0.5, 0.25], 0.5, generator) for _ in range(20_000)])
    assert draws.mean(0).tolist() == pytest.approx(linear(BASE, [ONE, TWO], [0.5, 0.25]).tolist(), abs=0.03)


def test_dare_that_drops_nothing_is_linear_and_what_is_dropped_is_the_base() -> None:
    assert dare(BASE, [ONE, TWO], [0.5, 0.25], 0.0, draw()).tolist() == [2, 3]
    difference = dare(torch.zeros(1000), [torch.ones(1000)], [1.0], 0.9, draw())
    assert sorted({round(value, 5) for value in difference.tolist()}) == [0, 10]
