"""The stage itself, on rows with planted faults: each is found under its own reason, and each switch moves its own
count."""

import hashlib
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from datasets import load_dataset
from dvc.utils.hydra import apply_overrides
from huggingface_hub import DatasetCard

from benchmarks.planted import KINDS, write
from stages.filter.__main__ import main
from stages.rows.parquet import read_rows, writing
from stages.rows.row import COLUMNS, schema
from tests.architecture.closure import ROOT
from tests.settings import copy_settings

NUM_ROWS = 1_000  # of these 900 are clean and 4 of each kind, 3 or 5 of the few at the ends
EVERY_RULE = ("private=reject", "contamination.action=remove")
CHAIN = ("profiles.laptop.prompts.num_summaries=2", "profiles.laptop.prompts.summary_words=20")
FILTERED = Path("data/filtered/rows.parquet")
COMPLETIONS = Path("data/completions/completions.parquet")


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("planted")
    write(folder, NUM_ROWS, seed=3)
    return folder


@pytest.fixture
def run(planted: Path, monkeypatch: pytest.MonkeyPatch):
    """overrides of the section filter -> the report of the stage, which has run in `planted`"""

    def run(*overrides: str) -> dict:
        copy_settings(planted)
        apply_overrides(str(planted / "params.yaml"), [*CHAIN, *(f"filter.{override}" for override in overrides)])
        monkeypatch.chdir(planted)
        main()
        return json.loads((planted / "metrics/filter.json").read_text())["filter"]

    return run


def rows() -> pl.DataFrame:
    return read_rows(FILTERED, tuple(schema("filter")))


def kind(some: pl.DataFrame) -> list[str]:
    return [id.split("-")[0] for id in some["id"]]


def test_every_planted_fault_is_found_under_its_own_reason_and_no_clean_row_is_lost(run) -> None:
    report = run(*EVERY_RULE)
    rejected, passed = rows().filter(pl.col("reason").is_not_null()), rows().filter(pl.col("reason").is_null())
    found = Counter(zip(kind(rejected), rejected["reason"], strict=True))
    faults = {name for name in KINDS if name != "judged_low"}
    assert set(found) == {(name, name) for name in faults}
    assert report["rejected"] == {reason: found[reason, reason] for reason in report["rejected"]}
    assert set(kind(passed)) == {"clean", "judged_low"}, "whom a judge grades low is for select to drop"
    assert len(passed) == report["passed"]
    assert len(rejected) + len(passed) == report["rows"] == NUM_ROWS


def test_rejected_rows_keep_all_that_others_have(run) -> None:
    run(*EVERY_RULE)
    wrong = rows().filter(pl.col("reason") == "wrong").row(0, named=True)
    assert wrong["is_right"] is False
    assert wrong["target"].endswith(f"#### {wrong['answer']}")
    assert wrong["messages"][1] == {"role": "user", "content": wrong["question"]}
    assert wrong["detail"] == f"got {wrong['answer']}, the reference is {wrong['reference']}"


SWITCHES = {
    "refusal": "reply.refusal=false",
    "language": "reply.language=false",
    "degenerate": "reply.repetition=1.0",
    "echo": "reply.echo=1.0",
    "leak": "reply.leak_words=0",
    "scaffolding": "reply.scaffolding=false",
    "wrong": "verify=none",
    "contradiction": "answer.contradiction=false",
    "overlong": "answer.overlong=0.0",
    "missing_steps": "chain_of_density.steps=false",
    "long_summary": "chain_of_density.length_tolerance=0.0",
    "lost_entities": "chain_of_density.lost_entities=false",
    "unfaithful": "chain_of_density.faithful=0.0",
    "private": "private=none",
    "duplicate": "duplicates.exact=false",
    "near_duplicate": "duplicates.near=1.0",
    "contaminated": "contamination.action=report",
}
# a row that one rule lets go may break a later one: a refusal has no answer, an exact duplicate is a near one too
NEXT = {"refusal": "unreadable", "duplicate": "near_duplicate"}


@pytest.mark.slow
def test_each_switch_moves_its_own_count_alone(run) -> None:
    every = run(*EVERY_RULE)["rejected"]
    for reason, switch in SWITCHES.items():
        off = run(*EVERY_RULE, switch)["rejected"]
        moved = {name: off[name] - every[name] for name in every if off[name] != every[name]}
        expected = {reason: -every[reason]} | ({NEXT[reason]: every[reason]} if reason in NEXT else {})
        assert moved == expected, f"{switch}: {moved}"


