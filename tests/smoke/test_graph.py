"""The whole graph in a tiny setting: what an edit costs, and that nothing leaks."""

import json
import re
import shutil
import sqlite3
from pathlib import Path

import pytest
from dvc.utils.hydra import apply_overrides
from ruamel.yaml import YAML

from stages.models.local import digest
from tests.architecture.closure import ROOT
from tests.settings import set_dataset
from tests.smoke.conftest import NUM_RETENTION, NUM_TEST, NUM_TRAIN, SECRETS, Serve, run

TRAINING = {"train-8b", "train-70b"}
ROWS = "data/filtered/rows.parquet"
VECTORS = "data/scores/embeddings.npy"
STUDENTS = {"predict@8b", "predict@70b"}
ASKING = {"generate", "logits", "grade", "predict-teacher", "predict-base@8b", "predict-base@70b", *STUDENTS}
PIPELINE = YAML(typ="safe").load(ROOT / "dvc.yaml")["stages"]
ALL = {"prompts", "merge", "filter", "select", "evaluate", *ASKING, *TRAINING}


def score_stages(dep: str) -> set[str]:
    """Those that read the dep."""
    found: set[str] = set()
    for name, stage in PIPELINE.items():
        if name.startswith("score-") and any(dep == one or dep.startswith(f"{one}/") for one in stage["deps"]):
            uses = stage.get("matrix", {}).get("use")
            found |= {f"{name}@{use}" for use in uses} if uses else {name}
    return found


def repro(clone: Path) -> set[str]:
    """The stages that `dvc repro` ran."""
    done = run(clone, "dvc", "repro")
    assert done.returncode == 0, done.stdout + done.stderr
    return set(re.findall(r"^Running stage '(.+)':$", done.stdout, re.MULTILINE))


def num_asked(clone: Path, model: str = "%") -> int:
    """Replies of a model that the ledger holds."""
    query = "SELECT count(*) FROM replies WHERE model LIKE ?"
    return sqlite3.connect(clone / ".potstill/ledger.sqlite").execute(query, (model,)).fetchone()[0]


@pytest.fixture
def restored(clone: Path) -> Path:
    """The clone, brought back to its first results: from the run cache, so nothing may run."""
    run(clone, "git", "checkout", "-q", ".")
    run(clone, "dvc", "checkout", "-q")
    assert repro(clone) == set()
    return clone


def edit(clone: Path, file: str, old: str = "", new: str = "\n# tidied\n") -> None:
    path = clone / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new) if old else text + new)


def set_params(clone: Path, *overrides: str) -> None:
    apply_overrides(str(clone / "params.yaml"), list(overrides))


def test_the_first_run_ran_every_stage_and_asked_each_prompt_once(clone: Path) -> None:
    log = (clone / "first.log").read_text()
    assert set(re.findall(r"^Running stage '(.+)':$", log, re.MULTILINE)) == ALL | score_stages(ROWS) | score_stages(
        VECTORS
    )
    # the teacher answers train once and test in two styles; each of four others answers test in two styles; all answer
    # the retention set
    assert num_asked(clone, "data/laptop/models/teacher") == NUM_TRAIN + 2 * NUM_TEST + NUM_RETENTION
    assert num_asked(clone) == NUM_TRAIN + 5 * (2 * NUM_TEST + NUM_RETENTION)


@pytest.mark.slow
def test_running_the_cheap_stages_again_gives_the_same_bytes(clone: Path) -> None:
    lock = (clone / "dvc.lock").read_text()
    done = run(clone, "dvc", "repro", "-f", "-s", "prompts", "filter", "select", "evaluate")
    assert done.returncode == 0, done.stderr
    assert (clone / "dvc.lock").read_text() == lock


@pytest.mark.slow
@pytest.mark.parametrize(
    "what",
    [
        lambda clone: edit(clone, "README.md", new="\nmore\n"),
        lambda clone: edit(clone, "tests/tasks/test_math_number.py"),
        lambda clone: (
            set_params(clone, "profiles.llama.teacher.revision=0000"),
            set_dataset(clone, "gsm8k", "licence=other"),
        ),
    ],
    ids=["README", "tests", "unselected profile and data set"],
)
def test_an_edit_of_what_no_stage_reads_costs_nothing(restored: Path, what: object) -> None:
    assert callable(what)
    what(restored)
    assert repro(restored) == set()


@pytest.mark.slow
def test_tidying_a_prompt_file_runs_prompts_alone(restored: Path) -> None:
    edit(restored, "stages/tasks/prompts/math.py")
    edit(restored, "stages/prompts/check.py")
    assert repro(restored) == {"prompts"}


