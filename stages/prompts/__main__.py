"""Check a data set's rows and word each as messages: `python -m stages.prompts`."""

import json
import sys
from pathlib import Path

from stages.prompts.check import Question, check_rows, normalised, share_position
from stages.prompts.params import Params, load
from stages.prompts.recorded import Joined, join_recorded
from stages.prompts.source import read_rows
from stages.rows.prompt import Message, Prompt, write_prompts
from stages.tasks.prompts import INSTRUCTIONS

OUT = Path("data/prompts")
STYLES = ("plain", "cot")


def main() -> None:
    params = load()
    name, dataset, recorded = params.name, params.dataset, params.dataset.recorded
    if dataset.task not in INSTRUCTIONS:
        raise SystemExit(f"params.yaml: datasets.{name}.task: got {dataset.task!r}, wanted one of {sorted(INSTRUCTIONS)}")
    questions: dict[str, list[Question]] = {"train": [], "validation": [], "test": []}
    problems: list[str] = []
    for split, source in dataset.splits.items():
        questions[split], found = check_rows(read_rows(name, source, dataset.hub), dataset)
        problems += found
    if "validation" not in dataset.splits:
        carve_validation(questions, dataset.validation_share)
    joined = Joined([], 0, [])
    if recorded:
        joined = join_recorded(read_rows(name, recorded.source, recorded.hub), recorded.columns, questions["train"])
        problems += joined.problems
    refuse(problems, questions, params)
    in_train = repeated(questions["test"], questions["train"])
    if in_train:
        print(f"prompts: {len(in_train)} test questions stand in train word for word: {', '.join(in_train[:5])}", file=sys.stderr)
    for split, rows in questions.items():
        write_prompts(OUT / f"{split}.jsonl", (word(question, params) for question in rows))
    with (OUT / "recorded.jsonl").open("w", encoding="utf-8") as file:
        file.writelines(json.dumps({"id": id, "text": text}, ensure_ascii=False) + "\n" for id, text in joined.completions)
    counts = {split: len(rows) for split, rows in questions.items()} | {"test_in_train": len(in_train)}
    if recorded:
        counts |= {"recorded": len(joined.completions), "recorded_unmatched": joined.num_unmatched}
    Path("metrics").mkdir(exist_ok=True)
    Path("metrics/prompts.json").write_text(json.dumps({"prompts": counts}, indent=2) + "\n")
    print(f"prompts: {counts}", file=sys.stderr)


def refuse(problems: list[str], questions: dict[str, list[Question]], params: Params) -> None:
    """Stop at bad rows, all of them named up to a limit, and at a split without rows."""
    if problems:
        limit = params.prompts.max_problems_shown
        more = [f"and {len(problems) - limit} more (prompts.max_problems_shown in params.yaml)"] if len(problems) > limit else []
        raise SystemExit("\n".join([f"prompts: data set {params.name} has {len(problems)} bad rows; nothing was written:", *problems[:limit], *more]))
    empty = [split for split in ("train", "test") if not questions[split]]
    if empty:
        raise SystemExit(
            f"prompts: data set {params.name}: got no rows for {' and '.join(empty)}, wanted at least one; see datasets.{params.name}.splits in params.yaml"
        )


def carve_validation(questions: dict[str, list[Question]], share: float) -> None:
    train = questions["train"]
    questions["validation"] = [q for q in train if share_position(q.id, "validation") < share]
    questions["train"] = [q for q in train if share_position(q.id, "validation") >= share]


def repeated(test: list[Question], train: list[Question]) -> list[str]:
    """Ids of the test questions that stand in train too, but for case and white space."""
    seen = {normalised(question.text) for question in train}
    return [question.id for question in test if normalised(question.text) in seen]


def word(question: Question, params: Params) -> Prompt:
    """The question in every style; the user's own system prompt stands before the instruction."""
    dataset, profile = params.dataset, params.profile
    messages = {}
    for style in STYLES:
        instruction = INSTRUCTIONS[dataset.task](style, profile.wording, profile.answer_format, params.prompts.max_words)
        system = f"{dataset.system}\n\n{instruction}" if dataset.system else instruction
        messages[style] = [Message(role="system", content=system), Message(role="user", content=question.text)]
    return Prompt(id=question.id, task=dataset.task, reference=question.reference, solution=question.solution, messages=messages)


if __name__ == "__main__":
    main()
