"""Neighbours and topics of vectors whose angles are known."""

import numpy as np
import pytest

from stages.score.columns.space import centres, distances, in_cells, nearest_centres, neighbours


def at_angles(*degrees: float) -> np.ndarray:
    radians = np.radians(degrees)
    return np.stack([np.cos(radians), np.sin(radians)], axis=1).astype(np.float32)


def clouds(count: int) -> np.ndarray:
    """Ten clouds of directions."""
    draw = np.random.default_rng(1)
    found = draw.standard_normal((10, 32))[draw.integers(10, size=count)] + 0.4 * draw.standard_normal((count, 32))
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)


def test_a_row_is_compared_with_each_other_and_not_with_itself() -> None:
    found = neighbours(at_angles(0, 60, 90, 180), 3)
    # 60 degrees apart: 0.5; 30: 0.866; 120: -0.5; 90: 0; 180: -1
    wanted = [[0.5, 0, -1], [0.866, 0.5, -0.5], [0.866, 0, 0], [0, -0.5, -1]]
    assert found == pytest.approx(np.array(wanted), abs=1e-4)


def test_two_equal_rows_have_a_distance_of_0_and_a_row_without_enough_others_has_none() -> None:
    cosines = neighbours(at_angles(10, 10), 2)
    assert distances(cosines[:, 0]).to_list() == [0.0, 0.0]
    assert distances(cosines[:, 1]).to_list() == [None, None]
    assert distances(neighbours(at_angles(10), 1)[:, 0]).to_list() == [None]


def test_only_the_cells_of_a_row_are_searched() -> None:
    cells = np.array([[0, 1], [0, 1], [1, 0], [1, 0]], np.int32)
    both, own = (in_cells(at_angles(0, 60, 90, 180), cells[:, :probed], 1)[:, 0] for probed in (2, 1))
    assert both == pytest.approx([0.5, 0.866, 0.866, 0], abs=1e-4)
    assert own == pytest.approx([0.5, 0.5, 0, 0], abs=1e-4)


def test_cells_miss_few_neighbours_and_invent_none() -> None:
    vectors = clouds(3_000)
    exact = neighbours(vectors, 6)
    by_cells = in_cells(vectors, nearest_centres(vectors, centres(vectors, 30), 6), 6)
    assert (by_cells <= exact + 1e-6).all()
    assert (by_cells >= exact[:, -1:] - 1e-6).mean() > 0.95


def test_the_nearest_centres_come_in_their_order() -> None:
    assert nearest_centres(at_angles(0, 100), at_angles(90, 10, 200), 2).tolist() == [[1, 0], [0, 1]]


def test_topics_are_the_clouds() -> None:
    vectors = at_angles(0, 1, 2, 90, 91, 92, 200, 201, 202)
    topics = nearest_centres(vectors, centres(vectors, 3), 1)[:, 0].tolist()
    assert [topics[i : i + 3] for i in (0, 3, 6)] == [[topics[i]] * 3 for i in (0, 3, 6)]
    assert len(set(topics)) == 3
