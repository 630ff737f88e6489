"""One label out of a set, however it is called."""

import re

from stages.tasks.answers.reply import NEGATED, Asked, Reading, bare, clause, lone_lines, named

EXPLANATION = re.compile(r"\s[–—-]\s|\(")


def one_label(text: str, synonyms: dict[str, tuple[str, ...]]) -> str | None:
    """The one label that the words name; None where they name none, several, or deny one."""
    words = text.casefold()
    found = {
        label for label, names in synonyms.items() if any(re.search(rf"\b{re.escape(name)}\b", words) for name in names)
    }
    return found.pop() if len(found) == 1 and not NEGATED.search(without(words, synonyms)) else None


def without(words: str, synonyms: dict[str, tuple[str, ...]]) -> str:
    """The words less the labels' own names, which may hold a "not"."""
    for names in synonyms.values():
        for name in names:
            words = re.sub(rf"\b{re.escape(name)}\b", "", words)
    return words


def read_label(text: str, asked: Asked, synonyms: dict[str, tuple[str, ...]]) -> Reading | None:
    """The reasoning and the label: what the reply marks as its answer, else a first or last line that is a label and
    nothing else."""
    marked = named(text, asked)
    if marked:
        label = one_label(EXPLANATION.split(clause(marked[1]), maxsplit=1)[0], synonyms)
        return Reading(marked[0], label) if label else None
    names = {name: label for label, all_names in synonyms.items() for name in all_names}
    found = {names[bare(line).casefold()] for line in lone_lines(text) if bare(line).casefold() in names}
    return Reading("", found.pop()) if len(found) == 1 else None
