"""A question -> a prompt: worded in every style of its task."""

import json
from collections.abc import Iterator
from pathlib import Path

from msgspec.structs import replace

from stages.prompts.check import Question
from stages.prompts.params import Params
from stages.rows.prompt import PLAIN, Message, Prompt
from stages.tasks.prompts.table import TASKS
from stages.tasks.prompts.wording import Limits

RETENTION = Path("data/retention")


def word(question: Question, task: str, system: str, params: Params) -> Prompt:
    """In every style; the user's own system prompt stands before the instruction."""
    put, profile = TASKS[task], params.profile
    limits = Limits(params.prompts.max_words, profile.summary_words, profile.num_summaries)
    messages, schemas = {}, {}
    for style in put.STYLES:
        instruction = put.instruction(style, profile.wording, profile.answer_format, limits)
        told = "\n\n".join(part for part in (system, instruction) if part)
        turns = [Message(role=turn.role, content=turn.content) for turn in question.turns]
        messages[style] = with_system(told, turns)
        schema = put.schema(style, question.fields) if profile.structured else None
        schemas |= {style: schema} if schema else {}
    choices = question.fields.get("choices", [])
    return Prompt(
        id=question.id,
        task=task,
        reference=question.reference,
        solution=question.solution,
        choices=choices,
        messages=messages,
        schemas=schemas,
    )


def with_system(told: str, turns: list[Message]) -> list[Message]:
    """A conversation's own system turn is kept, after the user's."""
    if not told:
        return turns
    if turns[0].role == "system":
        told, turns = f"{told}\n\n{turns[0].content}", turns[1:]
    return [Message(role="system", content=told), *turns]


def retention_prompts(params: Params) -> Iterator[Prompt]:
    """The retention set's questions of other tasks than the data set's own, in the plain style."""
    path = RETENTION / params.profile.retention
    if not path.is_file():
        raise SystemExit(
            f"prompts: {path}: got no such file, wanted the questions that the profile's prompts.retention in "
            f"params.yaml names"
        )
    for line in path.open(encoding="utf-8"):
        row = json.loads(line)
        if row["task"] != params.dataset.task:
            fields = {field: row[field] for field in TASKS[row["task"]].FIELDS}
            question = Question(row["id"], TASKS[row["task"]].turns(fields), fields, row["answer"], "")
            prompt = word(question, row["task"], "", params)
            yield replace(prompt, messages={PLAIN: prompt.messages[PLAIN]})
