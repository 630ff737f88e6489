"""What judges are shown: the replies of each arm, one by one, and two by two in both orders."""

from pathlib import Path
from typing import NamedTuple

from stages.grade.params import Params
from stages.rows.parquet import read_rows
from stages.rows.prompt import Prompt, read_prompts
from stages.statistics.rows import position
from stages.tasks.answers.reply import Asked
from stages.tasks.answers.table import TASKS


class Single(NamedTuple):
    """A reply as its reader sees it, None where it cannot be read."""

    prompt: Prompt
    arm: str
    reply: str | None


class Pair(NamedTuple):
    """Two such replies, in the order of the arms; `shown_first` says whether the first is shown before the second."""

    prompt: Prompt
    first: str
    second: str
    replies: tuple[str | None, str | None]
    shown_first: bool


Replies = dict[str, dict[str, str | None]]  # by arm and id of the prompt


def read_cases(params: Params) -> tuple[list[Single], list[Pair]]:
    prompts = chosen(read_prompts(Path(f"data/prompts/{params.split}.jsonl")), params.grade.num_prompts)
    replies = read_replies(prompts, params)
    singles = [Single(prompt, arm, said[prompt.id]) for arm, said in replies.items() for prompt in prompts]
    pairs = [
        Pair(prompt, first, second, (replies[first][prompt.id], replies[second][prompt.id]), shown_first)
        for first, second in to_compare(list(replies), params.students)
        for prompt in prompts
        for shown_first in (True, False)
    ]
    return singles, pairs


def chosen(prompts: list[Prompt], number: int) -> list[Prompt]:
    """A random few, in their order; more of them hold the fewer."""
    few = {prompt.id for prompt in sorted(prompts, key=lambda prompt: position(prompt.id))[: number or None]}
    return [prompt for prompt in prompts if prompt.id in few]


def read_replies(prompts: list[Prompt], params: Params) -> Replies:
    """Of each model in each style in which it was asked."""
    found: Replies = {}
    for model in ("teacher", *(f"base-{student}" for student in params.students), *params.students):
        rows = read_rows(Path(f"data/predictions/{model}.parquet"), ("split", "id", "style", "text", "finish_reason"))
        by_style: dict[str, dict[str, tuple[str, str]]] = {}
        for split, id, style, text, finish_reason in rows.iter_rows():
            if split == params.split:
                by_style.setdefault(style, {})[id] = text, finish_reason
        for style in prompts[0].messages:
            if style in by_style:
                found[f"{model} {style}"] = {
                    prompt.id: readable(*by_style[style][prompt.id], prompt, style, params) for prompt in prompts
                }
    return found


def readable(text: str, finish_reason: str, prompt: Prompt, style: str, params: Params) -> str | None:
    """What a reader sees: the whole reply where it is right or wrong, else the answer alone, of a chain the last."""
    if finish_reason != "stop":
        return None
    task = TASKS[prompt.task]
    reading = task.read(text, Asked(style, params.answer_format, prompt.choices, params.bare_number))
    return None if reading is None else text.strip() if task.is_right else reading.answer


def to_compare(arms: list[str], students: list[str]) -> list[tuple[str, str]]:
    """Each student against its base in the same style and against the teacher in each, as `evaluate` does."""
    split = [arm.split() for arm in arms]
    return [
        (f"{model} {style}", f"{other} {others}")
        for model, style in split
        if model in students
        for other, others in split
        if other == "teacher" or (other == f"base-{model}" and others == style)
    ]
