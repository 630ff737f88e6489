"""How sure the teacher is of each token that will be learnt, where params ask for it: `python -m stages.logits
[--dry-run]`."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from stages.logits import kept
from stages.logits.examples import Counts, Scored, check_learnt, stream_examples, tokenize
from stages.logits.found import Found, mean
from stages.logits.kept import Kept
from stages.logits.params import Params, load
from stages.logits.report import Report
from stages.models.local import check
from stages.models.passes import check_same, load_tokenizer, size
from stages.rows.topk import BYTES, TopK, write
from stages.sampling import dated
from stages.sampling.process_group import die_with_parent
from stages.sampling.role import Role
from stages.sampling.runner import in_words

OUT = Path("data/logits/topk.parquet")
OTHER_VOCABULARY = "name another in logits.teachers or as the student's base in params.yaml, or set logits.top_k to 0"


class Task(NamedTuple):
    tokenizers: dict[str, Any]  # of the teachers, by their names, as what follows
    kept: dict[str, Kept]
    rows_to_ask: dict[str, int]
    k: int
    vocabulary: int


def main(dry_run: bool) -> None:
    die_with_parent()
    params, report = load(), Report()
    task = prepare(params) if params.logits.top_k else None
    if not dry_run:
        if task:
            ask_in_turn(params, task)
        write(OUT, to_rows(task, report) if task else ())
        write_report(report)


def prepare(params: Params) -> Task:
    """What can be known before any weights load, and one line of what it will take."""
    for one in (*params.teachers.values(), *params.students.values()):
        if getattr(one, "engine", "") != "openai":
            check(one.model, one.revision)
    teachers = {name: load_tokenizer(one.model, one.revision) for name, one in params.teachers.items()}
    students = {f"student-{name}": load_tokenizer(one.model, one.revision) for name, one in params.students.items()}
    for tokenizer in (*teachers.values(), *students.values()):
        dated.pin(tokenizer, params.prompts.date)
    first = next(iter(teachers))
    for name, tokenizer in (teachers | students).items():
        check_same("logits", first, teachers[first], name, tokenizer, OTHER_VOCABULARY)
    vocabulary = size(teachers[first])
    k = min(params.logits.top_k, vocabulary)
    found = {name: Kept(kept.folder(one.to_model(params.prompts.date), k)) for name, one in params.teachers.items()}
    to_ask = {name: one.to_ask() for name, one in found.items()}
    counts = check_learnt(stream_examples(), teachers, students, to_ask)
    print(estimate(params, counts, k), file=sys.stderr)
    return Task(teachers, found, counts.rows_to_ask, k, vocabulary)


def estimate(params: Params, counts: Counts, k: int) -> str:
    stored = counts.tokens * k * BYTES
    a_million = stored / max(1, counts.rows) * 1e6
    asked = [
        f"{name}: {counts.rows - counts.rows_to_ask[name]:,} rows are kept, {counts.rows_to_ask[name]:,} to ask: reads "
        f"{counts.tokens_to_read[name]:,} tokens, cost {in_words(cost(teacher, counts.tokens_to_read[name]), 'about')}"
        for name, teacher in params.teachers.items()
    ]
    return (
        f"logits: {counts.rows:,} rows, {counts.tokens:,} tokens to learn, the {k} most probable at each: "
        f"{stored:,} bytes before compression ({a_million / 1e9:,.1f} GB for a million such rows); {'; '.join(asked)}"
    )


def cost(teacher: Role, tokens: int) -> float | None:
    """Of reading them alone: the reply of one token for each row is thrown away."""
    return None if teacher.prompt_price is None else teacher.prompt_price * tokens / 1e6


def ask_in_turn(params: Params, task: Task) -> None:
    """One teacher after the other, for their weights may not fit side by side."""
    for name, count in task.rows_to_ask.items():
        if count:
            task.kept[name].keep(ask(params, task, name))


def ask(params: Params, task: Task, name: str) -> Iterator[list[tuple[Scored, Found]]]:
    """The rows that are not kept, with what the teacher tells of them, those together that it told together."""
    rows = filter(task.kept[name].to_ask(), tokenize(stream_examples(), task.tokenizers[name], name))
    model, count = params.teachers[name].to_model(params.prompts.date), task.rows_to_ask[name]
    match model.engine:
        case "openai":
            from stages.logits import endpoint

            return endpoint.ask(rows, count, model, params.sampling, task.k)
        case "vllm":
            from stages.logits import vllm

            return vllm.ask(rows, model, task.k)
        case _:
            from stages.logits import local

            return local.ask(rows, count, model, task.k, task.vocabulary, params.logits.batch_size)


def to_rows(task: Task, report: Report) -> Iterator[TopK]:
    """What the teacher tells of each row, or the mean of what all tell."""
    told = [
        task.kept[name].read(tokenize(stream_examples(), tokenizer, name))
        for name, tokenizer in task.tokenizers.items()
    ]
    for of_teachers in zip(*told, strict=True):
        example, ids, start = of_teachers[0][0]
        found = [one for _, one in of_teachers]
        one = mean(found) if len(found) > 1 else found[0]
        report.add(one, ids[start:])
        yield TopK(example.split, example.id, example.style, example.sample, *one)


def write_report(report: Report) -> None:
    numbers = report.numbers(OUT.stat().st_size)
    Path("metrics").mkdir(exist_ok=True)
    Path("metrics/logits.json").write_text(json.dumps({"logits": numbers}, indent=2) + "\n")
    print(f"logits: {numbers}", file=sys.stderr)


if __name__ == "__main__":
    main("--dry-run" in sys.argv[1:])
