"""How long the rows to be trained on are, where they are there: time goes by them, memory by the longest."""

import json
from pathlib import Path

from tools.plan.shapes import find_config

ROWS = Path("data/selected/train.jsonl")
NUM_READ = 500  # of them, spread evenly: enough for a mean within some per cent


def sample(model: str, context: int) -> list[int] | None:
    """Tokens of some rows, cut to the context; None where there are no rows yet, or no tokenizer at hand."""
    try:
        folder = find_config(model).parent
    except SystemExit:
        return None
    if not ROWS.exists() or not (folder / "tokenizer.json").exists():
        return None
    from tokenizers import Tokenizer

    lines = ROWS.read_text().splitlines()
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    texts = [
        "".join(f"{turn['role']}\n\n{turn['content']}" for turn in [*row["prompt"], *row["completion"]])
        for row in map(json.loads, lines[:: max(1, len(lines) // NUM_READ)])
    ]
    return [min(context, len(one.ids)) for one in tokenizer.encode_batch(texts)] or None


def padded(lengths: list[int], rows: int) -> float:
    """Tokens of a row in a pass of `rows` drawn at random, all padded to the longest: its expected maximum."""
    n = len(lengths)
    return sum(
        length * ((rank / n) ** rows - ((rank - 1) / n) ** rows) for rank, length in enumerate(sorted(lengths), 1)
    )
