"""The examples, tokenised once and in one process before any weights load: checked as they go by, cut, packed, and
written for all to map."""

import json
from array import array
from collections.abc import Iterator
from contextlib import nullcontext
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from stages.train import arrow, brought, examples, known, pairing, preflight, refusals
from stages.train.examples import DATA, IGNORED, Tokens
from stages.train.objective import Objective
from stages.train.objectives.table import OBJECTIVES
from stages.train.params import Params

COUNTS = "counts.json"
BATCH = 1_000  # rows in memory at once; enough for a tokenizer to keep all cores busy


def sources(objective: Objective) -> list[Path]:
    """The files that a training learns from."""
    files = [DATA / "train.jsonl", DATA / "validation.jsonl"]
    if objective.needs == "negatives" or objective.kind == "pairs":
        files.append(DATA / "negatives.jsonl")
    return [*files, known.FILE] if objective.needs == "logits" else files


class Line(NamedTuple):
    """`example` is None where nothing of it is learnt."""

    example: Tokens | None
    weight: float
    known: tuple[Any, Any] | None  # ids and log-probabilities of the teacher, (learnt tokens, K) each


def prepare(folder: Path, params: Params, tokenizer: Any, stop_ids: set[int], student: str) -> None:
    """Write train.arrow, validation.arrow, packed.arrow where rows are packed, what examples bring, and what was
    counted."""
    if OBJECTIVES[params.train.objective].kind == "pairs":
        counts = pairing.tokenise(folder, params, tokenizer, stop_ids, student)
        num_learnt = counts["examples"] - counts["emptied"]
    else:
        counts, num_learnt = tokenise("train", folder, params, tokenizer, stop_ids, student)
    if OBJECTIVES[params.train.objective].kind == "on_policy":
        prompts = (labels.count(IGNORED) for labels in arrow.load(folder / "train.arrow")["labels"])
        refusals.room_to_reply(prompts, params, student)
    validation, _ = tokenise("validation", folder, params, tokenizer, stop_ids, student)
    preflight.one_step(num_learnt, params, student)
    if params.profile.packing:
        arrow.pack(folder, params.profile.max_length)
        preflight.one_step(len(arrow.rows_to_learn(folder, packing=True)), params, student)
    counts |= {f"validation_{name}": validation[name] for name in ("truncated", "emptied")}
    (folder / COUNTS).write_text(json.dumps(counts))


def tokenise(
    split: str, folder: Path, params: Params, tokenizer: Any, stop_ids: set[int], student: str
) -> tuple[dict[str, int], int]:
    """Check and write a split's examples; returns how many there are, were cut, and were left with nothing to learn,
    and of how many rows are learnt: those of weight 0 are not."""
    lengths, num_emptied = array("i"), 0  # tokens of the lines so far, and those that a cut leaves nothing of
    brings = brings_something(split, params)
    by_sequence = params.train.normalisation == "sequence"

    def kept(writer: brought.Writer | None) -> Iterator[list[tuple[int, Tokens]]]:
        nonlocal num_emptied
        for batch in lines(split, params, tokenizer, stop_ids, student, lengths):
            numbered: list[tuple[int, Tokens]] = []
            num_emptied += sum(line.example is None for line in batch)
            for number, line in enumerate(batch, len(lengths) - len(batch)):
                if writer:
                    writer.add(line.example, line.weight, line.known)
                if line.example and line.weight:  # a weight of 0 changes nothing
                    numbered.append((number, line.example))
            yield numbered

    with brought.writing(folder, split, by_sequence) if brings else nullcontext() as writer:
        lacks_lines = params.train.overlong == "truncate" and OBJECTIVES[params.train.objective].kind == "tokens"
        numbered = split == "train" and (params.profile.packing or brings or lacks_lines)
        num_kept = arrow.write(folder / f"{split}.arrow", kept(writer), numbered)
    num_truncated = preflight.overlong(lengths, split, params.profile.max_length, params.train.overlong, student)
    return {"examples": len(lengths), "truncated": num_truncated, "emptied": num_emptied}, num_kept


def brings_something(split: str, params: Params) -> bool:
    """Whether the examples bring more than ids and labels; those to validate on only for an objective that begins with
    them."""
    objective = OBJECTIVES[params.train.objective]
    if split == "validation":
        return objective.needs == "logits" and objective.begin is not None
    first = next(examples.read_batches(DATA / "train.jsonl", 1), [{}])[0]
    return objective.needs is not None or params.train.normalisation == "sequence" or "weight" in first


def lines(
    split: str, params: Params, tokenizer: Any, stop_ids: set[int], student: str, lengths: "array[int]"
) -> Iterator[list[Line]]:
    """The split's lines, then those of the negatives where they are learnt; `lengths` grows by their tokens."""
    objective, max_length = OBJECTIVES[params.train.objective], params.profile.max_length
    sources = {split: 1.0}
    if split == "train" and objective.needs == "negatives":
        sources["negatives"] = -params.constants.negative_weight  # pyright: ignore[reportAttributeAccessIssue]
    for source, sign in sources.items():
        taught = known.stream(split, student) if objective.needs == "logits" and source == split else None
        done = 0
        for rows in examples.read_batches(DATA / f"{source}.jsonl", BATCH):
            if objective.kind == "on_policy":
                refusals.unweighed(rows, params, student)
            whole = preflight.tokens(rows, source, done + 1, tokenizer, student)
            preflight.loss_mask(whole, source, done + 1, stop_ids, student)
            done += len(rows)
            lengths.extend(len(example.input_ids) for example in whole)
            of_teacher = (
                known.matching(islice(taught, len(rows)), rows, whole, student) if taught else [None] * len(rows)
            )
            yield [
                Line(examples.truncate(example, max_length), sign * row.get("weight", 1.0), found)
                for row, example, found in zip(rows, whole, of_teacher, strict=True)
            ]
