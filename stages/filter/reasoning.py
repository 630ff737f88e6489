"""What is wrong with a teacher's reasoning, beyond its answer."""

import re
from fractions import Fraction

from stages.tasks.answers.number import parse_number
from stages.tasks.answers.reply import Asked
from stages.tasks.answers.table import TASKS

# the number after the last "=" of a step, whose calculator annotation may stand between, and no next term of a sum
RESULT = re.compile(
    r"=\s*(?:<<[^<>]*>>)?\s*([-\u2212]?\s*[$€£]?\s*[-\u2212]?\d[\d,]*(?: "
    r"\d{3}\b)*(?:\.\d+)?(?:/\d+)?)(?!\d*\s*[-+*/×÷=]\s*[\d$(])"
)
NAMED = re.compile(r"\banswer(?:\s+is\b|\s*[:=])|\\boxed", re.IGNORECASE)
NO_END = re.compile(
    r"\s*[\^!]|\D*\d"
)  # of a result: a power, a factorial, "5 hours and 30 minutes", an aside with numbers
NUMBER = re.compile(r"[\d][\d,.]*")


def contradiction(reasoning: str, answer: str, task: str, asked: Asked) -> str | None:
    """In words, where the reasoning ends in another answer than the one that is given; else None.

    Either the reasoning names an answer of its own ("so the answer is B") which differs, or, in math, its last line
    ends
    in another result. On the 7,473 solutions of GSM8K's train split, which people wrote, the second finds 9, nearly all
    faults of the data set; rounded results, and cents for dollars, are none.
    """
    ends = list(NAMED.finditer(reasoning))
    named = TASKS[task].read(reasoning[ends[-1].start() :], asked._replace(bare_number=False)) if ends else None
    if named is not None and named.answer != answer:
        return f"the reasoning says {named.answer}, the answer is {answer}"
    result = last_result(reasoning) if task == "math" else None
    if (
        result is None
        or is_close(result[0], answer)
        or answer in {parse_number(number) for number in NUMBER.findall(result[1])}
    ):
        return None
    return f"the last step gives {result[0]}, the answer is {answer}"


def last_result(reasoning: str) -> tuple[str, str] | None:
    """The last result in the last line of the reasoning, and that line."""
    line = reasoning.strip().rpartition("\n")[2]
    found = list(RESULT.finditer(line))
    value = parse_number(found[-1][1]) if found and not NO_END.match(line, found[-1].end()) else None
    return (value, line) if value is not None else None


def is_close(result: str, answer: str) -> bool:
    """Equal, rounded to a whole number, or the same in hundredths."""
    try:
        got, wanted = Fraction(result), Fraction(answer)
    except ValueError:  # an answer in LaTeX
        return True
    return got in (wanted, wanted * 100, wanted / 100) or (
        abs(got - wanted) < 1 and wanted.denominator == 1 and got.denominator != 1
    )
