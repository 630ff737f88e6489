"""What the answer to a math problem is: read from a reply, written into a target, graded.

An answer is a plain number in canonical form: no currency, commas, units, percent signs or trailing zeros ("$1,200.50"
is "1200.5", "3/4" stays "3/4"). What stands in LaTeX goes to math-verify. What cannot be read is None, never a guess:
a reply that marks no answer, or two different numbers as its answer, has none.
"""

import json
import re

from stages.tasks import reply
from stages.tasks.math.latex import evaluate
from stages.tasks.math.number import parse_number
from stages.tasks.reply import Asked, Reading, named

LABELS = None
BOXED = re.compile(r"\\boxed\s*\{")
LATEX = re.compile(r"\\[a-zA-Z]|\^|\$[^$]+\$")
# GSM8K's calculator annotations, "<<48/2=24>>": no target should teach them
ANNOTATION = re.compile(r"<<[^<>]*>>")


def value(words: str) -> str | None:
    """The one value that the words name: a plain number, else what math-verify makes of LaTeX."""
    if not LATEX.search(words):
        return parse_number(words)
    inner = re.fullmatch(r"\$?(?:\\\$)?\s*([-\d.,]+)\s*(?:\\?%)?\s*\$?\.?", words.strip())
    return parse_number(inner[1]) if inner else evaluate(words)


def read(text: str, asked: Asked) -> Reading | None:
    """The reasoning and the answer: of what the reply marks as its answer, "\\boxed{}" included."""
    reasoning, words = named(text, asked) or boxed(text) or ("", None)
    if words is None and asked.bare_number:
        reasoning, words = last_number(text)
    if words is None:
        return None
    answer = value(words)
    return None if answer is None else Reading(reasoning, answer)


def boxed(text: str) -> tuple[str, str] | None:
    """What stands in the last "\\boxed{}", which may hold braces itself."""
    starts = list(BOXED.finditer(text))
    if not starts:
        return None
    depth = 1
    for end in range(starts[-1].end(), len(text)):
        depth += {"{": 1, "}": -1}.get(text[end], 0)
        if depth == 0:
            return text[: starts[-1].start()].strip(), text[starts[-1].start() : end + 1]
    return None


def last_number(text: str) -> tuple[str, str | None]:
    """The last word with a digit in it, for a user who takes that for the answer."""
    found = list(re.finditer(r"\S*\d\S*", text))
    return (text[: found[-1].start()].strip(), found[-1][0]) if found else ("", None)


def write(reasoning: str, answer: str, answer_format: str) -> str:
    """The inverse of `read`; in JSON a finite decimal is a number."""
    is_number = re.fullmatch(r"-?\d+(\.\d+)?", answer)
    return reply.write(ANNOTATION.sub("", reasoning), json.loads(answer) if is_number and answer_format == "json" else answer, answer_format)


def normalise(reference: str, choices: list[str]) -> str | None:
    return value(reference)


def is_right(answer: str, reference: str, choices: list[str]) -> bool:
    return answer == normalise(reference, choices)
