"""What the answer to a math problem is: read from a reply, written into a target, graded.

An answer is a plain number in canonical form: no currency, commas, units, percent signs or trailing zeros ("$1,200.50"
is "1200.5", "3/4" stays "3/4"). What stands in LaTeX goes to math-verify. What cannot be read is None, never a guess:
a reply that marks no answer, or two different numbers as its answer, has none.
"""

import json
import re

from stages.tasks.answers import reply
from stages.tasks.answers.latex import evaluate
from stages.tasks.answers.number import parse_number
from stages.tasks.answers.reply import Asked, Reading, named

LABELS = None
BOXED = re.compile(r"\\boxed\s*\{")
LATEX = re.compile(r"\\[a-zA-Z]|\^|\$[^$]+\$")
SENTENCE = re.compile(r"\S(?:(?![.!?]\s|\n).)*[.!?]*")
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
    reasoning, words = named(text, asked) or boxed(text) or (text, "")
    if asked.bare_number and not words.strip():
        reasoning, words = bare_number(reasoning)
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


def bare_number(text: str) -> tuple[str, str]:
    """(what stands before, the words that hold the number), for a user who takes a reply's last number for its answer.

    The words are the last sentence with a digit in it, or what it holds behind its last "=". The caller finds two
    unlike numbers
    in them unreadable: which of two is meant would be a guess.
    """
    start, sentence = max(
        ((match.start(), match[0]) for match in SENTENCE.finditer(text) if re.search(r"\d", match[0])), default=(0, "")
    )
    before, equals, result = sentence.rpartition("=")
    return text[: start + len(before + equals)].strip(), result


def write(reasoning: str, answer: str, answer_format: str) -> str:
    """The inverse of `read`; in JSON a finite decimal is a number."""
    is_number = re.fullmatch(r"-?\d+(\.\d+)?", answer)
    return reply.write(
        ANNOTATION.sub("", reasoning),
        json.loads(answer) if is_number and answer_format == "json" else answer,
        answer_format,
    )


def normalise(reference: str, choices: list[str]) -> str | None:
    return value(reference)


def is_right(answer: str, reference: str, choices: list[str]) -> bool:
    return answer == normalise(reference, choices)
