"""How an article is put to a model for a summary: plainly, or as a chain of density.

Chain of density is Adams et al., arXiv 2309.04269: one summary after another, each as long as the last and denser in
entities. The wording is our own.
"""

from typing import Any

from stages.tasks.prompts.wording import Limits, Turn

FIELDS = ("article",)
STYLES = ("plain", "cod")
CHAIN = (
    "Write {num} summaries of the article, one after another, each of about {words} words. Let the first be "
    "long-winded and unspecific: it names few entities "
    "and fills its length with phrases such as \"the article discusses\". Then repeat: pick one to three entities of "
    "the article that the last summary lacks, "
    "and write it anew at the same length, so that it holds every earlier entity and the new ones. An entity that you "
    "pick is relevant to the story, specific, "
    "at most five words long, new, and really in the article; it may stand anywhere in it. Make room by fusing and "
    "compressing, and by dropping filler; "
    "never drop an entity. Each summary must read well by itself."
)  # fmt: skip


def instruction(style: str, wording: str, answer_format: str, limits: Limits) -> str:
    if wording == "terse":
        how = (
            'as JSON: {"steps": [{"missing_entities": "...", "denser_summary": "..."}]}'
            if answer_format == "json"
            else f"after {answer_format}"
        )
        return "Sum up." if style == "plain" else f"Sum up again and again, denser each time, each {how}."
    if style == "plain":
        return f"Summarise the article in about {limits.summary_words} words. Reply with the summary alone."
    chain = CHAIN.format(num=limits.num_summaries, words=limits.summary_words)
    if answer_format == "json":
        return (
            f'{chain} Reply with one JSON object and nothing else. It has one key, "steps": a list of '
            f"{limits.num_summaries} objects, each with two keys, "
            'in this order. "missing_entities": the entities that this summary adds, parted by semicolons. '
            '"denser_summary": the summary.'
        )
    return f"{chain} Begin each summary on a new line with {answer_format}, and write nothing else."


def turns(fields: dict[str, Any]) -> list[Turn]:
    return [Turn("user", fields["article"])]


def schema(style: str, fields: dict[str, Any]) -> dict[str, Any] | None:
    """None for a plain summary, which is bare text."""
    if style == "plain":
        return None
    text = {"type": "string"}
    step = {
        "type": "object",
        "properties": {"missing_entities": text, "denser_summary": text},
        "required": ["missing_entities", "denser_summary"],
        "additionalProperties": False,
    }
    return {
        "type": "object",
        "properties": {"steps": {"type": "array", "items": step}},
        "required": ["steps"],
        "additionalProperties": False,
    }


def reference_problem(reference: str, fields: dict[str, Any]) -> str | None:
    """A summary may have no reference: most measures set it against the article."""
    return None
