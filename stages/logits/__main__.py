"""How sure the teacher is of each token that will be learnt, where params ask for it: `python -m stages.logits
[--dry-run]`."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from stages.logits.examples import check_learnt, stream_examples, tokenize
from stages.logits.found import Found, mean
from stages.logits.params import Params, load
from stages.logits.report import Report
from stages.models.local import check
from stages.models.passes import check_same, load_tokenizer, size
from stages.rows.topk import BYTES, TopK, read, write
from stages.sampling.process_group import die_with_parent

OUT = Path("data/logits/topk.parquet")
OTHER_VOCABULARY = "name another in logits.teachers or as the student's base in params.yaml, or set logits.top_k to 0"


class Task(NamedTuple):
    tokenizers: dict[str, Any]  # of the teachers, by their names
    rows: int
    k: int
    vocabulary: int


def main(dry_run: bool) -> None:
    die_with_parent()
    params, report = load(), Report()
    task = prepare(params) if params.logits.top_k else None
    if not dry_run:
        write(OUT, to_rows(params, task, report) if task else ())
        write_report(report)


def prepare(params: Params) -> Task:
    """What can be known before any weights load, and one line of what it will take."""
    for one in (*params.teachers.values(), *params.students.values()):
        if getattr(one, "engine", "") != "openai":
            check(one.model, one.revision)
    teachers = {name: load_tokenizer(one.model, one.revision) for name, one in params.teachers.items()}
    students = {f"student-{name}": load_tokenizer(one.model, one.revision) for name, one in params.students.items()}
    first = next(iter(teachers))
    for name, tokenizer in (teachers | students).items():
        check_same("logits", first, teachers[first], name, tokenizer, OTHER_VOCABULARY)
    vocabulary = size(teachers[first])
    k = min(params.logits.top_k, vocabulary)
    counts = check_learnt(stream_examples(), teachers, students)
    print(estimate(params, counts, k), file=sys.stderr)
    return Task(teachers, counts["rows"], k, vocabulary)


def estimate(params: Params, counts: dict[str, int], k: int) -> str:
    stored = counts["tokens"] * k * BYTES
    read = [
        f"{name} reads {counts[name]:,} tokens, cost {in_words(teacher.prompt_price, counts[name])}"
        for name, teacher in params.teachers.items()
    ]
    a_million = stored / max(1, counts["rows"]) * 1e6
    return (
        f"logits: {counts['rows']:,} rows, {counts['tokens']:,} tokens to learn, the {k} most probable at each: "
        f"{stored:,} bytes before compression ({a_million / 1e9:,.1f} GB for a million such rows); {'; '.join(read)}"
    )


def in_words(price: float | None, tokens: int) -> str:
    return "unknown" if price is None else f"{price * tokens / 1e6:,.2f}"


def to_rows(params: Params, task: Task, report: Report) -> Iterator[TopK]:
    first = next(iter(task.tokenizers))
    found = ask(params, task, first) if len(params.teachers) == 1 else ask_in_turn(params, task)
    rows = tokenize(stream_examples(), task.tokenizers[first], first)
    for (example, ids, start), one in zip(rows, found, strict=True):
        report.add(one, ids[start:])
        yield TopK(example.split, example.id, example.style, example.sample, *one)


def ask(params: Params, task: Task, name: str) -> Iterator[Found]:
    rows = tokenize(stream_examples(), task.tokenizers[name], name)
    model = params.teachers[name].to_model()
    match model.engine:
        case "openai":
            from stages.logits import endpoint

            return endpoint.ask(rows, task.rows, model, params.sampling, task.k)
        case "vllm":
            from stages.logits import vllm

            return vllm.ask(rows, model, task.k)
        case _:
            from stages.logits import local

            return local.ask(rows, task.rows, model, task.k, task.vocabulary, params.logits.batch_size)


def ask_in_turn(params: Params, task: Task) -> Iterator[Found]:
    """The mean of all teachers. Their weights may not fit side by side, so each one's probabilities go to the disk."""
    parts = [OUT.with_name(f"{name}.parquet") for name in params.teachers]
    for name, part in zip(params.teachers, parts, strict=True):
        write(part, (TopK("", "", "", 0, *found) for found in ask(params, task, name)))
    for rows in zip(*map(read, parts), strict=True):
        yield mean([Found(row.token_ids, row.logprobs) for row in rows])
    for part in parts:
        part.unlink()


def write_report(report: Report) -> None:
    numbers = report.numbers(OUT.stat().st_size)
    Path("metrics").mkdir(exist_ok=True)
    Path("metrics/logits.json").write_text(json.dumps({"logits": numbers}, indent=2) + "\n")
    print(f"logits: {numbers}", file=sys.stderr)


if __name__ == "__main__":
    main("--dry-run" in sys.argv[1:])
