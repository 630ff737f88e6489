"""Whether a chain of density was carried out (Adams et al., arXiv 2309.04269, section 2 and figure 2)."""

import re
from itertools import pairwise
from typing import NamedTuple

from stages.filter.params import Params
from stages.tasks.answers.entities import SENTENCE_END, contained, distinct, finder
from stages.tasks.answers.summarization import steps


class ChainFaults(NamedTuple):
    """In words, None where there is no such fault."""

    missing_steps: str | None = None
    long_summary: str | None = None
    lost_entities: str | None = None
    unfaithful: str | None = None


def chain_faults(text: str, article: str, params: Params) -> ChainFaults:
    """All steps are there, none is too long, the number of entities never falls, and the last ones stand in the
    article."""
    chain, asked = steps(text, params.completion_format), params.filter.chain_of_density
    entities = finder(asked.entities, "filter.chain_of_density.entities")
    found = [distinct(entities(summary)) for summary in chain] if asked.lost_entities or asked.faithful else []
    return ChainFaults(
        missing_steps(len(chain), params.num_summaries) if asked.steps else None,
        long_summary([len(summary.split()) for summary in chain], params.summary_words, asked.length_tolerance)
        if asked.length_tolerance
        else None,
        lost_entities([len(names) for names in found]) if asked.lost_entities else None,
        unfaithful(found[-1] - openers(chain[-1]), article, asked.faithful) if found and asked.faithful else None,
    )


def missing_steps(got: int, wanted: int) -> str | None:
    return f"{got} summaries of {wanted}" if got < wanted else None


def long_summary(words: list[int], limit: int, tolerance: float) -> str | None:
    """Rewriting at the same length is what makes a summary denser."""
    return next(
        (
            f"summary {i} has {n} words, asked for {limit}"
            for i, n in enumerate(words, 1)
            if n > limit * (1 + tolerance)
        ),
        None,
    )


def in_one_way(text: str) -> str:
    """Numbers without the commas of thousands, and "%" for percent."""
    return re.sub(r"(?<=\d),(?=\d{3}\b)", "", re.sub(r"\s?(?:%|per ?cent\b)", "%", text))


def lost_entities(counts: list[int]) -> str | None:
    """Each summary holds all entities of the one before, so their number never falls."""
    return next(
        (
            f"summary {i} has {after} entities, the one before {before}"
            for i, (before, after) in enumerate(pairwise(counts), 2)
            if after < before
        ),
        None,
    )


def openers(summary: str) -> set[str]:
    """The words that open its sentences: the rule for entities takes a common noun there for a name."""
    return {sentence.split()[0].casefold().strip(",;:") for sentence in SENTENCE_END.split(summary) if sentence.split()}


def unfaithful(entities: set[str], article: str, share: float) -> str | None:
    """An entity that is not in the article was made up."""
    folded, entities = in_one_way(article.casefold()), {in_one_way(entity) for entity in entities}
    missed = [entity for entity in entities if not re.search(rf"(?<!\w){re.escape(entity)}(?!\w)", folded)]
    is_there = contained(article) if missed else bool  # its tokens cost a hundred times as much
    strangers = sorted(entity for entity in missed if not is_there(entity))
    if len(strangers) <= (1 - share) * len(entities):
        return None
    return f"{len(strangers)} of {len(entities)} entities are not in the article: {', '.join(strangers)}"
