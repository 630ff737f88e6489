"""The most probable tokens at each learnt token of a row: as vLLM lists them, and as the mean of several teachers."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np


class Found(NamedTuple):
    token_ids: np.ndarray  # (tokens, k), int32, most probable first
    logprobs: np.ndarray  # the same shape, float32


def to_found(positions: Sequence[Mapping[int, float]], targets: Sequence[int], k: int) -> Found:
    """From the log-probability of each token that is listed at a position.

    vLLM lists the position's own token beside the k most probable. Raises ValueError where it or one of the k is not
    there.
    """
    shape = (len(targets), k)
    found = Found(np.empty(shape, np.int32), np.empty(shape, np.float32))
    for row, (listed, target) in enumerate(zip(positions, targets, strict=True)):
        if target not in listed or len(listed) < k:
            raise ValueError(f"{len(listed)} tokens at a position, of which {sum(t == target for t in listed)} its own")
        ids, values = np.fromiter(listed, np.int32), np.fromiter(listed.values(), np.float32)
        best = np.lexsort((ids, -values))[:k]
        found.token_ids[row], found.logprobs[row] = ids[best], values[best]
    return found


def mean(teachers: Sequence[Found]) -> Found:
    """The k most probable under the mean of the teachers' probabilities; a token that a teacher does not list has none
    of it."""
    k = teachers[0].token_ids.shape[1]
    ids = np.concatenate([found.token_ids for found in teachers], axis=1)
    shares = np.exp(np.concatenate([found.logprobs for found in teachers], axis=1, dtype=np.float64)) / len(teachers)
    by_id = np.argsort(ids, axis=1, kind="stable")
    ids, shares = np.take_along_axis(ids, by_id, 1), np.take_along_axis(shares, by_id, 1)
    is_new = np.diff(ids, axis=1, prepend=-1) != 0
    # each token's shares are added up where it stands first
    place = np.maximum.accumulate(np.where(is_new, np.arange(ids.shape[1]), 0), axis=1)
    total = np.where(is_new, 0.0, -1.0)
    np.add.at(total, (np.arange(len(ids))[:, None], place), shares)
    best = np.argsort(-total, axis=1, kind="stable")[:, :k]
    logprobs = np.log(np.take_along_axis(total, best, 1)).astype(np.float32)
    return Found(np.take_along_axis(ids, best, 1), logprobs)
