"""params.yaml survives `dvc exp run -S`, can be addressed by it, and pins every model."""

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from dvc.utils.hydra import apply_overrides
from ruamel.yaml import YAML

from stages.evaluate import params as evaluate
from stages.filter import params as filter
from stages.generate import params as generate
from stages.grade import params as grade
from stages.models.local import digest
from stages.predict import params as predict
from stages.prompts import params as prompts
from stages.sampling.role import find, sections
from stages.score import params as score
from stages.score.columns import judge
from stages.select import params as select
from stages.train import params as train
from tests.architecture.closure import ROOT
from tests.settings import copy_settings, set_dataset

PARAMS = YAML(typ="safe").load(ROOT / "params.yaml")
DATASETS = sorted(path.parent.name for path in (ROOT / "data/sets").glob("*/dataset.yaml"))


def test_dvc_writes_it_back_unchanged(tmp_path: Path) -> None:
    copy = Path(shutil.copy(ROOT / "params.yaml", tmp_path))
    apply_overrides(str(copy), [f"generate.seed={PARAMS['generate']['seed']}"])
    assert copy.read_text() == (ROOT / "params.yaml").read_text()


def keys(node: Any) -> list[str]:
    return [key for name, value in node.items() for key in [name, *keys(value)]] if isinstance(node, dict) else []


def test_every_key_can_be_set_with_dash_s() -> None:
    assert [key for key in keys(PARAMS) if not re.fullmatch(r"[A-Za-z_][\w-]*", key)] == []


@pytest.mark.parametrize("where", sections(PARAMS["profiles"]["laptop"], PARAMS["students"]).values(), ids=str)
def test_laptop_revisions_are_the_digests_of_the_shipped_models(where: tuple[str, ...]) -> None:
    model = find(PARAMS["profiles"]["laptop"], where)
    assert digest(ROOT / model["model"]) == model["revision"]


