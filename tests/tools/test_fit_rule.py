"""A rule fitted on made-up runs whose loss follows a known law."""

import json
import re
import subprocess
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tools import fit_rule

# loss = 2 - 0.5 reward + 0.01 tokens, and the knn of the rows says nothing
MEANS = [(1.0, 10.0, 0.3), (2.0, 20.0, 0.1), (3.0, 15.0, 0.2), (0.5, 40.0, 0.9), (1.5, 30.0, 0.4), (2.5, 12.0, 0.8)]


def write(folder: Path, reward: float, tokens: float, knn: float) -> Path:
    (folder / "metrics").mkdir(parents=True)
    means = {"reward": reward, "tokens": tokens, "knn": knn}
    loss = 2 - 0.5 * reward + 0.01 * tokens
    (folder / "metrics/select.json").write_text(json.dumps({"select": {"means": means}}))
    (folder / "metrics/train-8b.json").write_text(json.dumps({"train-8b": {"validation_loss": loss}}))
    return folder


@pytest.fixture
def runs(tmp_path: Path) -> list[str]:
    return [str(write(tmp_path / f"run{number}", *means)) for number, means in enumerate(MEANS)]


def test_the_law_is_found_and_said_in_sql(runs: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    fit_rule.main(["reward", "tokens", "--runs", *runs])
    law, rule = capsys.readouterr().out.splitlines()
    assert law == "loss = 2 - 0.5 * reward + 0.01 * tokens, R² = 1.000 over 6 runs"
    assert rule == "select.budget.order: 0.5 * reward - 0.01 * tokens"
    order = pl.DataFrame({"reward": [1.0, 4.0], "tokens": [10, 200]}).select(pl.sql_expr(rule.split(": ")[1]))
    assert order.to_series().to_list() == pytest.approx([0.4, 0.0])


def test_without_names_all_numbers_are_fitted(runs: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    fit_rule.main(["--runs", *runs])
    found = re.fullmatch(
        r"loss = 2 ([+-]) (\S+) \* knn - 0.5 \* reward \+ 0.01 \* tokens, .*", capsys.readouterr().out.splitlines()[0]
    )
    assert found is not None
    assert float(found[2]) < 1e-10


def test_r_squared_is_the_share_of_the_spread_that_the_line_explains() -> None:
    constant, slopes, r_squared = fit_rule.fit(np.array([[0.0], [1.0], [2.0]]), np.array([0.0, 0.0, 3.0]), ["x"])
    assert (constant, slopes[0]) == pytest.approx((-0.5, 1.5))
    assert r_squared == pytest.approx(0.75), "left are 0.5, -1, 0.5: 1.5 of a spread of 1 + 1 + 4"


def test_experiments_are_found_in_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def git(*arguments: str) -> str:
        command = ["git", "-c", "user.name=t", "-c", "user.email=t@t", *arguments]
        return subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True).stdout.strip()

    git("init", "-q")
    monkeypatch.chdir(tmp_path)
    git("commit", "-q", "--allow-empty", "-m", "start")
    git("update-ref", f"refs/exps/ab/{'0' * 38}/untrained", "HEAD")
    write(tmp_path / "run", 1.0, 10.0, 0.3)
    (tmp_path / "run/metrics").rename(tmp_path / "metrics")
    git("add", "-A")
    git("commit", "-qm", "tried")
    git("update-ref", f"refs/exps/ab/{'0' * 38}/tried", "HEAD")
    git("update-ref", f"refs/exps/ab/{'0' * 38}/tried-no-further", "HEAD")
    git("update-ref", "refs/exps/exec/EXEC_HEAD", "HEAD")
    assert fit_rule.experiments("8b") == [
        fit_rule.Run(f"refs/exps/ab/{'0' * 38}/tried", {"reward": 1.0, "tokens": 10.0, "knn": 0.3}, 1.6)
    ]


@pytest.mark.parametrize(
    ("arguments", "num_runs", "message"),
    [
        (["reward", "judge"], 6, r"got judge, wanted numbers that all 6 runs have: "),
        (["reward", "tokens"], 3, r"got 3 runs and 2 numbers, wanted at least 4 runs"),
        (
            ["reward", "reward"],
            6,
            r"got reward, reward, of which one is the same in all runs or follows from the others",
        ),
    ],
)
def test_what_cannot_be_fitted_is_one_clear_error(
    arguments: list[str], num_runs: int, message: str, runs: list[str]
) -> None:
    with pytest.raises(SystemExit, match=message):
        fit_rule.main([*arguments, "--runs", *runs[:num_runs]])


def test_a_folder_without_metrics_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        SystemExit, match=r"metrics/select.json: got no such file, wanted the metrics of a finished run"
    ):
        fit_rule.main(["--runs", str(tmp_path)])
