"""The examples, tokenised once and in one process before any weights load: checked as they go by, cut, packed, and
written for all to map."""

import json
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stages.train import arrow, examples, preflight
from stages.train.examples import DATA, Tokens
from stages.train.params import Params

COUNTS = "counts.json"
BATCH = 1_000  # rows in memory at once; enough for a tokenizer to keep all cores busy


def prepare(folder: Path, params: Params, tokenizer: Any, stop_ids: set[int], student: str) -> None:
    """Write train.arrow, validation.arrow, packed.arrow where rows are packed, and what was counted."""
    counts = tokenise("train", folder, params, tokenizer, stop_ids, student)
    validation = tokenise("validation", folder, params, tokenizer, stop_ids, student)
    preflight.one_step(counts["examples"] - counts["emptied"], params, student)
    if params.profile.packing:
        arrow.pack(folder, params.profile.max_length)
        preflight.one_step(len(arrow.rows_to_learn(folder, packing=True)), params, student)
    counts |= {f"validation_{name}": validation[name] for name in ("truncated", "emptied")}
    (folder / COUNTS).write_text(json.dumps(counts))


def tokenise(
    split: str, folder: Path, params: Params, tokenizer: Any, stop_ids: set[int], student: str
) -> dict[str, int]:
    """Check and write a split's examples; returns how many there are, were cut, and were left out with nothing left to
    learn."""
    max_length = params.profile.max_length
    lengths = array("i")  # in tokens, of the rows so far

    def kept() -> Iterator[list[Tokens]]:
        for rows in examples.read_batches(DATA / f"{split}.jsonl", BATCH):
            whole = preflight.tokens(rows, split, len(lengths) + 1, tokenizer, student)
            preflight.loss_mask(whole, split, len(lengths) + 1, stop_ids, student)
            lengths.extend(len(example.input_ids) for example in whole)
            yield examples.truncate(whole, max_length)

    num_kept = arrow.write(folder / f"{split}.arrow", kept(), numbered=params.profile.packing and split == "train")
    num_truncated = preflight.overlong(lengths, split, max_length, params.train.overlong, student)
    return {"examples": len(lengths), "truncated": num_truncated, "emptied": len(lengths) - num_kept}
