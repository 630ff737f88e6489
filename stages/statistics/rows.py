"""How labels and lengths are spread over rows, and where a row stands in a random order."""

import hashlib

import polars as pl

PERCENTILES = (5, 50, 95, 100)


def shares(labels: pl.Series) -> dict[str, float]:
    """Of every label among those that are not null."""
    counts = labels.drop_nulls().value_counts().sort(labels.name)
    return {str(label): round(count / counts["count"].sum(), 4) for label, count in counts.iter_rows()}


def percentiles(values: pl.Series) -> dict[str, int]:
    """Of those that are not null, each a value that occurs."""
    known = values.drop_nulls()
    if not len(known):
        return {}
    return {f"p{share}": int(known.quantile(share / 100, "nearest") or 0) for share in PERCENTILES}


def position(text: str) -> float:
    """A number in [0, 1) that belongs to the text: the same whatever other rows there are."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") / 2**64
