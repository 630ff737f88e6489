"""Accuracy by label, for tasks whose answers are a set."""

from collections import Counter
from typing import Any

from sklearn.metrics import precision_recall_fscore_support

NONE = "none"  # no answer could be read


def per_label(references: list[str], answers: list[str | None], labels: list[str]) -> dict[str, Any]:
    """Macro-F1 over the labels that the references hold, and each one's precision, recall, F1 and rows. What could not
    be read is right for no label."""
    predicted = [answer or NONE for answer in answers]
    present = [label for label in labels if label in references]
    # zero_division: a label that is never answered has a precision of 0
    precision, recall, f1, rows = precision_recall_fscore_support(
        references,
        predicted,
        labels=present,
        zero_division=0,  # pyright: ignore[reportArgumentType]
    )
    each = {
        label: {"precision": round(float(p), 4), "recall": round(float(r), 4), "f1": round(float(f), 4), "rows": int(n)}
        for label, p, r, f, n in zip(present, precision, recall, f1, rows, strict=True)  # pyright: ignore[reportArgumentType]
    }
    return {"macro_f1": round(float(f1.mean()), 4), "labels": each}  # pyright: ignore[reportAttributeAccessIssue]


def confusion(references: list[str], answers: list[str | None], labels: list[str]) -> list[tuple[str, str, int]]:
    """(reference, answer, rows) for every pair, those without rows too."""
    counts = Counter((reference, answer or NONE) for reference, answer in zip(references, answers, strict=True))
    present = [label for label in labels if label in references]
    return [(reference, answer, counts[reference, answer]) for reference in present for answer in (*labels, NONE)]


def baselines(references: list[str], num_options: list[int]) -> dict[str, float]:
    """What always the commonest answer gets, and what drawing one of the options does (`num_options` for each row; none
    where they are no set)."""
    majority = Counter(references).most_common(1)[0][1] / len(references)
    chance = {"random": round(sum(1 / n for n in num_options) / len(num_options), 4)} if num_options else {}
    return {"majority": round(majority, 4)} | chance
