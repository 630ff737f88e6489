"""The teacher's probabilities of the tokens that are learnt, as the stage `logits` writes them."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from stages.rows.topk import TopK, read
from stages.train.examples import IGNORED, Tokens

FILE = Path("data/logits/topk.parquet")


def stream(split: str, student: str) -> Iterator[TopK]:
    """Of each line of the split, in their order. Raises SystemExit where there are none."""
    rows = read(FILE)
    first = next(rows, None)
    if first is None:
        raise SystemExit(
            f"train-{student}: train.objective needs the teacher's probabilities, got none in {FILE}, wanted those of "
            f"every token; set logits.top_k in params.yaml to how many are kept"
        )
    yield from (row for some in ((first,), rows) for row in some if row.split == split)


def matching(
    found: Iterable[TopK], rows: Sequence[dict[str, Any]], whole: Sequence[Tokens], student: str
) -> list[tuple[Any, Any]]:
    """Of each row the teacher's ids and log-probabilities, (its learnt tokens, K). Raises SystemExit where they are
    another row's, or of other tokens."""
    got = list(found)
    who = [(one.id, one.sample, len(one.token_ids)) for one in got]
    for number, (row, example) in enumerate(zip(rows, whole, strict=True)):
        num_learnt = len(example.labels) - example.labels.count(IGNORED)
        if who[number : number + 1] != [(row["id"], row["sample"], num_learnt)]:
            raise SystemExit(
                f"train-{student}: {FILE}: got no probabilities of the {num_learnt} tokens of {row['id']} sample "
                f"{row['sample']} where they should stand, wanted those of data/selected; run `dvc repro logits`"
            )
    return [(one.token_ids, one.logprobs) for one in got]
