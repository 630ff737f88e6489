"""An objective is a file and a line of the table; the plain one faults jumps, and students that answer otherwise."""

from pathlib import Path

import pytest
import torch

from stages.train import objectives
from stages.train.health import answers_otherwise, divergence, doubled, jump
from stages.train.objectives.table import OBJECTIVES


def test_the_table_names_every_file() -> None:
    files = {path.stem for folder in objectives.__path__ for path in Path(folder).glob("*.py")}
    assert set(OBJECTIVES) == files - {"__init__", "table"}


def test_a_jump_over_the_median_is_a_fault_and_a_fall_is_not() -> None:
    before = [1.0, 1.2, 5.0, 1.1, 0.9]  # median 1.1
    assert jump(3.05, before, 2.0) is None
    assert jump(3.2, before, 2.0) == "the loss jumped to 3.200, from a median of 1.100 over 5 steps"
    assert jump(0.0, before, 2.0) is None
    assert jump(9.0, [], 2.0) is None, "the first loss is high"


def test_a_loss_in_no_nats_must_double_too() -> None:
    assert doubled(21.9, [19.0, 19.7, 20.0], 2.0) is None
    assert doubled(41.0, [19.0, 19.7, 20.0], 2.0) == "the loss jumped to 41.000, from a median of 19.700 over 3 steps"
    assert doubled(0.5, [0.1], 2.0) is None


@pytest.mark.parametrize(("precision", "limit"), [("float32", 1e-5), ("bfloat16", 5e-3)])
def test_a_student_that_is_further_off_than_rounding_is_a_fault(precision: str, limit: float) -> None:
    """The divergence of two tokens grows with the square of the distance of their logits."""
    expected_TV, found_TV = torch.zeros(1, 2), torch.tensor([[(7 * limit) ** 0.5, 0.0]])
    assert answers_otherwise(expected_TV, found_TV, precision) is None
    further_TV = 2 * found_TV
    apart = divergence(expected_TV, further_TV)
    assert limit < apart
    fault = f"answers otherwise than the trained one: {apart:.2g} nats a token, at most {limit:g}"
    assert answers_otherwise(expected_TV, further_TV, precision) == fault


def test_a_student_that_answers_with_no_number_is_a_fault() -> None:
    fault = answers_otherwise(torch.zeros(1, 2), torch.full((1, 2), torch.nan), "bfloat16")
    assert fault == "answers otherwise than the trained one: nan nats a token, at most 0.005"