@pytest.mark.parametrize("profile", PARAMS["profiles"])
@pytest.mark.parametrize("dataset", DATASETS)
def test_every_profile_and_data_set_loads_in_every_stage(
    profile: str, dataset: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy_settings(tmp_path, f"profile={profile}", f"dataset={dataset}")
    monkeypatch.chdir(tmp_path)
    assert prompts.load().name == dataset
    assert generate.load().profile.asked["teacher"].model == PARAMS["profiles"][profile]["teacher"]["model"]
    assert score.load("judge", judge.Settings).by == "none"
    assert select.load().select.budget.rows == 0
    assert filter.load().answer_format == PARAMS["profiles"][profile]["prompts"]["answer_format"]
    assert train.load("70b").base.model == PARAMS["profiles"][profile]["student-70b"]["base"]["model"]
    assert predict.load("8b").model.model == PARAMS["profiles"][profile]["student-8b"]["base"]["model"]
    assert grade.load().judges == {}
    assert evaluate.load().split == "test"


@pytest.mark.parametrize(
    ("override", "load", "message"),
    [
        (
            "+generate.temprature=1",
            generate.load,
            r"params.yaml: generate.temprature: Extra inputs are not permitted, got 1",
        ),
        ("generate.num_samples=two", generate.load, r"params.yaml: generate.num_samples: .*integer.*, got 'two'"),
        (
            "profiles.laptop.teacher.engine=vlm",
            generate.load,
            r"params.yaml: profiles.laptop.teacher.engine: .*'transformers'.*, got 'vlm'",
        ),
        (
            "dataset=gsm9k",
            prompts.load,
            r"params.yaml: dataset: got 'gsm9k' and no data/sets/gsm9k/dataset.yaml, wanted a data set with one",
        ),
        ("filter.verify=maybe", filter.load, r"params.yaml: filter.verify: .*'reference' or 'none', got 'maybe'"),
        ("train.seed=x", lambda: train.load("8b"), r"params.yaml: train.seed: .*, got 'x'"),
        (
            "profiles.laptop.student-8b.train.learning_rate=-1",
            lambda: train.load("8b"),
            r"params.yaml: profiles.laptop.student-8b.train.learning_rate: .*greater than 0, got -1",
        ),
        (
            "~profiles.laptop.student-70b",
            lambda: train.load("70b"),
            r"params.yaml: profiles.laptop: got no student-70b, wanted a section for each of `students`",
        ),
        (
            "~profiles.laptop.student-70b",
            evaluate.load,
            r"params.yaml: profiles.laptop: got no student-70b, wanted a section for each of `students`",
        ),
        ("predict.split=train", lambda: predict.load("teacher"), r"params.yaml: predict.split: .*, got 'train'"),
        ("evaluate.confidence=95", evaluate.load, r"params.yaml: evaluate.confidence: .*less than 1, got 95"),
    ],
)
def test_a_wrong_value_is_named_with_its_place(
    override: str, load: Any, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy_settings(tmp_path, override)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match=message):
        load()


STAGES = (
    "dataset, evaluate, filter, generate, grade, logits, merge, objectives, predict, profile, profiles, prompts, read, "
)
OF_PROFILE = "max_tokens, prompts, roles, student-70b, student-8b, teacher"


@pytest.mark.parametrize(
    ("override", "place", "known"),
    [
        ("+generat.seed=1", "generat", STAGES),
        ("+profiles.laptop.studnt-8b.train=1", "profiles.laptop.studnt-8b", OF_PROFILE),
        ("+profiles.llama.max_token=1", "profiles.llama.max_token", OF_PROFILE),
    ],
)
@pytest.mark.parametrize(
    "load",
    [
        prompts.load,
        generate.load,
        filter.load,
        lambda: score.load("judge", judge.Settings),
        lambda: train.load("8b"),
        lambda: predict.load("8b"),
        grade.load,
        evaluate.load,
    ],
    ids=["prompts", "generate", "filter", "score", "train", "predict", "grade", "evaluate"],
)
def test_a_key_that_nothing_reads_is_named_by_every_stage_that_reads_a_profile(
    override: str, place: str, known: str, load: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy_settings(tmp_path, override)
    monkeypatch.chdir(tmp_path)
    message = f"params.yaml: {place}: got a key that no stage of dvc.yaml reads, wanted one of {known}"
    with pytest.raises(SystemExit, match=message):
        load()


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("columns.question=5", r"data/sets/laptop-math/dataset.yaml: columns.question.str: .*string.*, got 5"),
        ("~licence", r"data/sets/laptop-math/dataset.yaml: licence: got no such key, wanted one"),
        ("+license=MIT", r"data/sets/laptop-math/dataset.yaml: license: Extra inputs are not permitted, got 'MIT'"),
    ],
)
def test_a_wrong_value_of_a_data_set_is_named_with_its_place(
    override: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy_settings(tmp_path)
    set_dataset(tmp_path, "laptop-math", override)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match=message):
        prompts.load()


def test_the_data_set_to_copy_is_a_good_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With its commented parts too."""
    text = (ROOT / "data/sets/example.yaml").read_text()
    whole = re.sub(r"^# (hub:|recorded:|  .*)$", r"\1", re.sub(r"^(hub|recorded):\n", "", text, flags=re.M), flags=re.M)
    for number, example in enumerate((text, whole)):
        copy_settings(tmp_path, "dataset=mine")
        (tmp_path / "data/sets/mine").mkdir(parents=True, exist_ok=True)
        (tmp_path / "data/sets/mine/dataset.yaml").write_text(example)
        monkeypatch.chdir(tmp_path)
        dataset = prompts.load().dataset
        assert (dataset.hub is None, dataset.recorded is None) == (number == 0, number == 0)


def test_params_yaml_is_short_enough_to_be_read() -> None:
    a_student = 22 * len(PARAMS["profiles"])  # lines of one more, in every profile
    num_more = len(PARAMS["students"]) - 2
    assert len((ROOT / "params.yaml").read_text().splitlines()) < 250 + a_student * num_more