def test_the_evidence_is_there(run) -> None:
    run(*EVERY_RULE)
    found = {row["reason"]: row for row in rows().iter_rows(named=True)}
    assert found["refusal"]["evidence"].startswith(("I'm sorry", "I cannot", "As an AI", "Sorry"))
    assert found["leak"]["evidence"] == "First reason step by step, in at most 150 words."
    assert found["scaffolding"]["evidence"] in ("<|eot_id|>", "```", "[/INST]")
    assert found["outside_labels"]["evidence"] in ("perhaps", "related", "maybe so")
    assert found["degenerate"]["evidence"] in found["degenerate"]["text"]
    original = found["duplicate"]["evidence"]
    assert original.startswith("clean-")
    assert found["duplicate"]["detail"] == f"of {original} sample 0 (the same)"
    assert rows().filter(pl.col("id") == original)["cluster"].to_list() == [2]
    assert "of test row test-" in found["contaminated"]["detail"]
    assert len(found["contaminated"]["evidence"].split()) > 12


def test_leaks_are_reported_with_their_text_and_kept_where_params_say_so(run, planted: Path) -> None:
    report = run("contamination.action=report")
    leaks = [json.loads(line) for line in (planted / "data/filtered/leaks.jsonl").open()]
    assert {leak["id"].split("-")[0] for leak in leaks} == {"contaminated"}
    assert (
        report["leaks"]["exact"] + report["leaks"]["ngram"] + report["leaks"]["similar"]
        == report["leaks"]["passed"]
        == len(leaks)
        == 4
    )
    assert {leak["id"] for leak in leaks} <= set(rows().filter(pl.col("reason").is_null())["id"])
    assert all(leak["matched"] for leak in leaks)


def test_private_data_is_reported_and_kept_where_params_say_so(run) -> None:
    report = run("private=report")
    found = rows().filter(pl.col("private").is_not_null())
    assert set(kind(found)) == {"private"}
    assert report["private"] == len(found) == 4
    assert {private.split(" ")[0] for private in found["private"]} <= {"e-mail", "phone", "card", "AWS"}


def test_without_a_test_split_nothing_is_contaminated(run, planted: Path) -> None:
    test = planted / "data/prompts/test.jsonl"
    rows = test.read_text()
    test.write_text("")
    try:
        assert run("contamination.action=remove")["leaks"] == {"exact": 0, "ngram": 0, "similar": 0, "passed": 0}
    finally:
        test.write_text(rows)


def test_the_card_tells_source_rules_and_counts(run, planted: Path) -> None:
    report = run(*EVERY_RULE)
    card = (planted / "data/filtered/README.md").read_text()
    assert "| source | data/sets/laptop-math |" in card
    assert f"| rows that pass | {report['passed']:,} |" in card
    assert "| duplicate | near_duplicate | duplicates.near: 0.8, duplicates.ngram: 3 | 4 |" in card
    assert "0 of them pass the filter." in card


def test_the_card_is_one_of_the_hub(run, planted: Path, tmp_path: Path) -> None:
    report = run()
    found: Any = DatasetCard.load(planted / "data/filtered/README.md").data
    assert found.license == "apache-2.0"
    rows = load_dataset(str(planted / "data/filtered"), split="train", cache_dir=str(tmp_path))
    assert len(rows) == report["rows"]


