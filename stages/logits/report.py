"""What the stage found, summed up: how much of the probability is kept, and how far the teacher is right to be sure."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from stages.logits.found import Found

NUM_BINS = 15  # of equal width, from 0 to 1


class Report:
    """Sums over all learnt tokens so far."""

    def __init__(self) -> None:
        self.rows = self.tokens = self.k = 0
        self.mass = 0.0
        self.counts, self.sure, self.right = np.zeros(NUM_BINS), np.zeros(NUM_BINS), np.zeros(NUM_BINS)

    def add(self, found: Found, targets: Sequence[int]) -> None:
        best = np.exp(found.logprobs[:, 0], dtype=np.float64)
        # a bin holds its upper end, as in arXiv 1706.04599
        bins = np.clip(np.ceil(best * NUM_BINS).astype(int) - 1, 0, NUM_BINS - 1)
        self.rows, self.tokens, self.k = self.rows + 1, self.tokens + len(targets), found.token_ids.shape[1]
        self.mass += np.exp(found.logprobs, dtype=np.float64).sum()
        self.counts += np.bincount(bins, minlength=NUM_BINS)
        self.sure += np.bincount(bins, best, NUM_BINS)
        self.right += np.bincount(bins, found.token_ids[:, 0] == np.array(targets), NUM_BINS)

    def numbers(self, size: int) -> dict[str, Any]:
        """`size` is that of the file. Means are over learnt tokens, null where there are none.

        `calibration_error` is the expected one of arXiv 1706.04599, equation 3, of the most probable token.
        """
        sums = {
            "mass": self.mass,
            "top_probability": self.sure.sum(),
            "accuracy": self.right.sum(),
            "calibration_error": np.abs(self.sure - self.right).sum(),
        }
        means = {name: round(float(total / self.tokens), 4) if self.tokens else None for name, total in sums.items()}
        return {"rows": self.rows, "tokens": self.tokens, "k": self.k, "bytes": size, **means}
