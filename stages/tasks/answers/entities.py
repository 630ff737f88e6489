"""Entities and tokens of a text, for the density of summaries.

Entities are spaCy's where params name one of its models; else those of a light rule that needs none:

- a number, with its currency, percent sign or "million" and the like, is one entity;
- a run of capitalised words is one ("Bank of England": a lower "of", "de", "van" or "von" may join two of them);
- a run loses a function word at its front ("The Bank" is "Bank"), and a single word that opens a sentence counts only
if
  the same text has it nowhere in lower case ("Everybody" beside "everybody" is none).

The rule takes a capitalised common noun at the start of a sentence for a name, and finds no names in lower case.
Tokens are NLTK's words and punctuation marks, as Adams et al. count them (arXiv 2309.04269, section 2).
"""

import re
from collections.abc import Callable
from functools import cache

from nltk.tokenize import NLTKWordTokenizer

TITLE = r"(?:(?:Mr|Mrs|Ms|Dr|Prof|St)\.\s+)"
CAPITALISED = r"(?:(?=[^\W\d_])[A-ZÀ-ÖØ-Þ][\w'’-]*|[A-Z]\.(?:[A-Z]\.)*)"
NUMBER = r"[$€£]?\d[\d.,:]*\d|[$€£]?\d"
ENTITY = re.compile(
    rf"(?P<number>(?:{NUMBER})(?:\s?%|\s(?:percent|hundred|thousand|million|billion|trillion)\b)?)|(?P<name>{TITLE}?{CAPITALISED}(?:\s+(?:(?:of|de|van|von)\s+)?{CAPITALISED})*)"
)
FUNCTION_WORDS = """
a an the this that these those some any each every all both either neither no another such i you he she it we they me him her us them my
your his its our their mine yours who whom whose which what when where why how there here and or but nor so yet for if though although
because since as while until unless after before during in on at by to from of off over under with without within about against between into
through up down out near than then thus hence also however moreover meanwhile instead otherwise still even just only not is are was were be
been being am do does did have has had can could will would shall should may might must let please yes oh well now later soon again once
first second finally everybody everyone somebody someone nobody many most several few more less other others one hello hi thanks
"""
SENTENCE_END = re.compile(
    r"(?<=[.!?])(?<!\bMr\.)(?<!\bMrs\.)(?<!\bMs\.)(?<!\bDr\.)(?<!\bProf\.)(?<!\bSt\.)\s+(?=[^a-z])"
)
SENTENCE_START = re.compile(r"(?:^|[.!?:\n][\"'”’)]*\s*|[\"“(]\s*)$")


OPENERS = frozenset(FUNCTION_WORDS.split())


def tokens(text: str) -> list[str]:
    """Sentence by sentence, because a full stop is parted from its word only at the end of what is tokenised."""
    return [token for sentence in SENTENCE_END.split(text) for token in NLTKWordTokenizer().tokenize(sentence)]


def finder(which: str, param: str) -> Callable[[str], list[str]]:
    """text -> its entities, in order: by the rule, or by the spaCy model of that name, which `param` of params.yaml
    gives."""
    return by_rule if which == "rule" else lambda text: [entity.text for entity in spacy_model(which, param)(text).ents]


@cache
def spacy_model(name: str, param: str):
    try:
        import spacy  # pyright: ignore[reportMissingImports]

        return spacy.load(name)
    except (ImportError, OSError):
        raise SystemExit(
            f"params.yaml: got {param} {name!r}, wanted an installed spaCy model: pip install -e '.[entities]' -c "
            f"constraints.txt and "
            f"python -m spacy download {name}, or set {param}: rule"
        ) from None


def by_rule(text: str) -> list[str]:
    lower = set(re.findall(r"(?<![\w'’-])[a-zà-öø-ÿ][\w'’-]*", text))
    found = []
    for match in ENTITY.finditer(text):
        if match["number"]:
            found.append(match["number"])
            continue
        words = match["name"].split()
        opens = bool(SENTENCE_START.search(text[: match.start()]))
        while words and words[0].casefold() in OPENERS:
            words, opens = words[1:], False
        if not words or (opens and len(words) == 1 and words[0].casefold() in lower):
            continue
        found.append(" ".join(words).removesuffix("'s").removesuffix("’s"))
    return found


def distinct(entities: list[str]) -> set[str]:
    return {" ".join(entity.casefold().split()) for entity in entities}


def contained(text: str) -> Callable[[str], bool]:
    """Whether an entity stands in the text, word by word; an article before it or an 's after it does not matter."""
    spaced = f" {' '.join(word for word in map(str.casefold, tokens(text)))} "
    return lambda entity: f" {' '.join(map(str.casefold, tokens(entity)))} " in spaced
