"""A study's file: the points that it spans, and what it may not say."""

import re
from collections import Counter
from pathlib import Path

import pytest
from dvc.repo.experiments.refs import ExpRefInfo
from dvc.repo.experiments.utils import check_ref_format
from dvc.scm import SCM

from tests.architecture.closure import ROOT
from tools.study.stages import plan
from tools.study.study import points, read_study


def rewrite(old: str, new: str) -> None:
    path = Path("studies/tiny.yaml")
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def test_the_grid_is_crossed_and_what_is_left_out_is_no_point(project: Path) -> None:
    study = read_study("tiny")
    assert [point.name for point in points(study)] == [
        *("tiny-a-low-1", "tiny-a-low-2", "tiny-a-high-1", "tiny-a-high-2"),
        *("tiny-b-low-1", "tiny-b-low-2"),
    ]
    assert points(study)[2].settings == {
        "profiles.laptop.small.width": 16,
        "dataset": "one",
        "train.rate": 0.75,
        "train.seed": 1,
    }
    assert study.arms["high"].factors == {"train.rate": "high"}


def test_an_arm_is_a_recipe_or_parameters_and_goes_before_what_is_common(project: Path) -> None:
    Path("recipes").mkdir()
    Path("recipes/wide.yaml").write_text("# wide\nprofiles: {'${profile}': {small: {width: 32}}}\n")
    rewrite("arms: {}", "arms: {wide: wide, fast: {train.rate: 1.0, first.value: 2}}")
    rewrite("common: {", "common: {profile: large, ")
    study = read_study("tiny")
    by_name = {point.name: point.settings for point in points(study)}
    assert by_name["tiny-b-wide-2"] == {
        "profile": "large",
        "profiles.large.small.width": 32,
        "dataset": "two",
        "train.seed": 2,
    }
    assert by_name["tiny-a-fast-1"]["first.value"] == 2
    assert study.arms["fast"].factors == {"train.rate": "1.0", "first.value": "2"}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("about: a test", "abuot: a test", "studies/tiny.yaml: abuot: Extra inputs are not permitted, got 'a test'"),
        ("budget: {max_runs: 0, max_cost: 0.0}", "budget: {max_runs: 0}", "budget.max_cost: Field required"),
        ("train.rate: {low", "train.rats: {low", "got the parameter train.rats, wanted one of params.yaml"),
        ("{'profiles.${profile}.small.width': 16}", "{train: 1}", "got the parameter train, wanted one of params.yaml"),
        ("'profiles.${profile}.small.width': 16", "train.seed: 3", "got the parameter train.seed, wanted its values in `seeds`"),
        ("seeds: [1, 2]", "seeds: [1, 2, 1]", "seeds: got 1 more than once, wanted each once"),
        ("arms: {}", "arms: {low: {first.value: 2}}", "arms: got low more than once, wanted each once"),
        ("common: {", "common: {profile: huge, ", "got the profile huge, wanted one of laptop, large"),
        ("arms: {}", "arms: {other: no-such}", "arm other: got no recipes/no-such.yaml, wanted the name of a recipe"),
        ("compare: low", "compare: high", "got 'high', wanted an arm of every data set; b has low"),
        ("{dataset: b, train.rate: high}", "{dataset: b, train.rate: 0.75}", "which no point meets"),
        ("{low: 0.25, high: 0.75}", "['0 25']", "studies/tiny.yaml: grid.train.rate.0 25.[key]: String should match"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_what_was_wanted(old: str, new: str, message: str, project: Path) -> None:
    rewrite(old, new)
    with pytest.raises(SystemExit, match=re.escape(message)):
        read_study("tiny")


def test_an_unknown_study_is_named(project: Path) -> None:
    with pytest.raises(SystemExit, match="study huge: got no studies/huge.yaml, wanted one of tiny"):
        read_study("huge")


def test_the_papers_table_has_each_experiment_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    study = read_study("paper")
    found = points(study)
    arms = Counter(point.dataset for point in found if point.seed == 1)
    # by hand: of 3 styles, 2 targets and 2 labels, those that the file does not leave out
    assert arms == {"math": 5, "nli": 5, "qa": 5, "summarization": 3, "conversation": 2}
    assert len(found) == 3 * 20
    assert "paper-math-cot-reasoning-reference-2" in {point.name for point in found}
    assert len({plan(point).key for point in found}) == len(found)
    for point in found:
        check_ref_format(SCM(str(ROOT)), ExpRefInfo("0" * 40, point.name))
