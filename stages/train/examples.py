"""Examples as token ids and labels, made before any weights are loaded, so that they can be looked at first."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

DATA = Path("data/filtered")
IGNORED = -100  # the label that torch's cross entropy passes over


class Tokens(NamedTuple):
    """One example: ids of prompt and completion, labels of the same length with IGNORED where nothing is learnt."""

    input_ids: list[int]
    labels: list[int]


def tokenize(row: dict[str, Any], tokenizer: Any) -> Tokens:
    """The prompt exactly as it will be served, then the completion, which alone is learnt.

    Raises ValueError with the text where they part, if the chat template words the prompt otherwise once an answer follows.
    """
    served = tokenizer.apply_chat_template(row["prompt"], add_generation_prompt=True, return_dict=False)
    whole = tokenizer.apply_chat_template(row["prompt"] + row["completion"], return_dict=False)
    if whole[: len(served)] != served:
        common = next((i for i, (a, b) in enumerate(zip(served, whole, strict=False)) if a != b), min(len(served), len(whole)))
        raise ValueError(f"served {tokenizer.decode(served[common:])!r}, trained {tokenizer.decode(whole[common : common + 20])!r}")
    return Tokens(whole, [IGNORED] * len(served) + whole[len(served) :])


def truncate(examples: Sequence[Tokens], max_length: int) -> list[Tokens]:
    """The first `max_length` tokens of each; an example with nothing left to learn is left out."""
    cut = [Tokens(example.input_ids[:max_length], example.labels[:max_length]) for example in examples]
    return [example for example in cut if any(label != IGNORED for label in example.labels)]


def show(example: Tokens, tokenizer: Any) -> str:
    """The example as text, what is learnt between ⟦ and ⟧."""
    parts, learnt = [], False
    for token, label in zip(example.input_ids, example.labels, strict=True):
        if (label != IGNORED) != learnt:
            parts.append("⟧" if learnt else "⟦")
            learnt = not learnt
        parts.append(tokenizer.decode([token]))
    return "".join(parts) + ("⟧" if learnt else "")


def to_dataset(examples: Sequence[Tokens], max_length: int, packing: bool) -> Any:
    """A data set for the trainer; packed, each row also has `example`: of each token, the number of the example it comes from."""
    import datasets

    columns = {"input_ids": [e.input_ids for e in examples], "labels": [e.labels for e in examples]}
    if not packing:
        return datasets.Dataset.from_dict(columns)
    from trl.data_utils import pack_dataset

    numbered = {**columns, "example": [[number] * len(e.input_ids) for number, e in enumerate(examples)]}
    return pack_dataset(datasets.Dataset.from_dict(numbered), max_length, "bfd")


def examples_in(row: dict[str, Any], number: int) -> list[int]:
    """Numbers of the examples in row `number` of the data set."""
    return sorted(set(row["example"])) if "example" in row else [number]


def with_filler(rows: Any, pad_id: int) -> Any:
    """The data set and one row more, which teaches nothing: see `Order`."""
    import datasets

    filler = {"input_ids": [pad_id], "labels": [IGNORED], "seq_lengths": [1], "example": [0]}
    one = datasets.Dataset.from_list([{name: filler[name] for name in rows.column_names}], features=rows.features)
    return datasets.concatenate_datasets([rows, one])


def read(tokenizer: Any, max_length: int) -> tuple[list[Tokens], list[Tokens]]:
    """The examples to learn from and to validate on, cut to `max_length` tokens."""
    learn, validate = ([tokenize(row, tokenizer) for row in read_rows(DATA / f"{split}.jsonl")] for split in ("train", "validation"))
    return truncate(learn, max_length), truncate(validate, max_length)


def read_rows(path: Path) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        return [json.loads(line) for line in file]
