"""Chosen and rejected replies as files that are mapped, row by row beside each other.

data/selected/negatives.jsonl holds the rejected replies, in the order of the rows of train.jsonl that have one.
"""

import json
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stages.train import arrow, examples, preflight, refusals
from stages.train.examples import DATA, Tokens
from stages.train.params import Params

BATCH = 1_000  # rows in memory at once
FILES = ("train.arrow", "rejected.arrow", "reference.arrow")


def tokenise(folder: Path, params: Params, tokenizer: Any, stop_ids: set[int], student: str) -> dict[str, int]:
    """Check and write the chosen and the rejected replies. Returns how many pairs there are, rows have no rejected
    reply, replies were cut, and pairs were left out with nothing left to learn."""
    lengths = {name: array("i") for name in ("train", "negatives")}  # in tokens
    lines = array("q")  # of train.jsonl, counted from 0: those with a rejected reply
    max_length, num_unpaired = params.profile.max_length, 0

    def checked(rows: list[dict[str, Any]], split: str, first_line: int) -> list[Tokens]:
        whole = preflight.tokens(rows, split, first_line, tokenizer, student)
        preflight.loss_mask(whole, split, first_line, stop_ids, student)
        return whole

    def kept(numbered: list[tuple[int, Tokens]], split: str) -> list[tuple[int, Tokens]]:
        lengths[split].extend(len(example.input_ids) for _, example in numbered)
        cut = ((number, examples.truncate(example, max_length)) for number, example in numbered)
        return [(number, example) for number, example in cut if example]

    def chosen() -> Iterator[list[tuple[int, Tokens]]]:
        nonlocal num_unpaired
        waiting, done = keys(), 0
        key = next(waiting, None)
        if key is None:
            raise SystemExit(
                f"train-{student}: {params.train.objective} needs rejected replies, got none in "
                f"{DATA}/negatives.jsonl, wanted one beside each reply; set select.negatives in params.yaml"
            )
        for rows in examples.read_batches(DATA / "train.jsonl", BATCH):
            refusals.unweighed(rows, params, student)
            paired = []
            for number, (row, example) in enumerate(zip(rows, checked(rows, "train", done + 1), strict=True), done):
                if (row["id"], row["sample"]) == key:
                    key = next(waiting, None)
                    paired.append((number, example))
            lines.extend(number for number, _ in paired)
            done += len(rows)
            num_unpaired = done - len(lines)
            yield kept(paired, "train")
        if key is not None:
            raise SystemExit(
                f"train-{student}: {DATA}/negatives.jsonl: got {key[0]} sample {key[1]}, wanted the rows of "
                f"train.jsonl in their order; run `dvc repro select`"
            )

    def rejected() -> Iterator[list[tuple[int, Tokens]]]:
        done = 0
        for rows in examples.read_batches(DATA / "negatives.jsonl", BATCH):
            whole = checked(rows, "negatives", done + 1)
            yield kept(list(zip(lines[done : done + len(rows)], whole, strict=True)), "negatives")
            done += len(rows)

    # their prompts are the same, so both replies of a pair have tokens within max_length or neither
    num_pairs = arrow.write(folder / FILES[0], chosen(), numbered=True)
    arrow.write(folder / FILES[1], rejected(), numbered=True)
    overlong = [
        preflight.overlong(found, split, max_length, params.train.overlong, student) for split, found in lengths.items()
    ]
    return {
        "examples": len(lines),
        "unpaired": num_unpaired,
        "truncated": sum(overlong),
        "emptied": len(lines) - num_pairs,
    }


def keys() -> Iterator[tuple[str, int]]:
    """id and sample of each rejected reply."""
    with (DATA / "negatives.jsonl").open(encoding="utf-8") as file:
        for line in file:
            row = json.loads(line)
            yield row["id"], row["sample"]


def load(folder: Path) -> Any:
    """The pairs as a data set, mapped: input_ids and labels are the chosen replies'."""
    import datasets

    chosen, rejected, reference = (arrow.load(folder / name) for name in FILES)
    rejected = rejected.select_columns(["input_ids", "labels"])
    rejected = rejected.rename_columns({"input_ids": "rejected_ids", "labels": "rejected_labels"})
    return datasets.concatenate_datasets([chosen, rejected, reference], axis=1)
