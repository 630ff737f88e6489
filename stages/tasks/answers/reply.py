"""The parts of a raw reply: where it names its answer, and the reasoning before.

Only replies that ended by themselves are read: a reply that was cut off may name an answer it was about to drop, and
`json-repair` would close what was never finished.
"""

import json
import re
from typing import Any, NamedTuple

import json_repair

FENCE = re.compile(r"^```\w*\s*|\s*```$")
ANSWER_KEYS = ("answer", "final_answer", "label")
# "The answer is", "Final answer:", "**Answer:**", "The correct choice (of five) is"; the last one in a reply counts
SAID = re.compile(
    r"(?P<so>\b(?:so|thus|therefore|hence|and),?\s+)?(?:\bthe\s+)?\b(?:final |correct |best |right "
    r")?(?:answer|choice|option|label)"
    r"(?:\s*\([^()\n]*\))?(?:\s+is\b|\s*[:=])[\s*:]*",
    re.IGNORECASE,
)
# how the sentence that names the answer may begin: "Among A through E, the answer is"
LEAD_IN = re.compile(
    r"(?:^|(?<=[.!?\n]))\s*(?:among|of|out of|from|based on|according to|considering|given(?! "
    r"that)|in|for|with|between|looking at)\b"
    r"(?:[^\S\n]+[^\s=.!?]+){1,8}\s*$",
    re.IGNORECASE,
)
# where the clause that names the answer ends and its grounds begin
GROUNDS = re.compile(r"[;\n]|\.[\"'”’)]*(?:\s|$)|,?\s(?:because|since|as|given|so that)\s")
NEGATED = re.compile(r"(?:\b(?:not|no|neither|never|non|isn't|cannot be)\b|n't\b)", re.IGNORECASE)


class Asked(NamedTuple):
    """How a reply was asked for, as far as that decides how it is read."""

    style: str
    answer_format: str  # "json", or the mark before the answer
    choices: list[str]
    bare_number: bool  # math: the last sentence's one number counts where nothing marks the answer


class Reading(NamedTuple):
    """`reasoning` is "" where the reply gives none, None where the task has none that could be learnt."""

    reasoning: str | None
    answer: str


def named(text: str, asked: Asked) -> tuple[str, str] | None:
    """(reasoning, the words in which the reply names its answer), or None where it marks none.

    In this order: JSON where that was asked for, the mark that was asked for, "the answer is".
    """
    if asked.answer_format == "json":
        found = from_json(text)
        if found:
            return found
    elif asked.answer_format in text:
        return before_mark(text, asked.answer_format)
    said = list(SAID.finditer(text))
    if not said:
        return None
    before = text[: said[-1].start()].strip().rstrip("*_").rstrip()
    reasoning = before if said[-1]["so"] else LEAD_IN.sub("", before)
    return reasoning, clause(text[said[-1].end() :].strip())


def before_mark(text: str, mark: str) -> tuple[str, str]:
    """Up to the last mark, and the line behind it, which may stand below a colon. Marks before it may be headings;
    those with the
    same answer only repeat it."""
    reasoning, _, behind = text.rpartition(mark)
    answer = behind.lstrip(" \t\r\n:").rstrip().split("\n", 1)[0]
    while mark in reasoning and reasoning.rpartition(mark)[2].strip() == answer:
        reasoning = reasoning.rpartition(mark)[0]
    return reasoning.strip(), answer


def clause(text: str) -> str:
    """Up to the grounds: "neutral because it does not entail" names one label, not two."""
    return GROUNDS.split(text, maxsplit=1)[0]


def from_json(text: str) -> tuple[str, str] | None:
    found = parse_json(text)
    if not isinstance(found, dict):
        return None
    keys = {str(key).casefold(): value for key, value in found.items()}
    answer = next((keys[key] for key in ANSWER_KEYS if key in keys), None)
    if isinstance(answer, list) and len(answer) == 1:
        answer = answer[0]
    if not isinstance(answer, str):  # numbers come as they are spelt
        return None
    return in_words(keys.get("reasoning") or "").strip(), answer


def in_words(reasoning: Any) -> str:
    """Steps that came as a list or an object, one after another."""
    steps = reasoning.values() if isinstance(reasoning, dict) else reasoning
    return " ".join(map(in_words, steps)) if isinstance(reasoning, dict | list) else str(reasoning)


def parse_json(text: str) -> Any:
    """The reply's JSON, numbers as they are spelt; mended where it is broken, None where there is none."""
    text = FENCE.sub("", text.strip())
    try:
        return json.loads(text, parse_int=str, parse_float=str, parse_constant=lambda _: None)
    except ValueError:
        pass
    except RecursionError:
        return None
    start = re.search(r"[{\[]", text)
    if not start:
        return None
    mended = json_repair.loads(text[start.start() :], skip_json_loads=True)
    return spelt(mended)


def spelt(value: Any) -> Any:
    """Numbers as text; what is true, false or null is no answer."""
    if isinstance(value, bool):
        return None
    if isinstance(value, dict):
        return {key: spelt(item) for key, item in value.items()}
    if isinstance(value, list):
        return [spelt(item) for item in value]
    return str(value) if isinstance(value, int | float) else value


def bare(text: str) -> str:
    """Without the quotes, stars, brackets and full stops that may stand around an answer."""
    return text.strip().strip("\"'`*_ \t\n.:!").strip()


def lone_lines(text: str) -> list[str]:
    """The first and the last line, where an answer may stand alone."""
    lines = [bare(line) for line in text.strip().splitlines() if bare(line)]
    return list(dict.fromkeys([*lines[:1], *lines[-1:]]))


def write(reasoning: str, answer: Any, answer_format: str) -> str:
    """The target that a student learns, the inverse of reading. `reasoning` is "" for the answer alone."""
    if answer_format == "json":
        return json.dumps(({"reasoning": reasoning} if reasoning else {}) | {"answer": answer}, ensure_ascii=False)
    return " ".join(part for part in (reasoning, answer_format, str(answer)) if part)
