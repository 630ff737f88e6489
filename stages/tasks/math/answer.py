"""What the answer to a math problem is: read from a reply, written into a target, graded.

An answer is a plain number in canonical form: no currency, commas, units or trailing zeros ("$1,200.50"
is "1200.5", "3/4" stays "3/4"). What cannot be read is None, never a guess: a reply without its mark,
or with two different numbers after it, has no answer.
"""

import json
import re
from dataclasses import dataclass
from decimal import Decimal, localcontext
from fractions import Fraction

NUMBER = re.compile(r"(?<![\w.])[-\u2212]?\s?\$?\s?(\d{1,3}(?:,\d{3})+|\d+)?(\.\d+)?(?:/(\d+))?(?![\d])")
# GSM8K's calculator annotations, "<<48/2=24>>": no target should teach them
ANNOTATION = re.compile(r"<<[^<>]*>>")
FENCE = re.compile(r"^```(?:json)?\s*|\s*```$")


@dataclass(frozen=True)
class Reading:
    reasoning: str
    answer: str


def parse_number(text: str) -> str | None:
    """The one number in `text` in canonical form; None where there is none or several that differ."""
    values = set()
    for match in NUMBER.finditer(text):
        whole, decimals, denominator = match.groups()
        if whole is None and decimals is None:
            continue
        if denominator is not None and int(denominator) == 0:
            return None
        value = Fraction((whole or "0").replace(",", "") + (decimals or "")) / int(denominator or 1)
        values.add(-value if match[0][0] in "-\u2212" else value)
    return canonical(values.pop()) if len(values) == 1 else None


def canonical(value: Fraction) -> str:
    """A finite decimal as a decimal, anything else as a fraction."""
    denominator = value.denominator
    for prime in (2, 5):
        while denominator % prime == 0:
            denominator //= prime
    if denominator != 1:
        return str(value)
    # a finite decimal has at most log2(10) = 3.33 places a digit of its denominator
    with localcontext(prec=len(str(value.numerator)) + 4 * len(str(value.denominator))):
        return format(Decimal(value.numerator) / Decimal(value.denominator), "f")


def read(text: str, answer_format: str) -> Reading | None:
    """The reasoning and the answer in a reply, where `answer_format` is "json" or the answer's mark."""
    return read_json(text) if answer_format == "json" else read_marked(text, answer_format)


def read_marked(text: str, mark: str) -> Reading | None:
    """The number on the line after the last mark; what stands before the first mark is the reasoning."""
    if mark not in text:
        return None
    answer = parse_number(text.rsplit(mark, 1)[1].strip().split("\n", 1)[0])
    return None if answer is None else Reading(text.split(mark, 1)[0].strip(), answer)


def read_json(text: str) -> Reading | None:
    try:
        found = json.loads(FENCE.sub("", text.strip()))
    except json.JSONDecodeError:
        return None
    if not isinstance(found, dict) or isinstance(found.get("answer"), bool | type(None)):
        return None
    answer = parse_number(str(found["answer"]))
    return None if answer is None else Reading(str(found.get("reasoning", "")).strip(), answer)


def write(reasoning: str, answer: str, answer_format: str) -> str:
    """The target that a student learns: the inverse of `read`. `reasoning` is "" for the answer alone."""
    reasoning = ANNOTATION.sub("", reasoning)
    if answer_format == "json":
        number = json.loads(answer) if "/" not in answer else answer
        return json.dumps(({"reasoning": reasoning} if reasoning else {}) | {"answer": number}, ensure_ascii=False)
    return " ".join(part for part in (reasoning, answer_format, answer) if part)


def is_right(answer: str, reference: str) -> bool:
    return answer == parse_number(reference)
