"""Rules that weigh rows against each other, or against the test split: each gives the rows to reject, with the reason and its evidence."""

from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl

from stages.filter.agreement import disagreeing
from stages.filter.batches import SIZE, prompt_frames
from stages.filter.best_of_n import passed_over
from stages.filter.contamination import SCHEMA as LEAK
from stages.filter.contamination import leaks
from stages.filter.near_duplicates import MayMeet, near_duplicates, near_within
from stages.filter.params import Duplicates, Params
from stages.filter.selection import not_selected
from stages.filter.semantic_duplicates import same_meaning

FOUND = pl.Schema({"row": pl.UInt32, "reason": pl.String, "detail": pl.String, "evidence": pl.String})
TEST = Path("data/prompts/test.jsonl")
EMBEDDINGS = Path("data/scores/embeddings.npy")
Texts = Callable[..., Iterator[pl.DataFrame]]


def texts_of(rows: pl.DataFrame, scratch: Path, *columns: str) -> Iterator[pl.DataFrame]:
    """The texts of these rows, part by part in their order."""
    for path in sorted(scratch.glob("*.parquet")):
        yield pl.read_parquet(path, columns=["row", *columns]).filter(pl.col("row").is_in(rows["row"].implode()))


def apply(rows: pl.DataFrame, params: Params, scratch: Path, log: Callable[[str], None]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The rows that no rule has rejected so far -> (FOUND of those that these rules reject, all leaks found, removed or not)."""
    found = [pl.DataFrame(schema=FOUND)]
    leaked = pl.DataFrame(schema=LEAK)

    def reject(some: pl.DataFrame) -> pl.DataFrame:
        log(", ".join(f"{count:,} {reason}" for reason, count in some["reason"].value_counts(sort=True).iter_rows()) or "none rejected")
        found.append(some.select([pl.col(name) if name in some.columns else pl.lit("").alias(name) for name in FOUND]).cast(FOUND))
        return rows.join(some, on="row", how="anti", maintain_order="left")

    def targets(some: pl.DataFrame) -> pl.Series:
        return pl.concat(texts_of(some, scratch, "target"))["target"]

    rows = reject(disagreeing(rows, params.filter.agreement))
    if params.filter.choose.which != "all":
        rows = reject(passed_over(rows, targets, params))
    rows = rows.with_columns(cluster=pl.lit(1, pl.UInt32))
    if params.filter.duplicates.exact:
        rows = reject_copies(rows, same(rows), "duplicate", "the same", reject)
    if params.filter.duplicates.near < 1:
        asked = params.filter.duplicates
        several = rows.filter(pl.len().over("id", "vote") > 1)
        if len(several):
            alike = near_targets(rows, several, targets, asked)
            rows = reject_copies(rows, alike, "near_duplicate", "targets, Jaccard {}", reject)
        texts = (part["question"] + "\n" + part["target"] for part in texts_of(rows, scratch, "question", "target"))
        near = near_duplicates(texts, asked.ngram, asked.near, asked.window, scratch, other_prompt_same_answer(rows))
        rows = reject_copies(rows, near, "near_duplicate", "Jaccard {}", reject)
    if params.filter.duplicates.semantic < 1 and params.filter.labels == "reference":
        raise SystemExit("params.yaml: filter.duplicates.semantic: got a threshold below 1 with filter.labels: reference, wanted 1.0: score embeds completions")
    if params.filter.duplicates.semantic < 1:
        rows = reject_copies(rows, same_meaning(rows, EMBEDDINGS, params.filter.duplicates.semantic), "same_meaning", "cosine {}", reject)
    if params.filter.contamination.action != "none":
        asked = params.filter.contamination
        leaked = leaks(texts_of(rows, scratch, "question", "target"), test_texts(), asked.ngram, asked.similar)
        if asked.action == "remove":
            words = pl.format("{} of test row {} ({})", "where", "test_id", "rule")
            rows = reject(leaked.select("row", pl.lit("contaminated").alias("reason"), words.alias("detail"), pl.col("matched").alias("evidence")))
    if params.filter.select.budget:
        rows = reject(not_selected(rows.filter(~pl.col("is_validation")), params.filter.select))
    return pl.concat(found), leaked


def near_targets(rows: pl.DataFrame, several: pl.DataFrame, targets: Callable[[pl.DataFrame], pl.Series], asked: Duplicates) -> pl.DataFrame:
    """Of replies to one prompt with one answer those with near targets: the prompt they share would make all of them near."""
    groups = several.select(pl.struct("id", "vote").rank("dense")).to_series().to_numpy()
    near = near_within(targets(several), groups, asked.ngram, asked.near, asked.window)
    position = rows.with_row_index("position").join(several.select("row"), on="row", how="semi", maintain_order="left")["position"]
    return near.with_columns(position=position.gather(near["position"]), of=position.gather(near["of"]))


def other_prompt_same_answer(rows: pl.DataFrame) -> MayMeet:
    """Rows of other prompts with the same answer and the same numbers in the question: a question with others is another question."""
    prompts, kinds = rows["id"].rank("dense").to_numpy(), rows["kind"].to_numpy()
    return lambda later, earlier: (prompts[later] != prompts[earlier]) & (kinds[later] == kinds[earlier])


def same(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows with the same question and target as an earlier one, case, punctuation and spaces aside."""
    numbered = rows.with_row_index("position").with_columns(of=pl.col("position").min().over("same"))
    return numbered.filter(pl.col("position") != pl.col("of")).select("position", "of", similarity=pl.lit(1.0))


def reject_copies(rows: pl.DataFrame, copies: pl.DataFrame, reason: str, how: str, reject: Callable[[pl.DataFrame], pl.DataFrame]) -> pl.DataFrame:
    """The first of a cluster stays, and counts the others into its `cluster`; each of the others names it."""
    numbered = rows.with_row_index("position")
    first = numbered.select(of="position", first_id="id", first_sample="sample")
    words = pl.format(f"of {{}} sample {{}} ({how})", "first_id", "first_sample", *([pl.col("similarity").round(2)] if "{}" in how else []))
    lost = copies.join(numbered, on="position").join(first, on="of").sort("position")
    sizes = lost.group_by("of").agg(more=pl.col("cluster").sum()).select(position="of", more="more")
    grown = numbered.join(sizes, on="position", how="left", maintain_order="left").with_columns(cluster=pl.col("cluster") + pl.col("more").fill_null(0))
    kept = reject(lost.select("row", reason=pl.lit(reason), detail=words, evidence=pl.col("first_id")))
    return kept.drop("cluster").join(grown.select("row", "cluster"), on="row", how="left", maintain_order="left")


def test_texts() -> pl.DataFrame:
    """id, question, solution: of a question without a worked solution the reference, which a summary is."""
    solution = pl.when(pl.col("solution") == "").then(pl.col("reference")).otherwise(pl.col("solution"))
    none = pl.DataFrame(schema=dict.fromkeys(("id", "question", "solution"), pl.String))
    return pl.concat([none, *(frame.select("id", "question", solution=solution) for frame in prompt_frames(TEST, SIZE))])
