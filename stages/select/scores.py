"""What `score` found of the rows that pass the filter, joined from the file of each column."""

from pathlib import Path

import polars as pl

from stages.rows.parquet import count_rows, read_rows, scores_in
from stages.rows.row import KEY, SCORE
from stages.statistics.rows import position


def with_scores(passed: pl.DataFrame, folder: Path, seed: int) -> pl.DataFrame:
    """With the numbers of each row that `score` found, null where a column is off, `random`, and `vote` (an answer that
    compares)."""
    for path in sorted(folder.glob("*.parquet")):
        passed = with_column(passed, path)
    return with_random_and_vote(passed, seed)


def with_random_and_vote(rows: pl.DataFrame, seed: int) -> pl.DataFrame:
    drawn = [position(f"{seed}/{id}/{sample}") for id, sample in rows.select("id", "sample").rows()]
    return rows.with_columns(
        random=pl.Series(drawn, dtype=pl.Float64), vote=pl.when(pl.col("votes").is_not_null()).then("answer")
    )


def with_column(passed: pl.DataFrame, path: Path) -> pl.DataFrame:
    """Joined by id, style and sample: each row that passes must be there once, and no other."""
    names, key = scores_in(path), list(KEY)
    for name in names:
        if name in passed.columns:
            raise SystemExit(
                f"select: {path}: got the column {name}, which another file of that folder has, wanted one of each: "
                f"remove the file that no stage of dvc.yaml writes"
            )
    if not count_rows(path):
        return passed.with_columns(pl.lit(None, pl.Float64).alias(name) for name in names)
    scores = read_rows(path, (*KEY, *names))
    twice = scores.filter(pl.struct(key).is_duplicated())
    unscored, strangers = (
        one.join(other, on=key, how="anti", maintain_order="left")
        for one, other in ((passed, scores), (scores, passed))
    )
    faults = {"stands there twice": twice, "passes and is not there": unscored, "does not pass": strangers}
    for fault, some in faults.items():
        if len(some):
            raise SystemExit(
                f"select: {path}: got {len(scores)} rows, of which {some['id'][0]} sample {some['sample'][0]} "
                f"{fault}, wanted one for each of the {len(passed)} rows that pass the filter; "
                f"run `dvc repro score-{path.stem.replace('likelihood-', 'likelihood@')}`"
            )
    return passed.join(scores, on=key, how="left", maintain_order="left")


def measured(passed: pl.DataFrame) -> list[str]:
    """The columns of `score` that some row has."""
    return [name for name in passed.columns if name.startswith(SCORE) and passed[name].null_count() < len(passed)]


def quantities(rows: pl.DataFrame) -> list[str]:
    """Of these those that tell more or less of something: not the place of a row's vector, nor a topic's number."""
    return [name for name in measured(rows) if name not in ("s_vector", "s_topic")]
