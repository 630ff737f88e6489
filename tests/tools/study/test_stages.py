"""What decides a stage: what points share, and what an edit makes anew."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.tools.study.conftest import commit
from tests.tools.study.made import forget
from tools.study import stages
from tools.study.study import points, read_study

Keys = dict[str, dict[str, str]]


def keys() -> Keys:
    """Of each point and stage, as the files are now."""
    forget()
    return {point.name: stages.plan(point).keys for point in points(read_study("tiny"))}


def append(path: str, text: str) -> None:
    with Path(path).open("a") as file:
        file.write(text)


def test_points_share_the_stages_that_their_parameters_do_not_reach(project: Path) -> None:
    found = keys()
    assert set(found["tiny-a-low-1"]) == {"prepare", "train@small"}
    of_a = [found[name]["prepare"] for name in found if "-a-" in name]
    assert len(set(of_a)) == 1
    assert found["tiny-b-low-1"]["prepare"] not in of_a
    assert len({point["train@small"] for point in found.values()}) == len(found)


@pytest.mark.parametrize(
    ("edit", "changed"),
    [
        (lambda: append("README.md", "words"), set()),
        (lambda: append("params.yaml", "  huge: {small: {width: 512}}\n"), set()),  # a profile that is not selected
        (lambda: append("studies/tiny.yaml", "# a comment\n"), set()),
        (lambda: append("data/two/rows.txt", "3"), {"tiny-b-low-1", "tiny-b-low-2"}),
        (lambda: append("data/two/large.txt", "in no commit"), {"tiny-b-low-1", "tiny-b-low-2"}),
        (lambda: append("data/two/cached.pyc", "passed over by DVC"), set()),
    ],
)
def test_an_edit_makes_the_points_anew_that_it_reaches(
    edit: Callable[[], None], changed: set[str], project: Path
) -> None:
    before = keys()
    edit()
    commit(project)
    after = keys()
    assert {name for name in before if before[name] != after[name]} == changed


def test_code_and_an_upstream_parameter_reach_every_stage_after_them(project: Path) -> None:
    before = keys()
    append("stage.py", "# a comment\n")
    commit(project)
    edited = keys()
    Path("params.yaml").write_text(Path("params.yaml").read_text().replace("value: 1", "value: 2"))
    after = keys()
    for name in before:
        for stage in ("prepare", "train@small"):
            assert len({found[name][stage] for found in (before, edited, after)}) == 3


def test_a_link_is_what_it_leads_to(project: Path) -> None:
    Path("data/three").symlink_to("two")
    study = Path("studies/tiny.yaml")
    study.write_text(study.read_text().replace("b: two", "b: three"))
    commit(project)
    before = keys()
    append("data/two/rows.txt", "3")
    commit(project)
    assert keys()["tiny-b-low-1"] != before["tiny-b-low-1"]
