"""dvc.yaml says what each stage reads, and nothing it says switches the run cache off."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.architecture.closure import DEPS, ROOT, closure, unfolded, with_closure

PIPELINE = YAML(typ="safe").load(ROOT / "dvc.yaml")["stages"]
PARAMS = YAML(typ="safe").load(ROOT / "params.yaml")


@pytest.mark.parametrize("name", PIPELINE)
def test_code_deps_equal_the_import_closure(name: str) -> None:
    stage = PIPELINE[name]
    listed = {dep for dep in stage["deps"] if dep.startswith("stages/")}
    assert unfolded(listed) == closure(stage["cmd"].split()[3]), (
        "dvc.yaml must list what the stage executes, no more and no less: `make deps`"
    )


def test_make_deps_changes_code_alone_and_keeps_the_layout() -> None:
    text = (ROOT / "dvc.yaml").read_text()
    without = text.replace(", stages/rows/prompt.py", "").replace(", stages/similarity", "")
    assert without != text
    assert DEPS.sub(with_closure, without) == DEPS.sub(with_closure, text) == text


def test_dvc_yaml_is_short_enough_to_be_read() -> None:
    a_student = 15  # lines of one more
    assert len((ROOT / "dvc.yaml").read_text().splitlines()) < 250 + a_student * (len(PARAMS["students"]) - 2)


def test_no_file_is_in_every_closure() -> None:
    closures = [closure(stage["cmd"].split()[3]) for stage in PIPELINE.values()]
    assert set.intersection(*closures) == set()


@pytest.mark.parametrize("name", PIPELINE)
def test_every_stage_has_a_one_line_description(name: str) -> None:
    assert PIPELINE[name]["desc"].strip()
    assert "\n" not in PIPELINE[name]["desc"]


@pytest.mark.parametrize("name", PIPELINE)
def test_plain_outs_are_cached_and_what_git_keeps_is_a_metric_or_a_plot(name: str) -> None:
    stage = PIPELINE[name]
    assert all(isinstance(out, str) for out in stage.get("outs", [])), "an out with options switches the run cache off"
    for kind in ("metrics", "plots"):
        for entry in stage.get(kind, []):
            ((_, options),) = entry.items()
            assert options["cache"] is False


@pytest.mark.parametrize("name", PIPELINE)
def test_commands_hold_no_fact_of_the_machine(name: str) -> None:
    command = PIPELINE[name]["cmd"].replace("${item.student}", "8b").replace("${item.use}", "teacher")
    assert re.fullmatch(r"exec python -m stages\.\w+(\.columns\.\w+)?( (teacher|(base-)?[\w-]+))?", command), (
        "a stage's module and a model's name, nothing else"
    )


def bound_by_every_choice(section: str, choice: str) -> list[tuple[str, str]]:
    """(stage, path below the choice) for each param that dvc.yaml binds under `section.${choice}`."""
    found = []
    for name, stage in PIPELINE.items():
        for value in PARAMS["students"]:
            for param in stage["params"]:
                prefix = f"{section}.${{{choice}}}"
                if isinstance(param, str) and param.startswith(prefix):
                    found.append((name, param.removeprefix(prefix).lstrip(".").replace("${item.student}", value)))
    return found


def test_every_profile_has_every_bound_param() -> None:
    for option, values in PARAMS["profiles"].items():
        for stage, path in bound_by_every_choice("profiles", "profile"):
            found: Any = values
            for key in path.split(".") if path else []:
                assert key in found, f"profiles.{option}.{path}, which {stage} binds"
                found = found[key]


def test_every_data_set_has_every_bound_key() -> None:
    bound = {
        key
        for stage in PIPELINE.values()
        for param in stage["params"]
        if isinstance(param, dict)
        for key in param["data/sets/${dataset}/dataset.yaml"]
    }
    assert bound >= {"task", "recorded", "licence"}
    for path in (ROOT / "data/sets").glob("*/dataset.yaml"):
        assert bound <= set(YAML(typ="safe").load(path)), path


def test_the_lock_matches_params_and_code() -> None:
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["dvc", "repro", "--allow-missing", "--dry"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert [line for line in done.stdout.splitlines() if line.startswith("Running stage")] == [], (
        "run `dvc repro` and commit dvc.lock"
    )
