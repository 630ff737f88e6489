"""One completion -> an example or a rejection with its reason: the rules, in their order."""

import hashlib
from dataclasses import dataclass

from stages.filter.params import Params
from stages.rows.completion import Completion
from stages.rows.example import Example, Rejected
from stages.rows.prompt import Message, Prompt
from stages.tasks.answers import TASKS
from stages.tasks.reply import Asked

REASONS = ("unanswered", "content_filter", "cut_off", "unreadable", "wrong", "no_reasoning", "duplicate")


@dataclass(frozen=True)
class Judged:
    outcome: Example | Rejected
    is_right: bool | None  # None where no answer could be read, or none is simply right


def judge(completion: Completion, prompt: Prompt, params: Params) -> Judged:
    """What becomes of the teacher's completion. "Could not be read" is not "wrong"."""
    if completion.finish_reason == "unanswered":
        return Judged(reject(completion, "unanswered", completion.error), None)
    if completion.finish_reason == "content_filter":
        return Judged(reject(completion, "content_filter", "withheld by the endpoint"), None)
    if completion.finish_reason == "length":
        return Judged(reject(completion, "cut_off", f"{completion.completion_tokens} tokens and no end"), None)
    task = TASKS[prompt.task]
    reading = task.read(completion.text, Asked(completion.style, params.completion_format, prompt.choices, params.bare_number))
    if reading is None:
        return Judged(reject(completion, "unreadable", f"no answer in the format {params.completion_format!r}"), None)
    right = task.is_right(reading.answer, prompt.reference, prompt.choices) if task.is_right else None
    if params.filter.verify == "reference" and right is False:
        return Judged(reject(completion, "wrong", f"got {reading.answer}, the reference is {prompt.reference}"), right)
    if params.filter.target == "answer" or reading.reasoning is None:
        return Judged(example(prompt, completion.sample, "", reading.answer, params), right)
    if not reading.reasoning:
        return Judged(reject(completion, "no_reasoning", "an answer alone, and filter.target is reasoning"), right)
    return Judged(example(prompt, completion.sample, reading.reasoning, reading.answer, params), right)


def from_reference(prompt: Prompt, params: Params) -> Example:
    """The control: the data set's own answer as the target."""
    task = TASKS[prompt.task]
    teaches_reasoning = params.filter.target == "reasoning" and task.is_right is not None
    if teaches_reasoning and not prompt.solution:
        raise SystemExit(
            f"filter: prompt {prompt.id}: got no worked solution in the data set, wanted one because filter.labels is reference "
            "and filter.target is reasoning; set filter.target: answer in params.yaml, or map columns.solution"
        )
    answer = task.normalise(prompt.reference, prompt.choices)
    if answer is None:
        raise SystemExit(f"filter: prompt {prompt.id}: the reference {prompt.reference!r} cannot be learnt; mend the data set, or set filter.labels: teacher")
    return example(prompt, 0, prompt.solution if teaches_reasoning else "", answer, params)


def example(prompt: Prompt, sample: int, reasoning: str, answer: str, params: Params) -> Example:
    target = TASKS[prompt.task].write(reasoning, answer, params.answer_format)
    return Example(id=prompt.id, sample=sample, prompt=prompt.messages["plain"], completion=[Message(role="assistant", content=target)])


def reject(completion: Completion, reason: str, detail: str) -> Rejected:
    return Rejected(id=completion.id, sample=completion.sample, reason=reason, detail=detail, text=completion.text)


def drop_duplicates(examples: list[Example]) -> tuple[list[Example], list[Rejected]]:
    """Of examples with the same prompt and target the first is kept."""
    kept: dict[tuple[str, ...], Example] = {}
    rejected = []
    for row in examples:
        text = row.completion[0].content
        first = kept.setdefault((*(message.content for message in row.prompt), text), row)
        if first is not row:
            rejected.append(Rejected(id=row.id, sample=row.sample, reason="duplicate", detail=f"of {first.id} sample {first.sample}", text=text))
    return list(kept.values()), rejected


def is_validation(prompt_id: str, share: float) -> bool:
    """By a hash of the prompt: all its samples fall on one side, and none moves when others are added."""
    return int.from_bytes(hashlib.sha256(prompt_id.encode()).digest()[:8], "big") / 2**64 < share