@pytest.mark.slow
def test_tidying_an_answer_parser_runs_filter_select_and_evaluate(restored: Path) -> None:
    edit(restored, "stages/tasks/answers/math.py")
    assert repro(restored) == {"filter", "select", "grade", "evaluate"}


@pytest.mark.slow
def test_tidying_an_engine_asks_nobody(restored: Path) -> None:
    before = num_asked(restored)
    edit(restored, "stages/sampling/transformers.py")
    set_params(restored, "sampling.max_concurrency=8")
    assert repro(restored) == ASKING | score_stages("stages/sampling/transformers.py")
    assert num_asked(restored) == before


@pytest.mark.slow
def test_a_scorer_runs_evaluate_alone(restored: Path) -> None:
    edit(restored, "stages/statistics/intervals.py")
    set_params(restored, "evaluate.confidence=0.9")
    assert repro(restored) == {"evaluate"}


@pytest.mark.slow
def test_a_judge_runs_grade_and_evaluate_alone_and_asks_no_teacher(restored: Path, serve: Serve) -> None:
    role = "{engine: openai, model: a/judge, revision: '1', precision: auto, prompt_price: 1.0, completion_price: 1.0}"
    set_params(restored, f"+profiles.laptop.roles.judge={role}", "grade.how=pairs")
    assert not repro(restored) & {*TRAINING, *STUDENTS}, "any stage that asks may name the role"
    before = num_asked(restored, "data/laptop/models/teacher")
    set_params(restored, "grade.by=judge", "grade.num_prompts=3")
    served = serve("--says", '{"reasoning": "So it is.", "better": "A"}')
    done = run(restored, "env", f"OPENAI_BASE_URL={served.address}", "dvc", "repro")
    assert done.returncode == 0, done.stdout + done.stderr
    assert set(re.findall(r"^Running stage '(.+)':$", done.stdout, re.MULTILINE)) == {"grade", "evaluate"}
    assert num_asked(restored, "data/laptop/models/teacher") == before
    (judge,) = json.loads((restored / "metrics/evaluate.json").read_text())["judges"]
    assert judge["flips"]["value"] == judge["for_first"]["value"] == 1.0, "it always says A"


@pytest.mark.slow
def test_a_value_of_train_70b_retrains_it_alone_and_back_again_costs_nothing(restored: Path) -> None:
    teacher = num_asked(restored, "data/laptop/models/teacher")
    set_params(restored, "profiles.laptop.student-70b.train.num_epochs=2")
    ran = repro(restored)
    assert ran == {"train-70b", "predict@70b", "grade", "evaluate"}
    assert num_asked(restored, "data/laptop/models/teacher") == teacher
    set_params(restored, "profiles.laptop.student-70b.train.num_epochs=1")
    assert repro(restored) == set()


@pytest.mark.slow
def test_another_budget_leaves_replies_and_verdicts_as_they_are(restored: Path) -> None:
    set_params(restored, "select.budget.rows=100")
    assert repro(restored) == {"select", "logits", "grade", "evaluate", *TRAINING, *STUDENTS}
    assert json.loads((restored / "metrics/select.json").read_text())["select"]["train"] == 100


@pytest.mark.slow
def test_a_third_student_is_an_edit_of_params_and_of_dvc_yaml(restored: Path) -> None:
    """The edits are those that CONTRIBUTING.md tells."""
    yaml = YAML()
    params = yaml.load(restored / "params.yaml")
    params["students"].append("1b")
    params["profiles"]["laptop"]["student-1b"] = params["profiles"]["laptop"]["student-8b"]
    yaml.dump(params, restored / "params.yaml")
    pipeline = yaml.load(restored / "dvc.yaml")
    block = json.dumps(pipeline["stages"]["train-8b"]).replace("8b", "1b")
    pipeline["stages"]["train-1b"] = json.loads(block)
    pipeline["stages"]["evaluate"]["deps"] += ["data/predictions/base-1b.parquet", "data/predictions/1b.parquet"]
    pipeline["stages"]["evaluate"]["params"].append("profiles.${profile}.student-1b")
    yaml.dump(pipeline, restored / "dvc.yaml")
    ran = repro(restored)
    assert {"train-1b", "predict-base@1b", "predict@1b", "evaluate"} <= ran
    assert not ran & {"prompts", "generate", "filter", "select"}
    report = json.loads((restored / "metrics/evaluate.json").read_text())
    assert report["1b"] == report["8b"], "trained and asked as the 8b is, so the same"
    assert {row["student"] for row in report["retention"]} == {"8b", "70b", "1b"}


