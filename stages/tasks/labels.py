"""The labels, and the words that stand for each in data sets and replies."""

LABELS = ("entailment", "neutral", "contradiction")
SYNONYMS = {
    "entailment": ("entailment", "entails", "entailed", "entail", "implied", "implies"),
    "neutral": ("neutral", "undetermined", "not enough information", "cannot be determined", "unknown"),
    "contradiction": ("contradiction", "contradicts", "contradicted", "contradictory", "contradict"),
}
