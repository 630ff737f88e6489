"""Accuracy by label, confusion and baselines against counts made by hand."""

from stages.evaluate.labels import baselines, confusion, per_label

LABELS = ["entailment", "neutral", "contradiction"]
E, N, C = LABELS
REFERENCES = [E, E, E, E, N, N, N, C]
ANSWERS = [E, E, N, None, N, N, E, C]


def test_precision_recall_and_macro_f1_by_hand() -> None:
    found = per_label(REFERENCES, ANSWERS, LABELS)
    # entailment: 2 of the 3 answers are right, 2 of its 4 rows found: F1 = 2·(2/3)(1/2)/(2/3+1/2) = 4/7
    assert found["labels"][E] == {"precision": 0.6667, "recall": 0.5, "f1": 0.5714, "rows": 4}
    # neutral: 2 of 3 and 2 of 3
    assert found["labels"][N] == {"precision": 0.6667, "recall": 0.6667, "f1": 0.6667, "rows": 3}
    assert found["labels"][C] == {"precision": 1.0, "recall": 1.0, "f1": 1.0, "rows": 1}
    assert found["macro_f1"] == round((4 / 7 + 2 / 3 + 1) / 3, 4)


def test_a_label_that_is_never_answered_has_no_precision_and_one_without_rows_does_not_count() -> None:
    found = per_label([E, N], [E, E], LABELS)
    assert found["labels"] == {
        E: {"precision": 0.5, "recall": 1.0, "f1": 0.6667, "rows": 1},
        N: {"precision": 0.0, "recall": 0.0, "f1": 0.0, "rows": 1},
    }
    assert found["macro_f1"] == 0.3333


def test_every_cell_of_the_confusion_matrix() -> None:
    cells = {(reference, answer): rows for reference, answer, rows in confusion(REFERENCES, ANSWERS, LABELS)}
    assert len(cells) == 3 * 4
    assert {pair: rows for pair, rows in cells.items() if rows} == {
        (E, E): 2,
        (E, N): 1,
        (E, "none"): 1,
        (N, N): 2,
        (N, E): 1,
        (C, C): 1,
    }
    assert sum(cells.values()) == len(REFERENCES)


def test_baselines_by_hand() -> None:
    assert baselines(REFERENCES, [3] * 8) == {"majority": 0.5, "random": 0.3333}
    assert baselines(["A", "B", "B"], [2, 4, 4]) == {"majority": 0.6667, "random": 0.3333}  # (1/2 + 1/4 + 1/4) / 3
    assert baselines(["7", "8", "7"], []) == {"majority": 0.6667}, "no random baseline where answers are no set"
