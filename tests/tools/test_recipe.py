"""Recipes: every one fits params.yaml, and what it sets reaches `dvc exp run` whole."""

import importlib
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from dvc.utils.hydra import apply_overrides
from ruamel.yaml import YAML

from stages.evaluate import params as evaluate
from stages.filter import params as filter
from stages.generate import params as generate
from stages.logits import params as logits
from stages.merge import params as merge
from stages.predict import params as predict
from stages.prompts import params as prompts
from stages.score import params as score
from stages.score.params import COLUMNS
from stages.select import params as select
from stages.train import params as train
from tests.architecture.closure import ROOT
from tests.settings import copy_settings
from tests.smoke.conftest import ENVIRONMENT
from tools import recipe

RECIPES = sorted((ROOT / "recipes").glob("*.yaml"))
PIPELINE = """
stages:
  copy:
    cmd: cp params.yaml copied.yaml
    params: [merge]
    outs: [copied.yaml]
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copy(ROOT / "params.yaml", tmp_path)
    (tmp_path / "recipes").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def params(folder: Path) -> dict[str, Any]:
    return YAML(typ="safe").load(folder / "params.yaml")


@pytest.mark.parametrize("path", RECIPES, ids=[path.stem for path in RECIPES])
def test_every_recipe_sets_what_it_says_and_tells_its_paper(path: Path, folder: Path) -> None:
    assert "arXiv" in recipe.what_it_is(path)
    given = recipe.settings(path, params(folder))
    before = params(folder)
    apply_overrides("params.yaml", given[1::2])
    after = dict(recipe.leaves(params(folder)))
    for keys, value in recipe.leaves(YAML(typ="safe").load(path)):
        assert after[tuple(before["profile"] if key == "${profile}" else key for key in keys)] == value
    assert len(dict(recipe.leaves(before)).items() ^ after.items()) > 0


@pytest.mark.parametrize("path", RECIPES, ids=[path.stem for path in RECIPES])
def test_every_stage_takes_what_a_recipe_sets(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    document = YAML(typ="safe").load(ROOT / "params.yaml")
    copy_settings(tmp_path, *recipe.settings(path, document)[1::2])
    monkeypatch.chdir(tmp_path)
    for stage in (prompts, generate, filter, select, logits, merge, evaluate):
        stage.load()
    for student in document["students"]:
        train.load(student)
        predict.load(student)
    for column in COLUMNS.glob("[!_]*.py"):
        score.load(column.stem, importlib.import_module(f"stages.score.columns.{column.stem}").Settings)


def test_every_kind_of_value_comes_back(folder: Path) -> None:
    values = {
        "drop": 1e-05,
        "seed": 1,
        "base": "it's a@1, b: {c} = 'd' ",
        "onto": None,
        "weights": "true",
        "method": True,
    }
    YAML().dump({"merge": values}, folder / "recipes/x.yaml")
    apply_overrides("params.yaml", recipe.settings(folder / "recipes/x.yaml", params(folder))[1::2])
    assert {name: params(folder)["merge"][name] for name in values} == values


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("merge: {metod: dare}", "merge.metod"),
        ("merge: none", "merge"),
        (
            "profiles: {'${profile}': {student-9b: {train: {num_epochs: 1}}}}",
            "profiles.laptop.student-9b.train.num_epochs",
        ),
    ],
)
def test_an_unknown_key_is_named(text: str, key: str, folder: Path) -> None:
    path = Path("recipes/x.yaml")
    path.write_text(text)
    with pytest.raises(SystemExit, match=rf"^recipes/x.yaml: got the key {key}, wanted one of params.yaml$"):
        recipe.settings(path, params(folder))


def test_an_unknown_recipe_is_named_and_none_lists_them(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "recipes/one.yaml").write_text("# the first (arXiv 1)\nmerge: {seed: 1}\n")
    (folder / "recipes/two.yaml").write_text("# the second\nmerge: {seed: 2}\n")
    with pytest.raises(SystemExit, match="recipe three: got no recipes/three.yaml, wanted one of one, two"):
        recipe.main("three")
    recipe.main()
    assert capsys.readouterr().out.splitlines() == ["one          the first (arXiv 1)", "two          the second"]


def test_dvc_runs_an_experiment_with_the_values_whole(folder: Path) -> None:
    (folder / "dvc.yaml").write_text(PIPELINE)
    (folder / "recipes/x.yaml").write_text("# x\nmerge: {models: a@1 b@2, weights: 0.5 0.5, drop: 0.25}\n")

    def run(*command: str) -> str:
        done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run("git", "init", "-q")
    run("dvc", "init", "-q")
    run("git", "add", "-A")
    run("git", "-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "start")
    subprocess.run(
        ["python", "-m", "tools.recipe", "x", "-n", "tried", "-S", "merge.drop=0.75"],
        env=ENVIRONMENT | {"PYTHONPATH": str(ROOT)},
        check=True,
    )
    found = YAML(typ="safe").load(folder / "copied.yaml")["merge"]
    assert (found["models"], found["weights"], found["drop"]) == ("a@1 b@2", "0.5 0.5", 0.75)
    assert "tried" in run("dvc", "exp", "list")
