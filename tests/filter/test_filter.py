"""The stage itself, on rows with planted faults: each is found under its own reason, and each rule's switch moves its own count alone."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from dvc.utils.hydra import apply_overrides

from benchmarks.planted import KINDS, write
from stages.filter.__main__ import main
from stages.rows.example import Example, Rejected
from tests.architecture.closure import ROOT
from tests.settings import copy_settings

NUM_ROWS = 1_000  # of these 900 are clean and 4 of each kind, 3 or 5 of the few at the ends
EVERY_RULE = ("private=reject", "contamination.action=remove", "agreement.min_judge=3.0")
CHAIN = ("profiles.laptop.prompts.num_summaries=2", "profiles.laptop.prompts.summary_words=20")


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


def rejected(folder: Path) -> list[Rejected]:
    return [Rejected.model_validate_json(line) for line in (folder / "data/filtered/rejected.jsonl").open(encoding="utf-8")]


def kept(folder: Path) -> list[Example]:
    return [Example.model_validate_json(line) for name in ("train", "validation") for line in (folder / f"data/filtered/{name}.jsonl").open(encoding="utf-8")]


def test_every_planted_fault_is_found_under_its_own_reason_and_no_clean_row_is_lost(run, planted: Path) -> None:
    report = run(*EVERY_RULE)
    found = Counter((row.id.split("-")[0], row.reason) for row in rejected(planted))
    assert set(found) == {(kind, kind) for kind in KINDS}
    assert found.total() == NUM_ROWS / 10
    assert report["rejected"] == {reason: found[reason, reason] for reason in report["rejected"]}
    assert {row.id.split("-")[0] for row in kept(planted)} == {"clean"}
    assert len(kept(planted)) == report["kept"] == report["train"] + report["validation"] == NUM_ROWS * 9 / 10


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
    "judged_low": "agreement.min_judge=0.0",
    "duplicate": "duplicates.exact=false",
    "near_duplicate": "duplicates.near=1.0",
    "contaminated": "contamination.action=report",
}
# a row that one rule lets go may break a later one: a refusal has no answer, an exact duplicate is a near one too
NEXT = {"refusal": "unreadable", "duplicate": "near_duplicate"}


def test_each_switch_moves_its_own_count_alone(run) -> None:
    every = run(*EVERY_RULE)["rejected"]
    for reason, switch in SWITCHES.items():
        off = run(*EVERY_RULE, switch)["rejected"]
        moved = {name: off[name] - every[name] for name in every if off[name] != every[name]}
        expected = {reason: -every[reason]} | ({NEXT[reason]: every[reason]} if reason in NEXT else {})
        assert moved == expected, f"{switch}: {moved}"


def test_a_budget_is_filled_and_the_evidence_is_there(run, planted: Path) -> None:
    report = run(*EVERY_RULE, "select.budget=500")
    assert (report["train"], report["kept"] + report["rejected"]["not_selected"]) == (500, 900)
    rows = {row.reason: row for row in rejected(planted)}
    assert rows["not_selected"].detail.endswith(", not among the best 500")
    assert rows["refusal"].evidence.startswith(("I'm sorry", "I cannot", "As an AI", "Sorry"))
    assert rows["leak"].evidence == "First reason step by step, in at most 150 words."
    assert rows["scaffolding"].evidence in ("<|eot_id|>", "```", "[/INST]")
    assert rows["outside_labels"].evidence in ("perhaps", "related", "maybe so")
    assert rows["degenerate"].evidence in rows["degenerate"].text
    original = rows["duplicate"].evidence
    assert original.startswith("clean-")
    assert rows["duplicate"].detail == f"of {original} sample 0 (the same)"
    assert "of test row test-" in rows["contaminated"].detail
    assert len(rows["contaminated"].evidence.split()) > 12


def test_leaks_are_reported_with_their_text_and_kept_where_params_say_so(run, planted: Path) -> None:
    report = run("contamination.action=report")
    leaks = [json.loads(line) for line in (planted / "data/filtered/leaks.jsonl").open()]
    assert {leak["id"].split("-")[0] for leak in leaks} == {"contaminated"}
    assert report["leaks"]["exact"] + report["leaks"]["ngram"] + report["leaks"]["similar"] == report["leaks"]["kept"] == len(leaks) == 4
    assert {leak["id"] for leak in leaks} <= {row.id for row in kept(planted)}
    assert all(leak["matched"] for leak in leaks)


def test_private_data_is_reported_and_kept_where_params_say_so(run, planted: Path) -> None:
    report = run("private=report")
    found = [json.loads(line) for line in (planted / "data/filtered/private.jsonl").open()]
    assert {row["id"].split("-")[0] for row in found} == {"private"}
    assert report["private"] == len(found) == 4
    assert {row["private"].rsplit(" ", 4)[0].split(" ")[0] for row in found} <= {"e-mail", "phone", "card", "AWS"}


def test_without_a_test_split_nothing_is_contaminated(run, planted: Path) -> None:
    test = planted / "data/prompts/test.jsonl"
    rows = test.read_text()
    test.write_text("")
    try:
        assert run("contamination.action=remove")["leaks"] == {"exact": 0, "ngram": 0, "similar": 0, "kept": 0}
    finally:
        test.write_text(rows)


def test_the_card_tells_source_rules_and_counts(run, planted: Path) -> None:
    report = run(*EVERY_RULE)
    card = (planted / "data/filtered/README.md").read_text()
    assert "| source | data/sets/laptop-math |" in card
    assert f"| examples | {report['kept']:,}: {report['train']:,} in train.jsonl" in card
    assert "| duplicate | near_duplicate | duplicates.near: 0.8, duplicates.ngram: 3 | 4 |" in card
    assert "| choice | not_chosen | off | 0 |" in card
    assert "0 of them are among the examples." in card


def test_the_waterfall_goes_from_all_rows_to_the_kept(run, planted: Path) -> None:
    report = run(*EVERY_RULE)
    steps = [line.split(",") for line in (planted / "metrics/waterfall.csv").read_text().splitlines()]
    assert steps[0] == ["step", "rows", "from", "to"]
    assert [step[0] for step in steps[1:]] == ["rows in", *report["rejected"], "kept"]
    assert steps[1][1:] == ["1000", "0", "1000"]
    assert all(int(rows) == int(above) - int(below) for _, rows, below, above in steps[2:-1])
    assert all(before[2] == after[3] for before, after in pairwise(steps[2:-1])), "each bar begins where the last one ends"
    assert steps[-1][1:] == ["900", "0", "900"]


def test_nothing_left_is_one_clear_error_and_the_rows_can_be_looked_at(run, planted: Path) -> None:
    with pytest.raises(SystemExit, match=r"filter: got no row of 1000 to train on \(0 to validate, rejected .*'judged_low': 9\d\d.*\), wanted"):
        run(*EVERY_RULE, "agreement.min_judge=5.0")
    assert len(rejected(planted)) == NUM_ROWS


@pytest.fixture
def problems(planted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with the word problems of `planted` alone, and no scores."""
    shutil.copytree(planted / "data", tmp_path / "data")
    chosen = {json.loads(line)["id"] for line in (planted / "data/prompts/train.jsonl").open() if '"task": "math"' in line}
    for name in ("prompts/train", "completions/completions"):
        path = tmp_path / f"data/{name}.jsonl"
        path.write_text("".join([line for line in path.open() if json.loads(line)["id"] in chosen]))
    scores = tmp_path / "data/scores/scores.jsonl"
    scored = [json.loads(line) | {"judge": None} for line in scores.open()]
    scores.write_text("".join(json.dumps(row) + "\n" for row in scored if row["id"] in chosen))
    copy_settings(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_control_learns_every_prompt(problems: Path) -> None:
    apply_overrides("params.yaml", ["filter.labels=reference"])
    main()
    report = json.loads((problems / "metrics/filter.json").read_text())["filter"]
    prompts = {prompt["id"]: prompt for prompt in map(json.loads, (problems / "data/prompts/train.jsonl").open())}
    assert report["rows"] == len(prompts)
    assert {reason: count for reason, count in report["rejected"].items() if count} == {"duplicate": 4, "near_duplicate": 4}
    assert all(row.completion[0].content == f"{prompts[row.id]['solution']} #### {prompts[row.id]['reference']}" for row in kept(problems))


def test_of_several_samples_near_ones_go_however_long_the_question_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And another answer, or other numbers in the question, make another row."""
    write(tmp_path, 30, seed=5)
    prompts = [json.loads(line) for line in (tmp_path / "data/prompts/train.jsonl").open()]
    prompts = [prompt for prompt in prompts if prompt["task"] == "math" and prompt["id"].startswith("clean")][:2]
    first, other = prompts
    other["messages"] = json.loads(json.dumps(first["messages"]).replace(" has ", " has 1"))  # the same words, another number
    reasoning = "We count what there is and then add what"
    texts = {
        first["id"]: [f"{reasoning} comes.", f"{reasoning} came.", "By adding up the three parts in turn it is found."],
        other["id"]: [f"{reasoning} comes."],
    }
    with (tmp_path / "data/completions/completions.jsonl").open("w") as file:
        for prompt in prompts:
            for sample, text in enumerate(texts[prompt["id"]]):
                row = {"id": prompt["id"], "style": "cot", "sample": sample, "text": f"{text} #### {prompt['reference']}"}
                row |= {"reasoning": "", "finish_reason": "stop", "error": ""}
                file.write(json.dumps(row | {"prompt_tokens": 1, "completion_tokens": 1}) + "\n")
    (tmp_path / "data/prompts/train.jsonl").write_text("".join(json.dumps(prompt) + "\n" for prompt in prompts))
    scored = [{"id": id, "sample": sample, "judge": None, "perplexity": None} for id, some in texts.items() for sample in range(len(some))]
    (tmp_path / "data/scores/scores.jsonl").write_text("".join(json.dumps(row) + "\n" for row in scored))
    copy_settings(tmp_path)
    apply_overrides(str(tmp_path / "params.yaml"), ["filter.duplicates.near=0.6", "filter.validation_share=0.0"])
    monkeypatch.chdir(tmp_path)
    main()
    assert [(row.id, row.sample, row.reason) for row in rejected(tmp_path)] == [(first["id"], 1, "near_duplicate")]
    assert rejected(tmp_path)[0].detail.startswith(f"of {first['id']} sample 0 (targets, Jaccard 0.")


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda lines: lines[:-1], "is a completion and not there"),
        (lambda lines: [*lines, lines[0]], "stands there twice"),
        (lambda lines: [*lines[:-1], lines[-1].replace('"sample": 0', '"sample": 7').replace('"sample":0', '"sample":7')], "is a completion and not there"),
        (lambda lines: [*lines, '{"id": "stranger", "sample": 0, "judge": null, "perplexity": null}\n'], "of which stranger sample 0 is no completion"),
    ],
    ids=["one too few", "one twice", "another sample", "one of no completion"],
)
def test_scores_of_other_completions_are_refused(change: Callable[[list[str]], list[str]], fault: str, problems: Path) -> None:
    scores = problems / "data/scores/scores.jsonl"
    scores.write_text("".join(change(scores.open().readlines())))
    with pytest.raises(SystemExit, match=f"filter: data/scores/scores.jsonl: got .*{fault}, wanted one for each of"):
        main()


def test_scores_find_their_completion_whatever_their_order(problems: Path) -> None:
    scores = problems / "data/scores/scores.jsonl"
    low = next(row["id"] for row in map(json.loads, scores.open()) if row["id"].startswith("clean"))
    rows = [json.loads(line) for line in scores.open()]
    rows = [row | {"judge": 1.0 if row["id"] == low else 4.0} for row in rows]
    scores.write_text("".join(json.dumps(row) + "\n" for row in reversed(rows)))
    apply_overrides("params.yaml", ["filter.agreement.min_judge=3.0"])
    main()
    assert [row.id for row in rejected(problems) if row.reason == "judged_low"] == [low]


def test_where_no_reply_can_be_read_a_likely_mark_is_named(problems: Path) -> None:
    apply_overrides("params.yaml", ["profiles.laptop.prompts.answer_format='A:'"])
    completions = problems / "data/completions/completions.jsonl"
    rows = [json.loads(line) for line in completions.open()]
    rows = [row | {"text": "We count.\nResult= 19", "finish_reason": "stop"} for row in rows]
    completions.write_text("".join(json.dumps(row) + "\n" for row in rows))
    hint = "the replies seem to mark their answer with 'Result=', and profiles.laptop.prompts.answer_format in params.yaml is 'A:'"
    with pytest.raises(SystemExit, match=hint):
        main()


BAD = {
    "duplicates.near=0": "filter.duplicates.near: Input should be greater than 0, got 0",
    "reply.echo=false": "filter.reply.echo: Input should be a valid number, got False",
    "+reply.ecco=0.5": "filter.reply.ecco: Extra inputs are not permitted, got 0.5",
    "choose.which=best": "filter.choose.which: Input should be 'all', 'first', 'shortest' or 'diverse', got 'best'",
    "+select.quotas.a=0.9;+select.quotas.b=0.9": "filter.select.quotas: Value error, the shares should sum to at most 1, got ",
    "agreement.min_judge=3.0": "filter.agreement.min_judge: got a threshold and no row with a grade, wanted whom to ask for it in score.judge",
    "select.budget=5;select.order=-perplexity": "filter.select.order: got '-perplexity' and no row with a perplexity, wanted whom to ask",
    "select.budget=5;select.order='cast(id as int)'": "filter.select.order: got 'cast(id as int)', wanted a SQL expression over id, task, answer",
    "labels=reference;duplicates.semantic=0.9": "filter.duplicates.semantic: got a threshold below 1 with filter.labels: reference, wanted 1.0",
}


@pytest.mark.parametrize("overrides", BAD)
def test_a_bad_parameter_is_one_clear_error(overrides: str, problems: Path) -> None:
    apply_overrides("params.yaml", [override.replace("+", "+filter.") if override[0] == "+" else f"filter.{override}" for override in overrides.split(";")])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert str(stopped.value).startswith(f"params.yaml: {BAD[overrides]}")


@pytest.mark.slow
def test_any_number_of_threads_gives_the_same_bytes(tmp_path: Path) -> None:
    """25,000 rows are two batches, so processes take part as well."""
    write(tmp_path, 25_000, seed=4)
    copy_settings(tmp_path)
    apply_overrides(str(tmp_path / "params.yaml"), [*CHAIN, "filter.choose.which=diverse", "filter.select.budget=10000"])
    digests = []
    for threads in ("1", "2"):
        environment = os.environ | {"PYTHONPATH": str(ROOT), "POLARS_MAX_THREADS": threads}
        subprocess.run([sys.executable, "-m", "stages.filter"], cwd=tmp_path, env=environment, check=True, capture_output=True)
        files = sorted([*(tmp_path / "data/filtered").iterdir(), *(tmp_path / "metrics").iterdir()])
        digests.append({file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files})
    assert digests[0] == digests[1]
    assert set(digests[0]) == {"README.md", "leaks.jsonl", "private.jsonl", "rejected.jsonl", "train.jsonl", "validation.jsonl", "filter.json", "waterfall.csv"}
