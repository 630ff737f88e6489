"""Check a data set's rows and word each as messages: `python -m stages.prompts`."""

import json
import sys
from pathlib import Path

from stages.prompts.check import Question, check_rows, normalised, share_position, unknown_columns
from stages.prompts.params import SETS, Params, load
from stages.prompts.recorded import Joined, join_recorded, key_of
from stages.prompts.source import read_rows
from stages.prompts.word import retention_prompts, word
from stages.rows.prompt import write_prompts
from stages.tasks.prompts.table import TASKS

OUT = Path("data/prompts")


def main() -> None:
    params = load()
    name, dataset = params.name, params.dataset
    if dataset.task not in TASKS:
        raise SystemExit(f"{SETS / name}/dataset.yaml: task: got {dataset.task!r}, wanted one of {sorted(TASKS)}")
    if problem := unknown_columns(dataset):
        raise SystemExit(f"{SETS / name}/dataset.yaml: columns: {problem}")
    questions: dict[str, list[Question]] = {"train": [], "validation": [], "test": []}
    problems: list[str] = []
    for split in dataset.splits:
        hub = (
            (dataset.hub.id, dataset.hub.revision, dataset.hub.splits[split])
            if dataset.hub and split in dataset.hub.splits
            else None
        )
        questions[split], found = check_rows(read_rows(name, dataset.files.get(split), hub), dataset)
        problems += found
    for split, share in (("validation", dataset.validation_share), ("test", dataset.test_share)):
        if split not in dataset.splits:
            carve(questions, split, share)
    joined, found = recorded(params, questions["train"])
    report_bad_rows(problems, found, questions, params)
    in_train = repeated(questions["test"], questions["train"])
    if in_train:
        print(
            f"prompts: {len(in_train)} test questions stand in train word for word: {', '.join(in_train[:5])}",
            file=sys.stderr,
        )
    for split, rows in questions.items():
        write_prompts(
            OUT / f"{split}.jsonl", (word(question, dataset.task, dataset.system, params) for question in rows)
        )
    retention = list(retention_prompts(params))
    write_prompts(OUT / "retention.jsonl", retention)
    with (OUT / "recorded.jsonl").open("w", encoding="utf-8") as file:
        file.writelines(
            json.dumps({"id": id, "text": text}, ensure_ascii=False) + "\n" for id, text in joined.completions
        )
    counts = {split: len(rows) for split, rows in questions.items()} | {
        "skipped": len(problems),
        "test_in_train": len(in_train),
        "retention": len(retention),
    }
    if dataset.recorded:
        counts |= {"recorded": len(joined.completions), "recorded_unmatched": len(joined.unmatched)}
    Path("metrics").mkdir(exist_ok=True)
    Path("metrics/prompts.json").write_text(json.dumps({"prompts": counts}, indent=2) + "\n")
    print(f"prompts: {counts}", file=sys.stderr)


def recorded(params: Params, train: list[Question]) -> tuple[Joined, list[str]]:
    """The completions that the data set brings along, and what is wrong with their rows."""
    brought = params.dataset.recorded
    if not brought:
        return Joined([], [], []), []
    hub = (brought.hub.id, brought.hub.revision, brought.hub.split) if brought.hub else None
    joined = join_recorded(read_rows(params.name, brought.file, hub), brought.columns, train)
    num_joined, column = len(joined.completions), "id" if brought.columns.id else "question"
    told = (
        f"{num_joined} of {num_joined + len(joined.unmatched)} recorded completions have their question in train, "
        f"joined by {column}"
    )
    if joined.unmatched and train:
        told += (
            f"; got for example the {column} {joined.unmatched[0][:200]!r}, wanted such as "
            f"{key_of(train[0], brought.columns)[:200]!r}"
        )
    if joined.unmatched and not num_joined:
        how = "a question's text as the prompt has it, with its choices; " if column == "question" else ""
        raise SystemExit(f"prompts: {told}: {how}see recorded.columns in {SETS / params.name}/dataset.yaml")
    print(f"prompts: {told}", file=sys.stderr)
    return joined, joined.problems


def report_bad_rows(
    skippable: list[str], others: list[str], questions: dict[str, list[Question]], params: Params
) -> None:
    """Stop at bad rows or tell that they are skipped, all of them named up to a limit; stop at a split without rows."""
    limit, skip = params.prompts.max_problems_shown, params.dataset.bad_rows == "skip" and not others
    problems, told = skippable + others, f"{SETS / params.name}/dataset.yaml"
    if problems:
        more = (
            [f"and {len(problems) - limit} more (prompts.max_problems_shown in params.yaml)"]
            if len(problems) > limit
            else []
        )
        outcome = (
            f"skipped by bad_rows of {told}"
            if skip
            else f"nothing was written (bad_rows: skip in {told} leaves such rows out)"
        )
        lines = "\n".join(
            [f"prompts: data set {params.name} has {len(problems)} bad rows; {outcome}:", *problems[:limit], *more]
        )
        if not skip:
            raise SystemExit(lines)
        print(lines, file=sys.stderr)
    needed = (
        ("train",) if params.dataset.recorded else ("train", "test")
    )  # recorded completions may be filtered without a test split
    empty = [split for split in needed if not questions[split]]
    if empty:
        raise SystemExit(
            f"prompts: data set {params.name}: got no rows for {' and '.join(empty)}, wanted at least one; see files "
            f"and hub in {told}"
        )


def carve(questions: dict[str, list[Question]], split: str, share: float) -> None:
    """Take a share of the train questions for a split that the data set has none of."""
    train = questions["train"]
    questions[split] = [q for q in train if share_position(q.id, split) < share]
    questions["train"] = [q for q in train if share_position(q.id, split) >= share]


def repeated(test: list[Question], train: list[Question]) -> list[str]:
    """Ids of the test questions that stand in train too, but for case and white space."""
    seen = {normalised(question.text) for question in train}
    return [question.id for question in test if normalised(question.text) in seen]


if __name__ == "__main__":
    main()
