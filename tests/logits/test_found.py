"""Top tokens from what a server lists, the mean of teachers, and the numbers of the report, by hand."""

import numpy as np
import pytest

from stages.logits.found import Found, mean, to_found
from stages.logits.report import Report


def found(ids: list[list[int]], probabilities: list[list[float]]) -> Found:
    return Found(np.array(ids, np.int32), np.log(np.array(probabilities, np.float32)))


def test_the_k_most_probable_are_taken_whatever_else_is_listed() -> None:
    listed = [{7: -2.0, 3: -0.1, 5: -9.0}, {4: -1.0, 2: -1.0}]
    assert to_found(listed, [5, 4], 2).token_ids.tolist() == [[3, 7], [2, 4]], "of equals the smaller id first"
    for positions in ([{7: -2.0, 3: -0.1}, {4: -1.0}], [{7: -2.0, 3: -0.1}, {1: -1.0, 2: -1.0}], [{3: -1.0, 7: -1.0}]):
        with pytest.raises(ValueError):  # noqa: PT011
            to_found(positions, [3, 4], 2)


def test_a_token_that_a_teacher_does_not_list_has_none_of_its_probability() -> None:
    one = found([[1, 2], [5, 6]], [[0.6, 0.3], [0.5, 0.4]])
    two = found([[2, 3], [6, 5]], [[0.8, 0.1], [0.7, 0.3]])
    both = mean([one, two])
    assert both.token_ids.tolist() == [[2, 1], [6, 5]]
    assert np.exp(both.logprobs) == pytest.approx(np.array([[0.55, 0.3], [0.55, 0.4]]), rel=1e-6)
    assert (both.token_ids.dtype, both.logprobs.dtype) == (np.int32, np.float32)
    assert mean([one, one, one]).token_ids.tolist() == one.token_ids.tolist()


def test_calibration_is_the_gap_of_sureness_and_truth_in_fifteen_bins() -> None:
    report = Report()
    report.add(found([[1, 2], [1, 2]], [[0.9, 0.05], [0.9, 0.05]]), [1, 2])
    report.add(found([[3, 4]], [[0.5, 0.5]]), [4])
    # bins of 0.9, 0.9: two tokens, half of them right, a gap of 0.4; of 0.5: none right, a gap of 0.5
    assert report.numbers(123) == {
        "rows": 2,
        "tokens": 3,
        "k": 2,
        "bytes": 123,
        "mass": round((0.95 * 2 + 1) / 3, 4),
        "top_probability": round(2.3 / 3, 4),
        "accuracy": round(1 / 3, 4),
        "calibration_error": round((2 * 0.4 + 0.5) / 3, 4),
    }
