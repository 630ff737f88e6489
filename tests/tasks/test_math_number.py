"""Numbers are read, written and compared by value."""

from fractions import Fraction

import pytest

from stages.tasks.answers.math import is_right, read, write
from stages.tasks.answers.number import canonical, parse_number
from stages.tasks.answers.reply import Asked
from stages.tasks.prompts.math import reference_problem


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("64", "64"),
        (" 64.", "64"),
        ("5.0", "5"),
        ("$1,200.50", "1200.5"),
        ("1,234,567", "1234567"),
        ("-3", "-3"),
        ("\u22123", "-3"),
        ("- $7", "-7"),
        (".5", "0.5"),
        ("3/4", "0.75"),
        ("1/3", "1/3"),
        ("64 apples", "64"),
        ("40%", "40"),
        ("12 = 12.0", "12"),
        ("12 or 13", None),
        ("1/0", None),
        ("many", None),
        ("", None),
        ("x2", None),
    ],
)
def test_one_number_in_canonical_form(text: str, number: str | None) -> None:
    assert parse_number(text) == number


def test_canonical_is_exact_for_long_decimals() -> None:
    assert canonical(Fraction("0.000000000000000000012345")) == "0.000000000000000000012345"
    assert canonical(Fraction("-1000000.25")) == "-1000000.25"
    assert canonical(Fraction(10**30)) == "1" + "0" * 30


@pytest.mark.parametrize(
    ("text", "answer_format", "found"),
    [
        ("12 + 7 = 19. #### 19", "####", ("12 + 7 = 19.", "19")),
        ("#### 19", "####", ("", "19")),
        ("It is 4 dollars\nA: $4 per day", "A:", ("It is 4 dollars", "4")),
        ("A: 4\nQ: next 5", "A:", ("", "4")),
        ("12 + 7 = 19.", "####", None),  # argues, but names no answer
        ("#### ", "####", None),
        ("#### 19 or 20", "####", None),
        ('{"reasoning": "12 + 7", "answer": 19}', "json", ("12 + 7", "19")),
        ('```json\n{"answer": "19"}\n```', "json", ("", "19")),
        ('{"answer": true}', "json", None),
        ('{"answer": null}', "json", None),
        ("[19]", "json", None),
        ("19", "json", None),
    ],
)
def test_read(text: str, answer_format: str, found: tuple[str, str] | None) -> None:
    reading = read(text, Asked("cot", answer_format, [], False))
    assert (None if reading is None else (reading.reasoning, reading.answer)) == found


@pytest.mark.parametrize("answer_format", ["####", "json"])
@pytest.mark.parametrize("answer", ["19", "-1200.5", "1/3"])
@pytest.mark.parametrize("reasoning", ["", "12 + 7 = 19."])
def test_write_is_the_inverse_of_read(answer_format: str, answer: str, reasoning: str) -> None:
    reading = read(write(reasoning, answer, answer_format), Asked("cot", answer_format, [], False))
    assert reading is not None
    assert (reading.reasoning, reading.answer) == (reasoning, answer)


def test_calculator_annotations_are_not_taught() -> None:
    assert write("She eats 48/2 = <<48/2=24>>24.", "24", "####") == "She eats 48/2 = 24. #### 24"


def test_right_is_equal_value_not_equal_text() -> None:
    assert is_right("1200.5", "$1,200.50", [])
    assert is_right("0.75", "3/4", [])
    assert not is_right("19", "20", [])


@pytest.mark.parametrize(
    ("reference", "ok"),
    [("18", True), ("1,000", True), ("-2.5", True), ("3/4", True), ("$5", True), ("five", False), ("", False)],
)
def test_a_reference_must_be_a_number(reference: str, ok: bool) -> None:
    assert (reference_problem(reference, {}) is None) == ok


@pytest.mark.parametrize(
    ("text", "reasoning"),
    [
        ("The answer is 18.", ""),
        ("9 * 2 = 18. So, the final answer is 18.", "9 * 2 = 18."),
        ("9 * 2 = 18.\n\n**Answer:** 18", "9 * 2 = 18."),
        ("Among A through E, the answer is 18.", ""),
        ("9 * 2 = 18. Based on the steps above, the answer is 18.", "9 * 2 = 18."),
        ("9 * 2 = 18, so the answer is 18.", "9 * 2 = 18,"),
        ("In two days she sells 9 * 2 = 18, the answer is 18.", "In two days she sells 9 * 2 = 18,"),
        ("Since she sells two times nine eggs, the answer is 18.", "Since she sells two times nine eggs,"),
        ("For two days she sells nine, therefore the answer is 18.", "For two days she sells nine,"),
    ],
)
def test_the_words_that_lead_to_the_answer_are_no_reasoning(text: str, reasoning: str) -> None:
    reading = read(text, Asked("cot", "json", [], False))
    assert reading is not None
    assert (reading.reasoning, reading.answer) == (reasoning, "18")


@pytest.mark.parametrize(
    ("text", "reasoning", "answer"),
    [
        ("9 eggs, twice. That is 9 * 2 = 18 dollars.", "9 eggs, twice. That is 9 * 2 =", "18"),
        ("9 * 2 = 18 dollars.\n####", "9 * 2 =", "18"),
        ("She sells nine twice. So 18 dollars.", "She sells nine twice.", "18"),
    ],
)
def test_a_bare_number_is_the_last_sentences_or_its_last_result(text: str, reasoning: str, answer: str) -> None:
    reading = read(text, Asked("cot", "####", [], True))
    assert reading is not None
    assert (reading.reasoning, reading.answer) == (reasoning, answer)
