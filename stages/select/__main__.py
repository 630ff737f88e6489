"""Choose the rows that are learnt from those that pass the filter: `python -m stages.select`."""

import json
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

import polars as pl

from stages.rows.row import COLUMNS, KEY, batches, own_schema, read_rows, schema, writing
from stages.select.card import card
from stages.select.params import Params, load
from stages.select.report import report, write_waterfall
from stages.select.rules import apply_rules
from stages.statistics.rows import position

ROWS = Path("data/filtered/rows.parquet")
SCORES = Path("data/scores/scores.parquet")
EMBEDDINGS = Path("data/scores/embeddings.npy")
OUT = Path("data/selected")
NUMBERS = (
    *("id", "style", "sample", "task", "answer", "completion_tokens", "words", "characters"),
    *("votes", "agreement", "majority", "cluster", "is_validation", "reason"),
)


def main() -> None:
    params = load()
    rows = read_rows(ROWS, NUMBERS).with_row_index("row")
    passed = with_scores(rows.filter(pl.col("reason").is_null()), params)
    kept, rejected = apply_rules(passed, targets, EMBEDDINGS, params.select)
    filtered = json.loads(Path("metrics/filter.json").read_text())["filter"]
    told = report(passed, kept, rejected, filtered)
    if told["kept"] + sum(told["rejected"].values()) != told["rows"]:
        raise AssertionError(f"{told['rows']} rows in, {told['kept']} kept and {told['rejected']} rejected")
    write_rows(rejected, kept, passed)
    Path("metrics/select.json").write_text(json.dumps({"select": told}, indent=2) + "\n")
    write_waterfall(Path("metrics/waterfall.csv"), filtered, told)
    (OUT / "README.md").write_text(card(told, params, Path("data/filtered/README.md").read_text()))
    print(f"select: {json.dumps(told)}", file=sys.stderr)
    if not told["train"]:
        reasons = {reason: count for reason, count in told["rejected"].items() if count}
        raise SystemExit(
            f"select: got no row of {told['rows']} to train on ({told['validation']} to validate, rejected {reasons}), "
            "wanted at least one; look at them with `python -m tools.show`, and at `select` in params.yaml"
        )


def with_scores(passed: pl.DataFrame, params: Params) -> pl.DataFrame:
    """With what models say of each row, `embedding` (the row of its vector), `random` and `vote` (an answer that
    compares)."""
    scores = read_rows(SCORES, tuple(own_schema("score"))).with_row_index("embedding")
    key = list(KEY)
    twice = scores.filter(pl.struct(key).is_duplicated())
    unscored, strangers = (
        one.join(other, on=key, how="anti", maintain_order="left")
        for one, other in ((passed, scores), (scores, passed))
    )
    faults = {"stands there twice": twice, "passes and is not there": unscored, "does not pass": strangers}
    for fault, some in faults.items():
        if len(some):
            raise SystemExit(
                f"select: {SCORES}: got {len(scores)} rows, of which {some['id'][0]} sample {some['sample'][0]} "
                f"{fault}, "
                f"wanted one for each of the {len(passed)} rows that pass the filter; run `dvc repro score`"
            )
    drawn = [
        position(f"{params.select.budget.seed}/{id}/{sample}") for id, sample in passed.select("id", "sample").rows()
    ]
    return passed.join(scores, on=key, how="left", maintain_order="left").with_columns(
        random=pl.Series(drawn, dtype=pl.Float64), vote=pl.when(pl.col("votes").is_not_null()).then("answer")
    )


def targets(some: pl.DataFrame) -> pl.Series:
    """The targets of these rows, in their order, which is that of the file."""
    found, start = [pl.Series("target", dtype=pl.String)], 0
    for batch in batches(ROWS, ("target",)):
        numbered = batch.with_row_index("row", start)
        found.append(numbered.filter(pl.col("row").is_in(some["row"].implode()))["target"])
        start += len(batch)
    return pl.concat(found)


def write_rows(rejected: pl.DataFrame, kept: pl.DataFrame, passed: pl.DataFrame) -> None:
    """All rows with the verdict, and what is learnt as JSONL."""
    scores = passed.select("row", *(name for name in own_schema("score") if name not in KEY))
    ours = {"weight": pl.lit(1.0), "tag": pl.lit(""), "negative": pl.lit(None, COLUMNS["negative"].type)}
    OUT.mkdir(parents=True, exist_ok=True)
    with ExitStack() as opened:
        write = opened.enter_context(writing(OUT / "rows.parquet", schema("select")))
        train, validation = (
            opened.enter_context((OUT / f"{name}.jsonl").open("wb")) for name in ("train", "validation")
        )
        start = 0
        for batch in batches(ROWS, tuple(schema("filter"))):
            rows = batch.with_row_index("row", start).join(scores, on="row", how="left", maintain_order="left")
            rows = rows.update(rejected, on="row").update(kept.select("row", "cluster"), on="row").with_columns(**ours)
            write(rows)
            learnt = rows.filter(pl.col("reason").is_null())
            write_examples(learnt.filter(~pl.col("is_validation")), train)
            write_examples(learnt.filter("is_validation"), validation)
            start += len(batch)


def write_examples(rows: pl.DataFrame, file: BinaryIO) -> None:
    """In TRL's conversational form: the plain prompt and its completion; `style` says how the teacher was asked."""
    target = pl.struct(role=pl.lit("assistant"), content="target")
    rows.select("id", "style", "sample", prompt="messages", completion=pl.concat_list(target)).write_ndjson(file)


if __name__ == "__main__":
    main()
