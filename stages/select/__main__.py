"""Choose the rows that are learnt from those that pass the filter: `python -m stages.select`."""

import json
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

import polars as pl

from stages.rows.parquet import batches, read_rows, writing
from stages.rows.row import schema
from stages.select import negatives
from stages.select.card import card
from stages.select.params import Select, load
from stages.select.report import report, write_waterfall
from stages.select.rules import apply_rules
from stages.select.scores import measured, with_scores

ROWS = Path("data/filtered/rows.parquet")
SCORES = Path("data/scores")
EMBEDDINGS = Path("data/scores/embeddings.npy")
OUT = Path("data/selected")
EXPLAIN = "Explain: "  # before the question, where the reasoning is learnt apart
NUMBERS = (
    *("id", "source", "style", "sample", "task", "answer", "completion_tokens", "words", "characters"),
    *("votes", "agreement", "majority", "cluster", "is_validation", "reason"),
)


def main() -> None:
    params = load()
    rows = read_rows(ROWS, NUMBERS).with_row_index("row")
    passed = with_scores(rows.filter(pl.col("reason").is_null()), SCORES, params.select.budget.seed)
    kept, rejected = apply_rules(passed, targets, EMBEDDINGS, params.select)
    filtered = json.loads(Path("metrics/filter.json").read_text())["filter"]
    told = report(passed, kept, rejected, filtered)
    if told["kept"] + sum(told["rejected"].values()) != told["rows"]:
        raise AssertionError(f"{told['rows']} rows in, {told['kept']} kept and {told['rejected']} rejected")
    num_negatives = write_rows(rejected, kept, passed, params.select)
    told["negatives"] = num_negatives
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


def targets(some: pl.DataFrame) -> pl.Series:
    """The targets of these rows, in their order, which is that of the file."""
    found, start = [pl.Series("target", dtype=pl.String)], 0
    for batch in batches(ROWS, ("target",)):
        numbered = batch.with_row_index("row", start)
        found.append(numbered.filter(pl.col("row").is_in(some["row"].implode()))["target"])
        start += len(batch)
    return pl.concat(found)


def write_rows(rejected: pl.DataFrame, kept: pl.DataFrame, passed: pl.DataFrame, select: Select) -> int:
    """All rows with the verdict, and what is learnt as JSONL. Returns the number of negatives."""
    names = measured(passed)
    scores = passed.select("row", *names)
    wrong, weights = negatives.of_prompts(ROWS, select.negatives), to_weights(kept, select)
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
            rows = rows.update(rejected, on="row").update(kept.select("row", "cluster"), on="row")
            rows = rows.join(weights, on="row", how="left", maintain_order="left").with_columns(
                weight=pl.col("weight").fill_null(1.0), tag=pl.lit("")
            )
            rows = with_negatives(rows, wrong)
            write(rows)
            learnt = rows.filter(pl.col("reason").is_null())
            to_train = learnt.filter(~pl.col("is_validation"))
            write_examples(to_train, select, train)
            write_examples(learnt.filter("is_validation"), select, validation, is_validation=True)
            with_one = to_train.filter(pl.col("negative").is_not_null())
            write_lines(with_one, "negative", with_one["weight"] if select.weigh == "prompts" else None, not_to_learn)
            num_negatives += len(with_one)
            start += len(batch)
    return num_negatives


def to_weights(kept: pl.DataFrame, select: Select) -> pl.DataFrame:
    """row, weight: of the rows that stay; where prompts count alike, the rows of one share a weight of 1."""
    share = pl.lit(1.0) if select.weigh == "rows" else 1 / pl.len().over("id")
    return kept.select("row", weight=share)


def with_negatives(rows: pl.DataFrame, wrong: pl.DataFrame) -> pl.DataFrame:
    """With `negative` for each row to train on whose prompt has one that is not the same reply."""
    joined = rows.join(wrong, on="id", how="left", maintain_order="left")
    has_one = pl.col("reason").is_null() & ~pl.col("is_validation") & (pl.col("negative") != pl.col("target"))
    return joined.with_columns(negative=pl.when(has_one).then("negative"))


def write_examples(rows: pl.DataFrame, select: Select, file: BinaryIO, is_validation: bool = False) -> None:
    """What is served is learnt: the plain prompt and its target. With a share for explaining (Distilling Step-by-Step,
    arXiv 2305.02301), the plain prompt and the short answer, then the prompt to explain and the whole target."""
    weighed = select.weigh == "prompts" or select.rationale > 0
    weight = rows["weight"] if weighed and not is_validation else None
    if not select.rationale:
        write_lines(rows, "target", weight, file)
        return
    short = rows.with_columns(target=pl.coalesce("short", "target"))
    if is_validation:
        write_lines(short, "target", None, file)
        return
    reasoned = rows.filter(pl.col("short").is_not_null()).with_columns(messages=explaining())
    write_lines(short, "target", rows["weight"] * (1 - select.rationale), file)
    write_lines(reasoned, "target", reasoned["weight"] * select.rationale, file)


def explaining() -> pl.Expr:
    """The messages, the last of which asks to explain."""
    last = pl.col("messages").list.last()
    asked = pl.struct(role=last.struct.field("role"), content=pl.lit(EXPLAIN) + last.struct.field("content"))
    return pl.concat_list(pl.col("messages").list.head(pl.col("messages").list.len() - 1), asked)


def write_lines(rows: pl.DataFrame, learnt: str, weight: pl.Series | None, file: BinaryIO) -> None:
    """In TRL's conversational form. A line has a weight only where a rule sets some."""
    completion = pl.concat_list(pl.struct(role=pl.lit("assistant"), content=learnt))
    weights = [] if weight is None else [weight.alias("weight")]
    rows.select("id", "style", "sample", *weights, prompt="messages", completion=completion).write_ndjson(file)


if __name__ == "__main__":
    main()
