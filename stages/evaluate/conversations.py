"""Stand-ins for the quality of a reply in a conversation, until there is a judge: likeness to the reference, and
row_rules."""

import re

from rouge_score.rouge_scorer import RougeScorer
from sacrebleu.metrics.chrf import CHRF

from stages.tasks.answers.refusal import PATTERN

REPEATED_NGRAM = 3
REFUSAL = re.compile(PATTERN, re.IGNORECASE)


def measure(reply: str, reference: str) -> dict[str, float]:
    """chrF (0 to 1; Popović 2015) and ROUGE-L against the reference, words, share of repeated 3-grams, refusal (0 or
    1)."""
    words = reply.split()
    ngrams = list(zip(*(words[i:] for i in range(REPEATED_NGRAM)), strict=False))
    found = {
        "chrf": CHRF().sentence_score(reply, [reference]).score / 100,
        "rougeL": RougeScorer(["rougeL"], use_stemmer=True).score(reference, reply)["rougeL"].fmeasure,
        "words": float(len(words)),
        "refusals": float(bool(REFUSAL.search(reply))),
    }
    return found | ({"repetition": 1 - len(set(ngrams)) / len(ngrams)} if ngrams else {})
