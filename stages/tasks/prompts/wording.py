"""The instruction of tasks whose reply ends in one short answer: the answer alone (plain), or reasoning first (cot).

The two styles follow arXiv 2410.18588; chain-of-thought is arXiv 2201.11903. The wording is our own. An answer
format other than "json" is the mark that stands before the answer, such as "####".
"""

from typing import Any, NamedTuple


class Limits(NamedTuple):
    """What a wording may name."""

    max_words: int  # of the reasoning
    summary_words: int  # of one summary
    num_summaries: int  # of a chain of density


class Turn(NamedTuple):
    role: str
    content: str


def reasoned(style: str, wording: str, answer_format: str, limits: Limits, task: str, answer: str) -> str:
    """`task` says what to do, in one sentence or more; `answer` what the answer is, such as "the letter of the
    choice"."""
    if wording == "terse":
        how = (
            f"Reply as JSON: {json_keys(style)}."
            if answer_format == "json"
            else f"Give the answer after {answer_format}."
        )
        return " ".join(part for part in (task, "Think step by step." if style == "cot" else "", how) if part)
    if style == "plain":
        if answer_format == "json":
            return f'{task} Reply with one JSON object and nothing else. It has one key, "answer": {answer}.'
        return f"{task} Reply with {answer} alone, on one line that begins with {answer_format}."
    if answer_format == "json":
        return (
            f'{task} Reply with one JSON object and nothing else. It has two keys, in this order. "reasoning": '
            f"your step-by-step reasoning, "
            f'in at most {limits.max_words} words. "answer": {answer}.'
        )
    return (
        f"{task} First reason step by step, in at most {limits.max_words} words. Then give {answer} on a last line "
        f"that begins with {answer_format}."
    )


def json_keys(style: str) -> str:
    return '{"answer": ...}' if style == "plain" else '{"reasoning": "...", "answer": ...}'


def reasoned_schema(style: str, answer: dict[str, Any]) -> dict[str, Any]:
    """The JSON schema of such a reply; `answer` is the schema of the answer."""
    keys = {"answer": answer} if style == "plain" else {"reasoning": {"type": "string"}, "answer": answer}
    return {"type": "object", "properties": keys, "required": list(keys), "additionalProperties": False}