@pytest.fixture
def problems(planted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with the word problems of `planted` alone."""
    (tmp_path / "data/prompts").mkdir(parents=True)
    (tmp_path / "data/prompts/test.jsonl").write_bytes((planted / "data/prompts/test.jsonl").read_bytes())
    change(planted / COMPLETIONS, tmp_path / COMPLETIONS, pl.col("task") == "math")
    copy_settings(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def change(source: Path, to: Path, where: pl.Expr | bool = True, **columns: pl.Expr) -> None:
    """The file with some rows, and some columns changed."""
    frame = read_rows(source, tuple(schema("generate"))).filter(where).with_columns(**columns)
    with writing(to, schema("generate")) as write_some:
        write_some(frame)


def test_the_control_learns_every_prompt(problems: Path) -> None:
    apply_overrides("params.yaml", ["filter.labels=reference"])
    main()
    report = json.loads((problems / "metrics/filter.json").read_text())["filter"]
    assert report["rows"] == len(read_rows(COMPLETIONS, ("id",)))
    assert {reason: count for reason, count in report["rejected"].items() if count} == {
        "duplicate": 4,
        "near_duplicate": 4,
    }
    passed = rows().filter(pl.col("reason").is_null())
    assert (passed["target"] == passed["solution"] + " #### " + passed["reference"]).all()
    assert set(passed["text"]) == {""}


def test_nothing_sound_is_one_clear_error_and_the_rows_can_be_looked_at(problems: Path) -> None:
    change(problems / COMPLETIONS, problems / COMPLETIONS, text=pl.lit("12 + 7 = 19. #### 190000"))
    with pytest.raises(
        SystemExit, match=r"filter: got no sound row of \d+ \(rejected .*'wrong': \d+.*\), wanted at least one"
    ):
        main()
    assert rows()["reason"].null_count() == 0


def test_a_file_that_is_no_row_file_is_one_clear_error(problems: Path) -> None:
    (problems / COMPLETIONS).write_bytes(b"PAR1 and no more")
    with pytest.raises(
        SystemExit,
        match=r"data/completions/completions.parquet: got no rows \(.+\), wanted the file that a stage writes",
    ):
        main()


def test_of_several_samples_near_ones_go_however_long_the_question_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And another answer, or other numbers in the question, make another row."""
    write(tmp_path, 30, seed=5)
    monkeypatch.chdir(tmp_path)
    clean = read_rows(COMPLETIONS, tuple(COLUMNS)[: len(schema("generate"))]).filter(
        pl.col("id").str.starts_with("clean") & (pl.col("task") == "math")
    )
    first, other = clean.row(0, named=True), clean.row(1, named=True)
    other["question"] = first["question"].replace(" has ", " has 1")  # the same words, another number
    reasoning = "We count what there is and then add what"
    texts = [f"{reasoning} comes.", f"{reasoning} came.", "By adding up the three parts in turn it is found."]
    replies = [first | {"sample": i, "text": f"{text} #### {first['reference']}"} for i, text in enumerate(texts)]
    replies.append(other | {"text": f"{texts[0]} #### {other['reference']}"})
    with writing(COMPLETIONS, schema("generate")) as write_some:
        write_some(pl.DataFrame(replies, schema=schema("generate")))
    copy_settings(tmp_path)
    apply_overrides(str(tmp_path / "params.yaml"), ["filter.duplicates.near=0.6", "filter.validation_share=0.0"])
    main()
    (lost,) = rows().filter(pl.col("reason").is_not_null()).iter_rows(named=True)
    assert (lost["id"], lost["sample"], lost["reason"]) == (first["id"], 1, "near_duplicate")
    assert lost["detail"].startswith(f"of {first['id']} sample 0 (targets, Jaccard 0.")


def test_where_no_reply_can_be_read_a_likely_mark_is_named(problems: Path) -> None:
    apply_overrides("params.yaml", ["profiles.laptop.prompts.answer_format='A:'"])
    same = {"text": pl.lit("We count.\nResult= 19"), "finish_reason": pl.lit("stop")}
    change(problems / COMPLETIONS, problems / COMPLETIONS, **same)
    hint = (
        "the replies seem to mark their answer with 'Result=', and profiles.laptop.prompts.answer_format in "
        "params.yaml is 'A:'"
    )
    with pytest.raises(SystemExit, match=hint):
        main()


BAD = {
    "duplicates.near=0": "filter.duplicates.near: Input should be greater than 0, got 0",
    "reply.echo=false": "filter.reply.echo: Input should be a valid number, got False",
    "+reply.ecco=0.5": "filter.reply.ecco: Extra inputs are not permitted, got 0.5",
}


@pytest.mark.parametrize("overrides", BAD)
def test_a_bad_parameter_is_one_clear_error(overrides: str, problems: Path) -> None:
    apply_overrides(
        "params.yaml",
        [
            override.replace("+", "+filter.") if override[0] == "+" else f"filter.{override}"
            for override in overrides.split(";")
        ],
    )
    with pytest.raises(SystemExit) as stopped:
        main()
    assert str(stopped.value).startswith(f"params.yaml: {BAD[overrides]}")


@pytest.mark.slow
def test_any_number_of_threads_gives_the_same_bytes(tmp_path: Path) -> None:
    """25,000 rows are two batches, so processes take part as well."""
    write(tmp_path, 25_000, seed=4)
    copy_settings(tmp_path)
    apply_overrides(str(tmp_path / "params.yaml"), [*CHAIN, "filter.private=report"])
    digests = []
    for threads in ("1", "2"):
        environment = os.environ | {"PYTHONPATH": str(ROOT), "POLARS_MAX_THREADS": threads}
        subprocess.run(
            [sys.executable, "-m", "stages.filter"], cwd=tmp_path, env=environment, check=True, capture_output=True
        )
        files = sorted([*(tmp_path / "data/filtered").iterdir(), *(tmp_path / "metrics").iterdir()])
        digests.append({file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files})
    assert digests[0] == digests[1]
    assert set(digests[0]) == {"README.md", "leaks.jsonl", "rows.parquet", "filter.json"}
