"""A study runs: each point is an experiment, no stage is run twice, and a kill loses nothing that was done."""

import shutil
import signal
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from tests.architecture.closure import ROOT
from tests.smoke.conftest import ENVIRONMENT
from tests.smoke.test_kill import wait_until
from tests.tools.study.conftest import commit, run

pytestmark = pytest.mark.slow
COMMAND = ["python", "-m", "tools.study", "run", "tiny"]


@pytest.fixture
def project(project: Path) -> Path:
    assert run(project, "dvc", "init", "-q").returncode == 0
    commit(project)
    return project


def rewrite(path: Path, old: str, new: str) -> None:
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def trees(project: Path) -> dict[str, str]:
    """Experiment of the last commit -> git's name for all that it holds."""
    head = run(project, "git", "rev-parse", "HEAD").stdout.strip()
    where = f"refs/exps/{head[:2]}/{head[2:]}"
    listed = run(project, "git", "for-each-ref", "--format=%(refname:lstrip=4) %(tree)", where).stdout
    return dict(line.split() for line in listed.splitlines())


def ran(project: Path) -> Counter[str]:
    path = project / "ran.txt"
    return Counter(path.read_text().split() if path.exists() else [])


def test_points_run_once_and_only_what_is_new_or_changed_runs_again(project: Path) -> None:
    rewrite(project / "params.yaml", "seed: 1", "seed: 7")
    done = run(project, *COMMAND)
    assert done.returncode == 1
    assert done.stderr == (
        "got changes of params.yaml that are not committed, wanted them committed: each experiment starts from the "
        "last commit\n"
    )
    commit(project)
    (project / "data/two/large.txt").write_text("333")  # git ignores it, and a stage reads it
    done = run(project, *COMMAND, "--jobs", "2")
    assert (done.returncode, done.stderr) == (0, "")
    assert "study tiny: 6 points, 0 done, 6 to run" in done.stdout
    assert "stages: at most 8, those that points share counted once; 12 if each point ran alone" in done.stdout
    assert ran(project) == {"prepare": 2, "train@small": 6}
    assert len(trees(project)) == 6
    shown = run(project, "git", "show", f"{trees(project)['tiny-b-low-2']}:metrics.json").stdout
    assert shown == '{"score": %s}' % (len("22333" + " {'value': 1}") + 2 * 0.25)
    assert run(project, "git", "status", "--porcelain").stdout == ""
    assert set(run(project, "dvc", "exp", "list", "--name-only").stdout.split()) == set(trees(project))

    done = run(project, *COMMAND)
    assert "6 points, 6 done, 0 to run" in done.stdout
    # a seed more, another value of one arm, and a commit of the study itself
    rewrite(project / "studies/tiny.yaml", "seeds: [1, 2]", "seeds: [1, 2, 3]")
    rewrite(project / "studies/tiny.yaml", "high: 0.75", "high: 1.0")
    commit(project)
    assert "9 points, 4 done, 5 to run" in run(project, *COMMAND, "--dry-run").stdout
    assert ran(project).total() == 8
    assert run(project, *COMMAND).returncode == 0
    assert ran(project) == {"prepare": 2, "train@small": 11}
    new = {*("tiny-a-low-3", "tiny-a-high-1", "tiny-a-high-2", "tiny-a-high-3", "tiny-b-low-3")}
    assert set(trees(project)) == new


def test_a_study_killed_twice_leaves_the_experiments_of_one_that_was_not(
    project: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    rewrite(project / "params.yaml", "seconds: 0.0", "seconds: 1.5")
    rewrite(project / "studies/tiny.yaml", "seeds: [1, 2]", "seeds: [1]")
    commit(project)
    whole = tmp_path_factory.mktemp("whole") / "project"
    shutil.copytree(project, whole, symlinks=True)
    environment = ENVIRONMENT | {"PYTHONPATH": str(ROOT)}
    for trainings in (1, 3):  # in the midst of the first point's training, then of the second's
        with subprocess.Popen(COMMAND, cwd=project, env=environment, stdout=subprocess.DEVNULL) as study:
            wait_until(lambda trainings=trainings: ran(project)["train@small"] >= trainings, seconds=600)
            study.send_signal(signal.SIGKILL)
        assert run(project, "git", "status", "--porcelain").stdout == ""
    assert "3 points, 1 done, 2 to run" in run(project, *COMMAND).stdout
    assert run(whole, *COMMAND).returncode == 0
    assert trees(project) == trees(whole)
    assert ran(project)["prepare"] == 2  # it was done, so it was kept
    assert ran(project)["train@small"] == 3 + 2


def test_a_failed_point_is_told_with_its_log_and_stops_no_other(project: Path) -> None:
    rewrite(project / "studies/tiny.yaml", "low: 0.25, high: 0.75", "high: 2.0, low: 0.25")
    done = run(project, *COMMAND, "--jobs", "2")
    assert done.returncode == 1
    assert "4 of 6 done, 0 running, 0 left, 2 failed" in done.stdout
    for name in ("tiny-a-high-1", "tiny-a-high-2"):
        log = done.stdout.partition(f"failed: {name}, see .potstill/study/{name}.log\n")[2].partition("\nfailed:")[0]
        assert "the loss is not finite" in log
    assert set(trees(project)) == {"tiny-a-low-1", "tiny-a-low-2", "tiny-b-low-1", "tiny-b-low-2"}


def test_over_the_budget_nothing_runs(project: Path) -> None:
    rewrite(project / "studies/tiny.yaml", "max_runs: 0", "max_runs: 5")
    done = run(project, *COMMAND)
    message = "studies/tiny.yaml: budget.max_runs: got 6 points to run, wanted 5 at most\n"
    assert (done.returncode, done.stderr, ran(project).total()) == (1, message, 0)
