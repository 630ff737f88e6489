"""The review's tables from DVC's own JSON."""

from tools.review import leaves, metric_row, table


def test_leaves_are_named_below_their_file_and_sorted() -> None:
    diff = {
        "metrics/b.json": {"8b.plain": {"old": 0.3, "new": 0.884, "diff": 0.584}},
        "metrics/a.json": {"filter.passed": {"old": 1844, "new": 3541, "diff": 1697}},
    }
    assert [name for name, _ in leaves(diff, "old")] == ["filter.passed", "8b.plain"]


def test_a_change_is_signed_and_a_new_metric_has_none() -> None:
    assert metric_row("x", {"old": 1844, "new": 3541, "diff": 1697}) == ("x", 1844, 3541, "+1,697")
    assert metric_row("x", {"old": 0.5, "new": 0.25, "diff": -0.25}) == ("x", 0.5, 0.25, "-0.25")
    assert metric_row("x", {"old": None, "new": 1}) == ("x", None, 1, "")


def test_a_markdown_table() -> None:
    assert table(("a", "b"), [("x", None)]) == "| a | b |\n| --- | --- |\n| x |  |"
    assert table(("a", "b"), []) == "No change."
