"""Rules that compare rows with each other, or with the test split: a function each.

It takes rows, parameters and the folder of the rows' texts, and gives (the rows that stay; of the others `row`,
`detail` and `evidence`).
"""

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from stages.filter.contamination import leaks
from stages.filter.params import Duplicates, Params
from stages.rows.prompt import PLAIN, stream_prompts
from stages.similarity.copies import reject_copies
from stages.similarity.near_duplicates import MayMeet, near_duplicates, near_within

TEST = Path("data/prompts/test.jsonl")


def duplicate(rows: pl.DataFrame, params: Params, scratch: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    return reject_copies(rows, same(rows), "the same")


def near_duplicate(rows: pl.DataFrame, params: Params, scratch: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Among the replies to one prompt by their targets, among those to several by question and target."""
    asked, lost = params.filter.duplicates, list[pl.DataFrame]()
    several = rows.filter(pl.len().over("id", "vote") > 1)
    if len(several):
        rows, found = reject_copies(rows, near_targets(rows, several, scratch, asked), "targets, Jaccard {}")
        lost.append(found)
    texts = (part["question"] + "\n" + part["target"] for part in texts_of(rows, scratch, "question", "target"))
    near = near_duplicates(texts, asked.ngram, asked.near, asked.window, scratch, other_prompt_same_answer(rows))
    rows, found = reject_copies(rows, near, "Jaccard {}")
    return rows, pl.concat([*lost, found])


def contaminated(rows: pl.DataFrame, params: Params, scratch: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    """What it finds has the columns of a leak too."""
    asked, texts = params.filter.contamination, texts_of(rows, scratch, "question", "target")
    words = pl.format("{} of test row {} ({})", "where", "test_id", "rule")
    found = leaks(texts, test_texts(), asked.ngram, asked.similar).with_columns(detail=words, evidence="matched")
    return rows.join(found, on="row", how="anti", maintain_order="left"), found


def texts_of(rows: pl.DataFrame, scratch: Path, *columns: str) -> Iterator[pl.DataFrame]:
    """The texts of these rows, part by part in their order."""
    for path in sorted(scratch.glob("*.parquet")):
        yield pl.read_parquet(path, columns=["row", *columns]).filter(pl.col("row").is_in(rows["row"].implode()))


def near_targets(rows: pl.DataFrame, several: pl.DataFrame, scratch: Path, asked: Duplicates) -> pl.DataFrame:
    """Of replies to one prompt with one answer those with near targets: the prompt they share would make all of them
    near."""
    groups = several.select(pl.struct("id", "vote").rank("dense")).to_series().to_numpy()
    targets = pl.concat(texts_of(several, scratch, "target"))["target"]
    near = near_within(targets, groups, asked.ngram, asked.near, asked.window)
    numbered = rows.with_row_index("position")
    position = numbered.join(several.select("row"), on="row", how="semi", maintain_order="left")["position"]
    return near.with_columns(position=position.gather(near["position"]), of=position.gather(near["of"]))


def other_prompt_same_answer(rows: pl.DataFrame) -> MayMeet:
    """Rows of other prompts with the same answer and numbers: a question with other numbers is another question."""
    prompts, kinds = rows["id"].rank("dense").to_numpy(), rows["kind"].to_numpy()
    return lambda later, earlier: (prompts[later] != prompts[earlier]) & (kinds[later] == kinds[earlier])


def same(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows with the same question and target as an earlier one, case, punctuation and spaces aside."""
    numbered = rows.with_row_index("position").with_columns(of=pl.col("position").min().over("same"))
    return numbered.filter(pl.col("position") != pl.col("of")).select("position", "of", similarity=pl.lit(1.0))


def test_texts() -> pl.DataFrame:
    """id, question, solution: of a question without a worked solution the reference, which a summary is."""
    rows = [
        (
            prompt.id,
            "\n".join(turn.content for turn in prompt.messages[PLAIN] if turn.role != "system"),
            prompt.solution or prompt.reference,
        )
        for prompt in stream_prompts(TEST)
    ]
    return pl.DataFrame(rows, schema=dict.fromkeys(("id", "question", "solution"), pl.String), orient="row")
