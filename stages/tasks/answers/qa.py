"""What the answer to a question with choices is: the letter of one choice.

A reply may name the letter, the letter in brackets, or the choice's text. Where it names two, or a letter and the text
of another choice, it has no answer.
"""

import re

from stages.tasks.answers.reply import NEGATED, Asked, Reading, bare, clause, lone_lines, named, write

__all__ = ["LABELS", "is_right", "normalise", "read", "write"]

LETTERS = "ABCDEFGHIJ"
LABELS = LETTERS
LETTER = re.compile(r"(?<![\w'’.-])(?:\(([A-Ja-j])\)|([A-J]))(?![\w'’])(?!-\w)")

LETTER_STOP = re.compile(r"(?<![\w.])([A-Ja-j])\.\s+")  # "B. bank": no end of a sentence


def read(text: str, asked: Asked) -> Reading | None:
    """The letter: of what the reply marks as its answer, else of a first or last line that is a choice and nothing
    else."""
    marked = named(text, asked)
    if marked:
        letter = one_choice(clause(LETTER_STOP.sub(r"\1) ", marked[1])), asked.choices)
        return Reading(marked[0], letter) if letter else None
    found = {letter for line in lone_lines(text) if (letter := whole_choice(line, asked.choices))}
    return Reading("", found.pop()) if len(found) == 1 else None


def one_choice(words: str, choices: list[str]) -> str | None:
    """The one choice that the words name."""
    if letter := whole_choice(words, choices):
        return letter
    if NEGATED.search(words) and not any(NEGATED.search(choice) for choice in choices):
        return None
    letters, by_text = named_letters(words, choices), named_choices(words, choices)
    if not letters <= set(LETTERS[: len(choices)]):
        return None
    if len(letters) == 1:
        letter = letters.pop()
        # "A. bank": the text must be the letter's own, and be no second choice
        return (
            letter
            if not by_text
            or (
                choices[LETTERS.index(letter)] in {choices[i] for i in by_text}
                and len({choices[i] for i in by_text}) == 1
            )
            else None
        )
    return LETTERS[by_text[0]] if not letters and len(by_text) == 1 else None


def whole_choice(words: str, choices: list[str]) -> str | None:
    """The choice that these words are, whole: "b", "(B)", "B) bank", "bank"."""
    words = bare(words)
    match = re.fullmatch(r"\(?([A-Ja-j])\)?[.):]?", words)
    if match and match[1].upper() in LETTERS[: len(choices)]:
        same_text = [i for i, choice in enumerate(choices) if fold(choice) == fold(words)]
        letter = match[1].upper()
        return letter if all(LETTERS[i] == letter for i in same_text) else None
    match = re.fullmatch(r"\(?([A-Ja-j])(?:\)|[.:]|\))\s*(.+)", words, re.DOTALL)
    if (
        match
        and match[1].upper() in LETTERS[: len(choices)]
        and fold(match[2]) == fold(choices[LETTERS.index(match[1].upper())])
    ):
        return match[1].upper()
    same = [i for i, choice in enumerate(choices) if fold(choice) == fold(words)]
    return LETTERS[same[0]] if len(same) == 1 else None


def named_letters(words: str, choices: list[str]) -> set[str]:
    """The letters that stand in the words by themselves, and not within the text of a choice ("Washington D.C.",
    "vitamin C")."""
    texts = sorted((fold(choice).split() for choice in choices if len(fold(choice)) > 1), key=len, reverse=True)
    for text in texts:
        spaced = r"\s+".join(map(re.escape, text))
        words = re.sub(rf"(?<!\w){spaced}(?!\w)", " ", words, flags=re.IGNORECASE)
    return {(first or second).upper() for first, second in LETTER.findall(words)}


def named_choices(words: str, choices: list[str]) -> list[int]:
    """The choices whose text stands in the words, less those that stand only within another's ("store" in "department
    store")."""
    spans = {}
    for i, choice in enumerate(choices):
        spans[i] = (
            [match.span() for match in re.finditer(rf"(?<!\w){re.escape(fold(choice))}(?!\w)", fold(words))]
            if fold(choice)
            else []
        )
    every = [span for found in spans.values() for span in found]
    outermost = {
        i: [s for s in found if not any(o != s and o[0] <= s[0] and s[1] <= o[1] for o in every)]
        for i, found in spans.items()
    }
    return [i for i, found in outermost.items() if found]


def fold(text: str) -> str:
    return " ".join(bare(text).casefold().split())


def normalise(reference: str, choices: list[str]) -> str | None:
    """A letter, or the text of a choice."""
    if len(reference) == 1 and reference in LETTERS[: len(choices)]:
        return reference
    return LETTERS[choices.index(reference)] if reference in choices else None


def is_right(answer: str, reference: str, choices: list[str]) -> bool:
    return answer == normalise(reference, choices)
