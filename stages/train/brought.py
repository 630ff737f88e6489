"""What examples bring along besides ids and labels: weights, and the teacher's probabilities of their learnt tokens.

Written once, before any weights load, and mapped by every process, so that one copy is in memory for all. Examples are
numbered by their lines: those of train.jsonl from 0, those of negatives.jsonl after them. Shapes: E examples; S learnt
tokens of all examples, one after the other; K tokens of which the probabilities were kept.
"""

import json
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from stages.train.examples import IGNORED, Tokens


class Brought(NamedTuple):
    weights_E: Any  # float32, of each learnt token of the example in the sum of a step
    shares_E: Any  # float32, of each in what that sum is divided by
    starts_E: Any  # int64, where the example's tokens begin among all S
    labels_S: Any  # int32, the tokens of the targets
    ids_SK: Any = None  # int32
    logprobs_SK: Any = None  # float32


class Writer:
    """Takes examples in the order of their numbers; those that are not learnt too, as None."""

    def __init__(self, by_sequence: bool, labels: BinaryIO, ids: BinaryIO, logprobs: BinaryIO) -> None:
        self._by_sequence, self._labels, self._ids, self._logprobs = by_sequence, labels, ids, logprobs
        self.weights, self.shares, self.starts = array("f"), array("f"), array("q")
        self.num_tokens = self.k = 0

    def add(self, example: Tokens | None, weight: float, known: tuple[Any, Any] | None = None) -> None:
        """`known` are the teacher's ids and log-probabilities, (tokens, K) each; a cut example has fewer tokens."""
        learnt = [label for label in example.labels if label != IGNORED] if example else []
        num_learnt = len(learnt)
        each = 1 / num_learnt if self._by_sequence and num_learnt else 1.0
        self.weights.append(weight * each)
        self.shares.append(each if weight > 0 else 0.0)  # negatives are added to what is learnt, not averaged with it
        self.starts.append(self.num_tokens)
        self.num_tokens += num_learnt
        self._labels.write(np.array(learnt, np.int32).tobytes())
        if known:
            for values, file in zip(known, (self._ids, self._logprobs), strict=True):
                file.write(values[:num_learnt].tobytes())
            self.k = known[0].shape[1]


@contextmanager
def writing(folder: Path, split: str, by_sequence: bool) -> Iterator[Writer]:
    """A writer of files of `folder` that `read` finds."""
    at = paths(folder, split)
    with at["labels"].open("wb") as labels, at["ids"].open("wb") as ids, at["logprobs"].open("wb") as logprobs:
        writer = Writer(by_sequence, labels, ids, logprobs)
        yield writer
    np.savez(at["examples"], weights=writer.weights, shares=writer.shares, starts=writer.starts)
    at["about"].write_text(json.dumps({"k": writer.k, "tokens": writer.num_tokens}))


def read(folder: Path, split: str) -> Brought | None:
    """None where the examples bring nothing."""
    at = paths(folder, split)
    if not at["about"].exists():
        return None
    about, found = json.loads(at["about"].read_text()), np.load(at["examples"])
    labels_S = mapped(at["labels"], np.int32, (about["tokens"],))
    examples = Brought(found["weights"], found["shares"], found["starts"], labels_S)
    if not about["k"]:
        return examples
    shape = (about["tokens"], about["k"])
    return examples._replace(
        ids_SK=mapped(at["ids"], np.int32, shape), logprobs_SK=mapped(at["logprobs"], np.float32, shape)
    )


def mapped(path: Path, type: Any, shape: tuple[int, ...]) -> Any:
    return np.memmap(path, type, "r", 0, shape) if shape[0] else np.zeros(shape, type)  # an empty file cannot be mapped


def paths(folder: Path, split: str) -> dict[str, Path]:
    names = ("about.json", "examples.npz", "labels.bin", "ids.bin", "logprobs.bin")
    return {name.split(".")[0]: folder / f"{split}-{name}" for name in names}
