"""What is said of more and fewer rows: a straight line over the logarithm, and its interval by hand."""

import csv
from pathlib import Path

import pytest

from tools.curve import Point, arm, read_students, told, twice, write


def points(*values: float) -> list[Point]:
    """With 800 rows, 400, 200 and so on."""
    return [
        Point("8b", 800 >> halvings, 8_000 >> halvings, value, value - 0.1, value + 0.1)
        for halvings, value in enumerate(values)
    ]


def test_on_a_straight_line_twice_the_rows_lie_on_it_for_certain() -> None:
    found = twice(points(0.8, 0.7, 0.6))
    assert (found.rows, found.tokens, found.is_predicted) == (1_600, 16_000, True)
    assert (found.value, found.low, found.high) == pytest.approx((0.9, 0.9, 0.9))


def test_the_interval_is_that_of_a_new_observation() -> None:
    """x = 0, 1, 2 and y = 0.3, 0.2, 0.4: the line is 0.25 + 0.05 x, the residuals 0.05, -0.1, 0.05, so s² = 0.015 / 1;
    at x = 3 the variance is s² (1 + 1/3 + 4/2), and t(0.975; 1) = 12.706."""
    found = twice(points(0.4, 0.2, 0.3))
    wide = 12.7062 * (0.015 * (1 + 1 / 3 + 2)) ** 0.5
    assert found.value == pytest.approx(0.4)
    assert (found.low, found.high) == (0.0, 1.0), f"0.4 - {wide:.2f} and 0.4 + {wide:.2f}, but a measure is a share"
    small = twice(points(0.504, 0.502, 0.503))
    assert (small.low, small.high) == pytest.approx((0.504 - wide / 100, 0.504 + wide / 100), abs=1e-5)


def test_it_says_what_part_of_the_gain_is_kept() -> None:
    assert told(points(0.8, 0.7, 0.6), base=0.2)[:3] == [
        "8b: 80.0% with 800 rows, 20.0% without training",
        "8b: 70.0% with 400 rows (50% of the tokens), which keeps 83% of the gain",
        "8b: 60.0% with 200 rows (25% of the tokens), which keeps 67% of the gain",
    ]
    assert "keeps nothing, as there is none, of the gain" in told(points(0.2, 0.2, 0.2), base=0.2)[1]


def test_what_is_written_can_be_plotted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write([*points(0.8, 0.7, 0.6), twice(points(0.8, 0.7, 0.6))])
    rows = list(csv.DictReader(Path("review/curve.csv").read_text().splitlines()))
    assert [row["kind"] for row in rows] == ["measured"] * 3 + ["predicted"]
    assert rows[0] == {
        "student": "8b", "rows": "800", "tokens": "8000", "value": "0.8", "low": "0.7000000000000001", "high": "0.9",
        "kind": "measured",
    }  # fmt: skip


def test_a_student_that_is_not_there_is_told() -> None:
    arms = [{"model": model, "style": "plain"} for model in ("teacher", "base-8b", "8b")]
    assert read_students({"evaluate": {"arms": arms}}) == ["8b"]
    with pytest.raises(SystemExit, match="curve: got the student 9b, wanted one of 8b"):
        arm({"evaluate": {"arms": arms}}, "9b")
