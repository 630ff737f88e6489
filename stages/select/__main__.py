"""Choose the rows that are learnt from those that pass the filter: `python -m stages.select`."""

import json
import sys
from contextlib import ExitStack
from pathlib import Path

import polars as pl

from stages.rows.parquet import batches, read_rows, writing
from stages.rows.row import schema
from stages.select.card import card
from stages.select.examples import write_examples, write_negatives
from stages.select.negatives import of_prompts, with_negatives
from stages.select.params import Params, load
from stages.select.report import report, write_waterfall
from stages.select.rules import apply_rules
from stages.select.scores import measured, with_scores
from stages.select.sources import to_weights, with_right_share
from stages.select.tags import brought_back, with_tags
from stages.select.unsure import with_gold, with_has_gold

ROWS = Path("data/filtered/rows.parquet")
SCORES = Path("data/scores")
EMBEDDINGS = Path("data/scores/embeddings.npy")
OUT = Path("data/selected")
NUMBERS = (
    *("id", "source", "style", "sample", "task", "answer", "is_right", "completion_tokens", "words", "characters"),
    *("votes", "agreement", "majority", "cluster", "private", "is_validation", "reason"),
)


def main() -> None:
    params = load()
    rows = with_right_share(read_rows(ROWS, NUMBERS).with_row_index("row"))
    passed = with_scores(rows.filter(pl.col("reason").is_null()), SCORES, params.select.budget.seed)
    passed = with_has_gold(passed, ROWS, params)
    kept, rejected = apply_rules(passed, targets, EMBEDDINGS, params.select)
    back = brought_back(rows, params.select)
    learnt = with_tags(pl.concat([kept, back], how="diagonal"), params.select)
    learnt = learnt.join(to_weights(learnt, params.select), on="row", how="left", maintain_order="left")
    filtered = json.loads(Path("metrics/filter.json").read_text())["filter"]
    told = report(passed, learnt, rejected, filtered)
    if told["kept"] + sum(told["rejected"].values()) != told["rows"] + told["brought_back"]:
        raise AssertionError(f"{told['rows']} rows in, {told['kept']} kept and {told['rejected']} rejected")
    told["negatives"] = write_rows(rejected, learnt, passed, params)
    Path("metrics/select.json").write_text(json.dumps({"select": told}, indent=2) + "\n")
    write_waterfall(Path("metrics/waterfall.csv"), filtered, told)
    of_rows = Path("data/filtered/README.md").read_text()
    (OUT / "README.md").write_text(card(told, params, passed, learnt, of_rows))
    print(f"select: {json.dumps(told)}", file=sys.stderr)
    if not told["train"]:
        reasons = {reason: count for reason, count in told["rejected"].items() if count}
        raise SystemExit(
            f"select: got no row of {told['rows']} to train on ({told['validation']} to validate, rejected {reasons}), "
            "wanted at least one; look at them with `python -m tools.show`, and at `select` in params.yaml"
        )


def targets(some: pl.DataFrame) -> pl.Series:
    """The targets of these rows, in their order, which is that of the file."""
    found, start = [pl.Series("target", dtype=pl.String)], 0
    for batch in batches(ROWS, ("target",)):
        numbered = batch.with_row_index("row", start)
        found.append(numbered.filter(pl.col("row").is_in(some["row"].implode()))["target"])
        start += len(batch)
    return pl.concat(found)


def write_rows(rejected: pl.DataFrame, learnt: pl.DataFrame, passed: pl.DataFrame, params: Params) -> int:
    """All rows with the verdict, and what is learnt as JSONL. Returns the number of negatives."""
    select, names = params.select, measured(passed)
    scores, wrong = passed.select("row", *names), of_prompts(ROWS, params.select.negatives)
    OUT.mkdir(parents=True, exist_ok=True)
    num_negatives = 0
    with ExitStack() as opened:
        write = opened.enter_context(writing(OUT / "rows.parquet", schema("select", names)))
        train, validation, not_to_learn = (
            opened.enter_context((OUT / f"{name}.jsonl").open("wb")) for name in ("train", "validation", "negatives")
        )
        start = 0
        for batch in batches(ROWS, tuple(schema("filter"))):
            rows = batch.with_row_index("row", start).join(scores, on="row", how="left", maintain_order="left")
            rows = with_negatives(with_gold(with_verdict(rows, rejected, learnt), params), wrong)
            write(rows)
            to_learn = rows.filter(pl.col("reason").is_null())
            to_train = to_learn.filter(~pl.col("is_validation"))
            write_examples(to_train, select, train)
            write_examples(to_learn.filter("is_validation"), select, validation, is_validation=True)
            num_negatives += write_negatives(to_train, select, not_to_learn)
            start += len(batch)
    return num_negatives


def with_verdict(rows: pl.DataFrame, rejected: pl.DataFrame, learnt: pl.DataFrame) -> pl.DataFrame:
    """With `weight` and `tag`, and reason and detail as they are now: those of a learnt row tell why it has its tag."""
    verdict = learnt.select("row", "cluster", detail="why")
    rows = rows.update(rejected, on="row").update(verdict, on="row")
    rows = rows.join(learnt.select("row", "weight", "tag"), on="row", how="left", maintain_order="left")
    return rows.with_columns(
        pl.col("weight").fill_null(1.0),
        pl.col("tag").fill_null(""),
        reason=pl.when(pl.col("tag").is_null()).then("reason"),
    )


if __name__ == "__main__":
    main()
