"""What judges said of the predictions: a row for each line of the rubric that a reply was graded by, and a row for each
order in which two replies were compared. An arm is a model asked in a style, such as "8b plain"."""

from pathlib import Path
from typing import Any

import polars as pl

GRADES = Path("data/judged/grades.parquet")
PAIRS = Path("data/judged/pairs.parquet")
ENTAILMENT = Path("data/judged/entailment.parquet")
SAID = {
    "judge": pl.String,  # a role of the profile
    "id": pl.String,  # of the prompt
    # graded; unreadable or unanswered: the judge's reply; forfeit: the arm's own reply cannot be read, so nobody was
    # asked; identical: nor where two replies are the same
    "status": pl.String,
    "reasoning": pl.String,  # the judge's
}
GRADE_COLUMNS: dict[str, Any] = SAID | {
    "arm": pl.String,
    "line": pl.String,  # of data/rubrics/<task>.yaml
    "grade": pl.Int64,  # 1 to 5; 1 for a forfeit; null where the judge gave none
    "words": pl.Int64,  # of the reply
}
PAIR_COLUMNS: dict[str, Any] = SAID | {
    "first": pl.String,  # two arms
    "second": pl.String,
    "shown_first": pl.Boolean,  # the first arm was
    "score": pl.Float64,  # of the first arm: 1 it is better, 0.5 a tie, 0 the second is better; null: none was given
    "words_first": pl.Int64,
    "words_second": pl.Int64,
    "own": pl.String,  # first or second: the one of the two that is of the judge's family; null: neither or both
}

ENTAILMENT_COLUMNS: dict[str, Any] = {
    "id": pl.String,
    "arm": pl.String,
    "entailment": pl.Float64,  # of a summary by its article, 0 to 1; null where the summary cannot be read
}


def write_judged(path: Path, rows: list[dict[str, Any]], columns: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pl.DataFrame(rows, schema=columns, orient="row").write_parquet(path, compression="zstd", statistics=False)


def read_judged(path: Path, columns: dict[str, Any]) -> pl.DataFrame:
    """Raises SystemExit where the file is not what the stage `grade` writes."""
    if not path.exists():
        raise SystemExit(f"{path}: got no such file, wanted what judges said; run `dvc repro grade`")
    frame = pl.read_parquet(path)
    if dict(frame.schema) != columns:
        got = ", ".join(frame.columns)
        raise SystemExit(f"{path}: got the columns {got}, wanted {', '.join(columns)}; run `dvc repro grade`")
    return frame
