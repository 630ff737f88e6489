"""A bad loss is named, and throughput is counted as the papers count it."""

import math

import pytest

from stages.train.progress import bad_loss, flops_utilisation
from tools.plan.candidates import on_cpu


@pytest.mark.parametrize(("loss", "norm"), [(math.nan, 1.0), (math.inf, 1.0), (2.0, math.nan), (2.0, math.inf)])
def test_what_is_no_number_is_bad(loss: float, norm: float) -> None:
    assert bad_loss(loss, norm, [], 2.0) == f"the loss is {loss} and the gradient's norm {norm}"


def test_a_jump_over_the_median_is_bad_and_a_fall_is_not() -> None:
    before = [1.0, 1.2, 5.0, 1.1, 0.9]  # median 1.1
    assert bad_loss(3.05, 1.0, before, 2.0) is None
    assert bad_loss(3.2, 1.0, before, 2.0) == "the loss jumped to 3.200, from a median of 1.100 over 5 steps"
    assert bad_loss(0.0, 1.0, before, 2.0) is None
    assert bad_loss(9.0, 1.0, [], 2.0) is None, "the first loss is high"


def test_utilisation_by_hand() -> None:
    gpus = on_cpu(batch=1).model_copy(update={"num_processes": 2, "peak_flops": 1e12})
    assert flops_utilisation(1000, 10**8, "full", gpus) == pytest.approx(1000 * 6 * 1e8 / 2e12)
    assert flops_utilisation(1000, 10**8, "lora", gpus) == pytest.approx(1000 * 4 * 1e8 / 2e12)
    assert flops_utilisation(1000, 10**8, "full", on_cpu(batch=1)) is None
