"""What plots of a study join, and how its arms look."""

from tools.study.cost import front
from tools.study.look import COLOURS, SHAPES, Look
from tools.study.plots import curves


def test_on_the_front_none_is_as_cheap_and_better_or_as_good_and_cheaper() -> None:
    """By price: 1 for 0.5, 2 for 0.4 (worse and dearer), 2 for 0.7, 3 for 0.7 (no better), 4 for 0.9; one unknown."""
    assert front([(4.0, 0.9), (2.0, 0.4), (1.0, 0.5), (3.0, 0.7), (2.0, 0.7), (None, 1.0)]) == {2: 1, 4: 2, 0: 3}


def test_of_equals_the_first_is_on_the_front() -> None:
    assert front([(1.0, 0.5), (1.0, 0.5)]) == {0: 1}


def test_arms_that_differ_in_one_number_are_a_curve() -> None:
    factors = {
        "64-plain": {"select.budget.rows": "64", "generate.styles": "plain"},
        "128-plain": {"select.budget.rows": "128", "generate.styles": "plain"},
        "128-cot": {"select.budget.rows": "128", "generate.styles": "cot"},
        "other": {"filter.labels": "reference"},
    }
    found = curves(factors)
    assert found["64-plain"] == found["128-plain"] != ""
    assert found["128-cot"] == found["other"] == ""


def test_no_two_of_48_arms_look_alike_and_an_arm_looks_the_same_in_every_channel() -> None:
    look = Look([f"arm{i}" for i in range(48)])
    assert len({(look.colour(arm), look.shape(arm)) for arm in look.arms}) == len(COLOURS) * len(SHAPES) == 48
    scales = look.scales()
    assert scales["color"]["scale"]["range"][9] == look.colour("arm9")
    assert scales["shape"]["scale"]["range"][9] == look.shape("arm9")
