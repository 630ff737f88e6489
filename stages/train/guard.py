"""What must hold before the first step: each failure is one sentence."""

from collections.abc import Iterable
from typing import Any

IGNORED = -100  # the label that torch's cross entropy passes over


def overlong(lengths: list[int], max_length: int, policy: str, student: str) -> int:
    """How many rows have more than `max_length` tokens; raises unless the policy is to truncate them."""
    count = sum(length > max_length for length in lengths)
    if count and policy == "error":
        raise SystemExit(
            f"train-{student}: {count} of {len(lengths)} examples have more than {max_length} tokens (the longest {max(lengths)}); "
            f"raise max_length, or set train.overlong: truncate in params.yaml"
        )
    return count


def loss_mask(rows: Iterable[dict[str, Any]], stop_ids: set[int], num_truncated: int, student: str) -> None:
    """Every row must teach something, and every row that was not cut must teach where to stop."""
    no_end = 0
    for number, row in enumerate(rows):
        learnt = {int(label) for label in row["labels"] if label != IGNORED}
        if not learnt:
            raise SystemExit(
                f"train-{student}: example {number} has an empty loss mask, so nothing would be learnt from it; see its target in data/filtered/train.jsonl"
            )
        no_end += not learnt & stop_ids
    if no_end > num_truncated:
        raise SystemExit(
            f"train-{student}: {no_end} examples have no end token {sorted(stop_ids)} in their loss mask, so the student would never learn to stop; "
            "give the tokenizer a pad token that is not its end token, and a chat template that ends turns with the end token"
        )