@pytest.mark.slow
def test_a_recipe_carries_a_student_over_and_trains_on_from_there(restored: Path, tmp_path: Path) -> None:
    """Both students are trained anew, because both may start from the merged model."""
    tuned = shutil.copytree(restored / "models/8b", tmp_path / "tuned")
    before = json.loads((restored / "metrics/evaluate.json").read_text())
    done = run(
        restored, "python", "-m", "tools.recipe", "transfer", "-n", "on", "-S", f"merge.models={tuned}@{digest(tuned)}"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    ran = set(re.findall(r"^Running stage '(.+)':$", done.stdout, re.MULTILINE))
    # the bases may be asked by `generate`, and are compared with the teacher by `logits`: both ask nobody anew
    asked_nobody = {"generate", "logits", "grade"} | score_stages("models/merged")
    assert ran == {"merge", "evaluate", "predict-base@8b", "predict-base@70b", *asked_nobody, *TRAINING, *STUDENTS}
    assert json.loads((restored / "metrics/merge.json").read_text())["merge"]["moved"] > 0
    after = json.loads((restored / "metrics/evaluate.json").read_text())
    assert after["base-8b"] == pytest.approx(before["8b"], abs=0.1), "the old student, rounded to 16 bits"


@pytest.mark.slow
def test_a_second_sample_asks_only_the_second_samples(restored: Path) -> None:
    before = num_asked(restored, "data/laptop/models/teacher")
    set_params(restored, "generate.num_samples=2")
    after = {"filter", "select", "logits", "grade", "evaluate", *TRAINING, *STUDENTS}
    assert repro(restored) == {"generate", *after} | score_stages(ROWS)
    assert num_asked(restored, "data/laptop/models/teacher") == before + NUM_TRAIN
    report = json.loads((restored / "metrics/filter.json").read_text())["filter"]
    assert report["rows"] == 2 * NUM_TRAIN
    assert report["rejected"]["duplicate"] > 0


@pytest.mark.slow
def test_a_reworded_prompt_reruns_everything_after_it(restored: Path) -> None:
    before = num_asked(restored, "data/laptop/models/teacher")
    edit(restored, "stages/tasks/prompts/wording.py", '"Think step by step."', '"Think step by step. Think."')
    assert repro(restored) >= {"prompts", *ASKING, "filter", "select", "evaluate"}
    # the chain-of-thought prompt is worded anew: every train prompt, and the test prompts in that style
    assert num_asked(restored, "data/laptop/models/teacher") == before + NUM_TRAIN + NUM_TEST


def test_no_secret_is_in_any_file(clone: Path) -> None:
    for path in clone.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert not any(secret.encode() in content for secret in SECRETS.values()), path


def test_metrics_and_params_have_short_names(clone: Path) -> None:
    done = run(clone, "dvc", "metrics", "show", "--json")
    metrics = json.loads(done.stdout)[""]["data"]
    assert set(metrics["metrics/evaluate.json"]["data"]) == {
        "task", "measure", "rows", "majority", "teacher", "base-8b", "base-70b", "8b", "70b", "forgetting",
    }, "lists stay out of the columns"  # fmt: skip
    assert set(metrics["metrics/evaluate.json"]["data"]["8b"]) == {"plain", "cot"}


@pytest.mark.slow
def test_a_review_shows_the_change_and_every_plot(restored: Path) -> None:
    set_params(restored, "evaluate.confidence=0.9")
    assert repro(restored) == {"evaluate"}
    done = run(restored, "python", "-m", "tools.review", "HEAD")
    assert done.returncode == 0, done.stderr
    review = restored / "review"
    assert "| evaluate.confidence | 0.95 | 0.9 |" in (review / "review.md").read_text()
    pictures = {path.name: path.read_bytes() for path in review.glob("*.png")}
    assert set(pictures) == {
        "arms.png",
        "cost.png",
        "waterfall.png",
        "train-8b.png",
        "train-70b.png",
        "validation-8b.png",
        "validation-70b.png",
    }
    assert all(content.startswith(b"\x89PNG") for content in pictures.values())
    assert run(restored, "git", "status", "--porcelain", "review").stdout == ""


def test_the_result_table_is_printed(restored: Path) -> None:
    done = run(restored, "python", "-m", "tools.table", "--markdown")
    assert done.returncode == 0, done.stderr
    assert "| model | asked | accuracy % | 95 % interval | unreadable % | cut off % |" in done.stdout
    assert "| 70b plain | teacher cot |" in done.stdout
