"""What is near-duplicate, found as by comparing all pairs."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from stages.similarity.near_duplicates import SCHEMA, near_duplicates, near_within, resolve

TEN = "a b c d e f g h i j"  # with 3-grams: a changed last word leaves 7 of 8, a Jaccard of 7 / 9; a left one 7 / 8


def anyone(later: np.ndarray, earlier: np.ndarray) -> np.ndarray:
    return np.ones(len(later), dtype=bool)


def near(
    texts: list[str], tmp_path: Path, threshold: float = 0.75, window: int = 32, chunk: int = 2
) -> list[tuple[int, int, float]]:
    chunks = [pl.Series(texts[i : i + chunk], dtype=pl.String) for i in range(0, len(texts), chunk)]
    return near_duplicates(chunks, 3, threshold, window, tmp_path, anyone).rows()


def by_all_pairs(texts: list[str], n: int, threshold: float) -> list[tuple[int, int, float]]:
    sets = [
        {tuple(words[i : i + n]) for i in range(max(len(words) - n + 1, min(len(words), 1)))}
        for words in map(str.split, texts)
    ]
    found, kept = [], []
    for i, mine in enumerate(sets):
        of = next((j for j in kept if mine and len(mine & sets[j]) / len(mine | sets[j]) >= threshold), None)
        if of is None:
            kept.append(i)
        else:
            found.append((i, of, len(mine & sets[of]) / len(mine | sets[of])))
    return found


def test_the_first_is_kept_and_the_jaccard_is_exact(tmp_path: Path) -> None:
    texts = [TEN, "quite another text about nothing at all", "a b c d e f g h i x", "A, b c; d e f g h i!"]
    assert near(texts, tmp_path) == [(2, 0, 7 / 9), (3, 0, 7 / 8)]
    assert near(texts, tmp_path, threshold=0.8) == [(3, 0, 7 / 8)]


def test_a_jaccard_of_just_the_threshold_counts(tmp_path: Path) -> None:
    assert near([TEN, "a b c d e f g h i"], tmp_path, threshold=7 / 8) == [(1, 0, 7 / 8)]


def test_nothing_is_dropped_for_being_near_to_a_dropped_text(tmp_path: Path) -> None:
    chain = [
        TEN,
        "a b c d e f g h i x",
        "a b c d e f g h y x",
    ]  # the third has 6 of 10 with the first, 7 of 9 with the second
    assert near(chain, tmp_path) == [(1, 0, 7 / 9)]


def test_equal_texts_short_ones_and_empty_ones(tmp_path: Path) -> None:
    assert near(["yes", "no", "", "?", "Yes!", "yes no", "yes no", "yes no yes"], tmp_path) == [
        (4, 0, 1.0),
        (6, 5, 1.0),
    ]


@pytest.mark.parametrize("texts", [[], ["", "..."]])
def test_no_words_at_all(texts: list[str], tmp_path: Path) -> None:
    assert near_duplicates([pl.Series(texts, dtype=pl.String)], 3, 0.8, 32, tmp_path, anyone).schema == SCHEMA


@pytest.mark.parametrize("threshold", [0.5, 0.6, 0.8])
@pytest.mark.parametrize("n", [1, 2, 3])
def test_as_by_comparing_all_pairs(n: int, threshold: float, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    texts = [" ".join(map(str, random.integers(0, 30, size=random.integers(0, 25)))) for _ in range(60)]
    for _ in range(240):  # copies of copies, with one to three words changed
        words = texts[random.integers(len(texts))].split()
        for _ in range(min(len(words), random.integers(1, 4))):
            words[random.integers(len(words))] = str(random.integers(0, 30))
        texts.append(" ".join(words))
    wanted = by_all_pairs(texts, n, threshold)
    assert len(wanted) > 10
    assert (
        near_duplicates(
            [pl.Series(texts[:100]), pl.Series(texts[100:])], n, threshold, len(texts), tmp_path, anyone
        ).rows()
        == wanted
    )
    assert (
        near_within(pl.Series(texts), np.zeros(len(texts), dtype=np.int64), n, threshold, len(texts)).rows() == wanted
    )


def test_the_window_bounds_what_a_text_is_compared_with(tmp_path: Path) -> None:
    texts = [
        "a b c p q r",
        "a b c s t u",
        "a b c d e f",
        "a b c d e f",
    ]  # all meet at "a b c" too, a frequent one: it is in no prefix at 0.75
    assert near(texts, tmp_path, threshold=0.75, window=1) == [(3, 2, 1.0)]
    assert near_within(pl.Series(texts), np.zeros(4, dtype=np.int64), 3, 0.75, window=2).rows() == []


def test_only_texts_of_one_group_are_compared() -> None:
    texts = pl.Series([TEN, TEN, "a b c d e f g h i x", "x y z", TEN])
    assert near_within(texts, np.array([5, 3, 3, 5, 5]), 3, 0.75, 32).rows() == [(2, 1, 7 / 9), (4, 0, 1.0)]


def test_a_long_chain_is_resolved_by_turns() -> None:
    edges = pl.DataFrame({"position": range(1, 7), "of": range(6), "similarity": [0.9] * 6}, schema=SCHEMA)
    assert resolve(edges, 7).rows() == [(1, 0, 0.9), (3, 2, 0.9), (5, 4, 0.9)]


def test_the_evidence_is_the_first_kept_row() -> None:
    edges = pl.DataFrame(
        {"position": [1, 3, 3, 3], "of": [0, 2, 1, 0], "similarity": [0.9, 0.8, 0.95, 0.85]}, schema=SCHEMA
    )
    assert resolve(edges, 4).rows() == [(1, 0, 0.9), (3, 0, 0.85)]


def test_what_may_not_meet_is_not_near(tmp_path: Path) -> None:
    texts = pl.Series([TEN, f"{TEN} k", f"{TEN} l"])
    found = near_duplicates([texts], 3, 0.75, 32, tmp_path, lambda later, earlier: earlier != 0)
    assert found.rows() == [(2, 1, 8 / 10)], "both are near to the first; the last two share 8 of 10"


def test_many_copies_of_one_text_are_found_beyond_the_window(tmp_path: Path) -> None:
    texts = [f"{TEN} {number}" for number in range(100)]
    assert near(texts, tmp_path, window=8) == [(i, 0, 8 / 10) for i in range(1, 100)]
