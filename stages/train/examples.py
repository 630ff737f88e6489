"""Examples as token ids and labels, made before any weights are loaded, so that they can be looked at first."""

import json
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

DATA = Path("data/selected")
IGNORED = -100  # the label that torch's cross entropy passes over


class Tokens(NamedTuple):
    """One example: ids of prompt and completion, labels of the same length with IGNORED where nothing is learnt."""

    input_ids: list[int]
    labels: list[int]


def tokenize(rows: Sequence[dict[str, Any]], tokenizer: Any) -> Iterator[Tokens]:
    """The prompts exactly as they will be served, each with its completion, which alone is learnt.

    The ids are those that `apply_chat_template` gives for each row, but the tokenizer takes all texts at once, on all
    cores.
    Raises ValueError with the text where they part, if the chat template words a prompt otherwise once an answer
    follows.
    """
    served = tokenizer.apply_chat_template([row["prompt"] for row in rows], add_generation_prompt=True, tokenize=False)
    whole = tokenizer.apply_chat_template([row["prompt"] + row["completion"] for row in rows], tokenize=False)
    ids = tokenizer([*served, *whole], add_special_tokens=False, return_attention_mask=False)["input_ids"]
    for prompt, example in zip(ids[: len(rows)], ids[len(rows) :], strict=True):
        yield label(prompt, example, tokenizer)


def label(served: list[int], whole: list[int], tokenizer: Any) -> Tokens:
    if whole[: len(served)] != served:
        shorter = min(len(served), len(whole))
        common = next((i for i, (a, b) in enumerate(zip(served, whole, strict=False)) if a != b), shorter)
        raise ValueError(
            f"served {tokenizer.decode(served[common:])!r}, trained {tokenizer.decode(whole[common : common + 20])!r}"
        )
    return Tokens(whole, [IGNORED] * len(served) + whole[len(served) :])


def truncate(example: Tokens, max_length: int) -> Tokens | None:
    """Its first `max_length` tokens; None where they leave nothing to learn."""
    cut = Tokens(example.input_ids[:max_length], example.labels[:max_length])
    return cut if cut.labels.count(IGNORED) < len(cut.labels) else None


def lines(numbers: Sequence[int], num_train: int) -> str:
    """Where examples stand, in words, of their numbers from 0 on: those of train.jsonl, then those of negatives."""
    places = {
        "train": [number + 1 for number in numbers if number < num_train],
        "negatives": [number + 1 - num_train for number in numbers if number >= num_train],
    }
    return " and ".join(
        f"lines {', '.join(map(str, some))} of {DATA / source}.jsonl" for source, some in places.items() if some
    )


def show(example: Tokens, tokenizer: Any) -> str:
    """The example as text, what is learnt between ⟦ and ⟧."""
    parts, learnt = [], False
    for token, label in zip(example.input_ids, example.labels, strict=True):
        if (label != IGNORED) != learnt:
            parts.append("⟧" if learnt else "⟦")
            learnt = not learnt
        parts.append(tokenizer.decode([token]))
    return "".join(parts) + ("⟧" if learnt else "")


def read_batches(path: Path, size: int) -> Iterator[list[dict[str, Any]]]:
    """The rows of a file, `size` at a time."""
    with path.open(encoding="utf-8") as file:
        while lines := list(islice(file, size)):
            yield [json.loads(line) for line in lines]
