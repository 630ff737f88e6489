"""Training refuses to start on what would waste it, in one sentence."""

import pytest

from stages.train.guard import loss_mask, overlong

END = 9


def test_rows_over_the_context_are_an_error_or_counted() -> None:
    assert overlong([10, 20, 30], 20, "truncate", "8b") == 1
    assert overlong([10, 20], 20, "error", "8b") == 0
    with pytest.raises(
        SystemExit, match=r"train-8b: 2 of 3 examples have more than 15 tokens \(the longest 30\); raise max_length, or set train.overlong: truncate"
    ):
        overlong([10, 20, 30], 15, "error", "8b")


def test_a_whole_mask_passes() -> None:
    loss_mask([{"labels": [-100, -100, 5, END]}], {END}, 0, "8b")


def test_an_empty_mask_is_refused() -> None:
    with pytest.raises(SystemExit, match="train-8b: example 1 has an empty loss mask"):
        loss_mask([{"labels": [-100, 5, END]}, {"labels": [-100, -100, -100]}], {END}, 0, "8b")


def test_a_masked_end_token_is_refused_and_a_truncated_one_is_not() -> None:
    rows = [{"labels": [-100, 5, END]}, {"labels": [-100, 5, -100]}]
    with pytest.raises(SystemExit, match=r"train-8b: 1 examples have no end token \[9\] in their loss mask"):
        loss_mask(rows, {END}, 0, "8b")
    loss_mask(rows, {END}, 1, "8b")
