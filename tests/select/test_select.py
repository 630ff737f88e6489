"""The stage itself, on the rows that the filter passes."""

import hashlib
import json
import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from datasets import load_dataset
from dvc.utils.hydra import apply_overrides
from huggingface_hub import DatasetCard

from benchmarks.planted import write, write_scores
from stages.filter.__main__ import main as run_filter
from stages.rows.parquet import read_rows, writing
from stages.rows.row import schema, score_schema
from stages.score.column import write_off
from stages.score.columns.embedding import write_no_embeddings
from stages.select.__main__ import main
from tests.settings import copy_settings

SCORES = Path("data/scores/judge.parquet")
ROWS = Path("data/selected/rows.parquet")
NUM_ROWS = 300


@pytest.fixture(scope="module")
def filtered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Word problems, pairs and articles that went through the filter."""
    folder = tmp_path_factory.mktemp("filtered")
    write(folder, NUM_ROWS, seed=3)
    return folder


@pytest.fixture
def folder(filtered: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(filtered)
    copy_settings(filtered, "filter.validation_share=0.25")
    if not Path("data/filtered").exists():
        run_filter()
    write_scores(filtered)
    write_off("likelihood-teacher", ["nll_teacher", "nll_sum_teacher", "entropy_teacher"])
    write_no_embeddings(Path("data/scores/embeddings.npy"))
    return filtered


def select(*overrides: str) -> dict[str, Any]:
    """overrides of the section select -> the report of the stage"""
    apply_overrides("params.yaml", [f"select.{override}" for override in overrides])
    main()
    return json.loads(Path("metrics/select.json").read_text())["select"]


def examples(split: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(f"data/selected/{split}.jsonl").open(encoding="utf-8")]


def test_all_that_pass_are_learnt_where_no_rule_is_on(folder: Path) -> None:
    report = select()
    rows = read_rows(ROWS, tuple(schema("select", ["s_judge"])))
    kept = rows.filter(pl.col("reason").is_null())
    assert len(rows) == NUM_ROWS
    assert report["rows"] == report["kept"] == report["train"] + report["validation"] == len(kept)
    assert [row["id"] for row in examples("train")] == kept.filter(~pl.col("is_validation"))["id"].to_list()
    first = kept.filter(~pl.col("is_validation")).row(0, named=True)
    assert examples("train")[0]["prompt"] == first["messages"]
    assert examples("train")[0]["completion"] == [{"role": "assistant", "content": first["target"]}]
    assert set(kept["s_judge"]) == {1.0, 4.0}
    assert (set(rows["weight"]), set(rows["tag"]), rows["negative"].null_count()) == ({1.0}, {""}, len(rows))


def test_rows_that_a_judge_grades_low_go(folder: Path) -> None:
    report = select("min_grade=3.0")
    lost = read_rows(ROWS, ("id", "reason")).filter(pl.col("reason") == "judged_low")
    assert {id.split("-")[0] for id in lost["id"]} == {"judged_low"}
    assert report["rejected"] == dict.fromkeys(report["rejected"], 0) | {"judged_low": len(lost)}


def test_a_budget_is_of_train_rows_and_leaves_those_of_validation_alone(folder: Path) -> None:
    select()
    all_of_them = {split: examples(split) for split in ("train", "validation")}
    report = select("budget.rows=50")
    assert examples("validation") == all_of_them["validation"]
    assert all_of_them["validation"], "there are some"
    assert len(examples("train")) == report["train"] == 50 < len(all_of_them["train"])
    lost = read_rows(ROWS, ("reason", "detail")).filter(pl.col("reason") == "not_selected")
    assert lost["detail"].str.ends_with(", not among the best 50").all()


def test_the_waterfall_goes_from_all_rows_to_the_kept(folder: Path) -> None:
    report = select("budget.rows=50")
    filtered = json.loads(Path("metrics/filter.json").read_text())["filter"]
    steps = [line.split(",") for line in Path("metrics/waterfall.csv").read_text().splitlines()]
    assert steps[0] == ["step", "rows", "from", "to"]
    assert [step[0] for step in steps[1:]] == ["rows in", *filtered["rejected"], *report["rejected"], "kept"]
    assert steps[1][1:] == [str(NUM_ROWS), "0", str(NUM_ROWS)]
    assert all(int(rows) == int(above) - int(below) for _, rows, below, above in steps[2:-1])
    assert all(before[2] == after[3] for before, after in pairwise(steps[2:-1])), (
        "each bar begins where the last one ends"
    )
    assert steps[-1][1:] == [str(report["kept"]), "0", str(report["kept"])]


def test_the_card_tells_of_selection_and_of_the_filter(folder: Path) -> None:
    report = select("budget.rows=50", "min_grade=3.0")
    card = Path("data/selected/README.md").read_text()
    assert f"| examples | {report['kept']:,}: 50 in train.jsonl" in card
    assert "| agreement | judged_low | min_grade: 3.0 |" in card
    assert "| choice | not_chosen | off | 0 |" in card
    assert "| bad, behind a mark | off | 0 |" in card
    assert re.search(r"^\| judge \| before \| 194 \| 4 \| 4 \| 4 \| ▁·{8}█ \|$", card, re.MULTILINE), (
        "one of them has 1"
    )
    assert "| judge | learnt | 50 | 4 | 4 | 4 | ·········█ |" in card, "all that were graded low are gone"
    assert "## Rows of laptop-math" in card
    assert "| duplicate | near_duplicate | duplicates.near: 0.8" in card


def test_the_card_is_one_of_the_hub(folder: Path, tmp_path: Path) -> None:
    report = select("budget.rows=50")
    found: Any = DatasetCard.load(Path("data/selected/README.md")).data
    assert found.license == "apache-2.0", "as the filter's card has it"
    splits = load_dataset(str(folder / "data/selected"), cache_dir=str(tmp_path))
    assert {name: len(split) for name, split in splits.items()} == {"train": 50, "validation": report["validation"]}


def test_nothing_left_is_one_clear_error_and_the_rows_can_be_looked_at(folder: Path) -> None:
    with pytest.raises(
        SystemExit, match=r"select: got no row of \d+ to train on \(0 to validate, rejected .*'judged_low': \d+"
    ):
        select("min_grade=5.0")
    assert read_rows(ROWS, ("reason",))["reason"].null_count() == 0
    with pytest.raises(
        SystemExit, match=r"select: got no row of \d+ to train on \([1-9]\d* to validate, rejected .*'not_wanted'"
    ):
        select("min_grade=0.0", "where='words > 100000'")


def scores(change: Callable[[pl.DataFrame], pl.DataFrame]) -> None:
    columns = score_schema(["judge"])
    frame = change(read_rows(SCORES, tuple(columns)))
    with writing(SCORES, columns) as write_some:
        write_some(frame)


FAULTS: dict[str, Callable[[pl.DataFrame], pl.DataFrame]] = {
    "passes and is not there": lambda some: some[:-1],
    "stands there twice": lambda some: pl.concat([some, some[:1]]),
    "does not pass": lambda some: pl.concat([some, some[:1].with_columns(id=pl.lit("stranger"))]),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_scores_of_other_rows_are_refused(fault: str, folder: Path) -> None:
    scores(FAULTS[fault])
    with pytest.raises(
        SystemExit, match=f"select: data/scores/judge.parquet: got .*{fault}, wanted one for each of the"
    ):
        main()


def test_a_column_that_two_files_have_is_refused(folder: Path) -> None:
    stale = Path("data/scores/perplexity.parquet")
    stale.write_bytes(SCORES.read_bytes())
    try:
        with pytest.raises(SystemExit, match=r"perplexity.parquet: got the column s_judge, which another file .* has"):
            main()
    finally:
        stale.unlink()


def test_scores_find_their_row_whatever_their_order(folder: Path) -> None:
    low = read_rows(SCORES, ("id",))["id"][5]
    grade = pl.when(pl.col("id") == low).then(1.0).otherwise(4.0)
    scores(lambda some: some.with_columns(s_judge=grade).reverse())
    select("min_grade=3.0")
    assert read_rows(ROWS, ("id", "reason")).filter(pl.col("reason") == "judged_low")["id"].to_list() == [low]


def test_the_same_rows_are_the_same_bytes(folder: Path) -> None:
    digests = []
    for _ in range(2):
        select("budget.rows=50")
        digests.append(
            {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in Path("data/selected").iterdir()}
        )
    assert digests[0] == digests[1]
    assert set(digests[0]) == {"README.md", "negatives.jsonl", "rows.parquet", "train.jsonl", "validation.jsonl"}


BAD = {
    "best_of_n.which=best": "select.best_of_n.which: Input should be 'all', 'first', 'shortest' or 'diverse', got 'best'",
    "+budget.quotas.a=0.9;+budget.quotas.b=0.9": "select.budget.quotas: Value error, the shares should sum to at most 1, got ",
    "budget.rows=5;budget.order=-nll_teacher": "select.budget.order: got '-nll_teacher' and no row with a nll_teacher, wanted its column",
    "budget.rows=5;budget.order='cast(id as int)'": "select.budget.order: got 'cast(id as int)', wanted a SQL expression over id, task",
    "budget.rows=5;budget.share=0.5": "select.budget.share: Value error, rows is 5, and one of the two should be off (rows: 0, share: 1.0), got 0.5",
    "where='words +'": "select.where: got 'words +', wanted a SQL expression over id, task",
    "unsure.then=keep": "select.unsure.then: Input should be 'gold' or 'drop', got 'keep'",
    "semantic=0.9": "select.semantic: got a threshold below 1 and no embeddings, wanted an encoder in score.embedding.model",
}


@pytest.mark.parametrize("overrides", BAD)
def test_a_bad_parameter_is_one_clear_error(overrides: str, folder: Path) -> None:
    changes = [part.replace("+", "+select.") if part[0] == "+" else f"select.{part}" for part in overrides.split(";")]
    apply_overrides("params.yaml", changes)
    with pytest.raises(SystemExit) as stopped:
        main()
    assert str(stopped.value).startswith(f"params.yaml: {BAD[overrides]}")
