"""The teacher's probabilities of the tokens that are learnt, as the stage `logits` writes them."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from stages.train.examples import IGNORED, Tokens

FILE = Path("data/logits/topk.parquet")
COLUMNS = ("split", "id", "sample", "k", "token_ids", "logprobs")


class Known(NamedTuple):
    """Of one line: tokens and log-probabilities, most probable first, (its learnt tokens, K) each."""

    id: str
    sample: int
    ids_TK: Any  # int32
    logprobs_TK: Any  # float32


def stream(split: str, student: str) -> Iterator[Known]:
    """Of each line of the split, in their order."""
    import pyarrow.parquet as pq

    file = pq.ParquetFile(FILE)
    if not file.metadata.num_rows:
        raise SystemExit(
            f"train-{student}: train.objective needs the teacher's probabilities, got none in {FILE}; set "
            f"logits.top_k in params.yaml to how many of them are kept"
        )
    for number in range(file.num_row_groups):
        table = file.read_row_group(number, list(COLUMNS))
        ids, logprobs = table["token_ids"].combine_chunks(), table["logprobs"].combine_chunks()
        values = ids.values.to_numpy(), logprobs.values.to_numpy()
        bounds = ids.offsets.to_numpy()
        about = zip(*(table[name].to_pylist() for name in ("split", "id", "sample", "k")), strict=True)
        for row, (of, id, sample, k) in enumerate(about):
            if of == split:
                ids_TK, logprobs_TK = (v[bounds[row] : bounds[row + 1]].reshape(-1, k) for v in values)
                yield Known(id, sample, ids_TK.astype(np.int32), logprobs_TK.astype(np.float32))


def matching(
    found: Iterable[Known], rows: Sequence[dict[str, Any]], whole: Sequence[Tokens], student: str
) -> list[tuple[Any, Any]]:
    """Of each row its ids and log-probabilities. Raises SystemExit where they are another row's, or of other tokens."""
    got = list(found)
    for number, (row, example) in enumerate(zip(rows, whole, strict=True)):
        num_learnt = len(example.labels) - example.labels.count(IGNORED)
        fits = number < len(got) and (got[number].id, got[number].sample, len(got[number].ids_TK)) == (
            row["id"],
            row["sample"],
            num_learnt,
        )
        if not fits:
            raise SystemExit(
                f"train-{student}: {FILE} does not hold the teacher's probabilities of the {num_learnt} tokens of "
                f"{row['id']} sample {row['sample']}: run `dvc repro logits`"
            )
    return [(one.ids_TK, one.logprobs_TK) for one in got]
