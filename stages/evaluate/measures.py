"""From graded replies to the measures of an arm: one value for every row, and what is told beside it.

The value is what arms are compared by: 1 or 0 for an answer that is right or not, entity density for summaries, chrF
for conversations (a stand-in until there is a judge). A reply that could not be read has 0.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from stages.evaluate import conversations, summaries
from stages.evaluate.grade import Graded
from stages.evaluate.labels import per_label
from stages.evaluate.params import Params
from stages.rows.prompt import PLAIN, Prompt
from stages.tasks.answers.entities import finder
from stages.tasks.answers.table import TASKS

MEASURES = {"summarization": "entity_density", "conversation": "chrf"}  # of the tasks in which nothing is simply right


@dataclass(frozen=True)
class Measured:
    values: list[float]
    details: dict[str, Any]
    rows: list[dict[str, float]]  # of each prompt all measures that it has, by name


def measure_name(task: str) -> str:
    return "accuracy" if TASKS[task].is_right else MEASURES[task]


def measure(graded: Graded, prompts: list[Prompt], params: Params) -> Measured:
    task = prompts[0].task
    if TASKS[task].is_right:
        values = [float(outcome == "right") for outcome in graded.outcomes]
        labels = TASKS[task].LABELS
        details = per_label(normalised(prompts), graded.answers, list(labels)) if labels else {}
        return Measured(values, details, [{"accuracy": value} for value in values])
    of_row = of_summaries(params) if task == "summarization" else of_conversations
    measured = [
        of_row(answer, prompt) if answer else {} for answer, prompt in zip(graded.answers, prompts, strict=True)
    ]
    means = summaries.summarise([row for row in measured if row])
    details = (
        {"summaries": {"entities_by": params.evaluate.entities, **means}}
        if task == "summarization"
        else {"stand_ins": means}
    )
    return Measured([row.get(MEASURES[task], 0.0) for row in measured], details, measured)


def of_summaries(params: Params) -> Callable[[str, Prompt], dict[str, float]]:
    entities = finder(params.evaluate.entities, "evaluate.entities")

    def of_row(answer: str, prompt: Prompt) -> dict[str, float]:
        article = prompt.messages[PLAIN][-1].content
        return summaries.measure(
            answer, article, prompt.reference, params.summary_words, params.evaluate.length_tolerance, entities
        )

    return of_row


def of_conversations(answer: str, prompt: Prompt) -> dict[str, float]:
    return conversations.measure(answer, prompt.reference)


def normalised(prompts: list[Prompt]) -> list[str]:
    """The references in the form that answers are read in."""
    return [TASKS[prompt.task].normalise(prompt.reference, prompt.choices) or "" for prompt in prompts]
