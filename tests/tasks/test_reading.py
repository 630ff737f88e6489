"""Reading never raises, and never reads an answer that is not in the text."""

import json
import re
from collections.abc import Callable
from fractions import Fraction

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from stages.tasks.answers.number import parse_number
from stages.tasks.answers.reply import Asked
from stages.tasks.answers.table import TASKS
from stages.tasks.labels import SYNONYMS

CHOICES = ["bank", "library", "department store", "mall", "new york"]
# what replies are made of, so that chance brings forth odd ones
PIECES = [
    "{", "}", "[", "]", '"', "'", ":", ",", "answer", "reasoning",
    '"answer": ', '{"answer": "', '{"reasoning": "x", "answer": ', "```json\n", "```", "####", "A:",
    "The answer is ", "Answer: ", "not ", "either ", " or ", "because ", "\\boxed{", "\\frac{1}{2}", "$", "^", "A", "B", "(C)", "D.", "bank", "library",
    "department store", "entailment", "neutral", "Contradiction", "entails", "1", "2.5", "-3", "1,000", "3/4", "1/0", "1e3", "9e999", "%", "\n", " ", ".",
    "steps",
    "denser_summary", "null", "true", "NaN", "\\u0042", "Infinity", "\x00", "é", "½", "٣",
]  # fmt: skip
replies = st.one_of(
    st.text(max_size=60),
    st.lists(st.sampled_from(PIECES), max_size=14).map("".join),
    st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8), lambda inner: st.lists(inner, max_size=3)
                 | st.dictionaries(st.sampled_from(["answer", "reasoning", "steps", "denser_summary", "x"]), inner, max_size=3), max_leaves=6).map(json.dumps),
)  # fmt: skip


def in_words(answer: str, text: str) -> bool:
    folded = " ".join(text.casefold().split())
    return " ".join(answer.casefold().split()) in folded


def label_is_there(answer: str, text: str) -> bool:
    return any(in_words(name, text) for name in SYNONYMS[answer])


def choice_is_there(answer: str, text: str) -> bool:
    return bool(re.search(rf"(?<![^\W_]){answer}(?![^\W_])", text, re.IGNORECASE)) or in_words(
        CHOICES["ABCDE".index(answer)], text
    )


def number_is_there(answer: str, text: str) -> bool:
    """LaTeX aside, which is worked out, one of the text's literals has the value."""
    if "\\" in text or "^" in text or "$" in text:
        return True
    literals = re.findall(r"(?:\d[\d,]*(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d{1,3})?", text)
    values = {Fraction(value) for literal in literals if (value := parse_number(literal))}
    quotients = values | {a / b for a in values for b in values if b}
    sums = quotients | {whole + part for whole in values for part in quotients}  # mixed numbers
    return abs(Fraction(answer)) in sums


IS_THERE: dict[str, Callable[[str, str], bool]] = {
    "nli": label_is_there,
    "qa": choice_is_there,
    "math": number_is_there,
    "summarization": in_words,
    "conversation": in_words,
}


def unescaped(text: str) -> str:
    """JSON's escapes written out, so that "\\u0042" counts as the letter it is."""
    return (
        re.sub(r"\\u([0-9a-fA-F]{4})", lambda match: chr(int(match[1], 16)), text)
        .replace("\\n", "\n")
        .replace('\\"', '"')
        .replace("\\\\", "\\")
    )


@settings(max_examples=1500, deadline=None, derandomize=True)
@given(
    text=replies,
    answer_format=st.sampled_from(["json", "####", "A:"]),
    style=st.sampled_from(["plain", "cot"]),
    bare_number=st.booleans(),
)
def test_reading_never_raises_and_never_invents(text: str, answer_format: str, style: str, bare_number: bool) -> None:
    assume(not re.search(r"\\u00[0189]", text))  # json-repair may leave the escape of a control character half undone
    for name, is_there in IS_THERE.items():
        reading = TASKS[name].read(text, Asked(style, answer_format, CHOICES, bare_number))
        if reading is not None:
            assert is_there(reading.answer, text) or is_there(reading.answer, unescaped(text)), (name, reading)
