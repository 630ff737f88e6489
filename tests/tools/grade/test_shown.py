"""What people are shown: in seeded order, blinded, some of it twice; and where a judge disagrees."""

import re
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from stages.rows.judged import GRADE_COLUMNS, GRADES, PAIR_COLUMNS, PAIRS, write_judged
from tests.architecture.closure import ROOT
from tests.tools.grade import world
from tools.grade.settings import PATH, Settings, load
from tools.grade.shown import REPEAT_AFTER, Shown, Step, read_judges, read_shown, to_steps


@pytest.fixture
def settings(shown: Shown, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.chdir(folder)
    return shown.settings


def steps_with(shown: Shown, **changes: object) -> list[Step]:
    return list(to_steps(shown.settings.model_copy(update=changes), shown.drawn, shown.rubric, shown.texts))


def test_pairs_are_all_shown_in_an_order_and_on_sides_that_the_seed_gives(shown: Shown) -> None:
    steps = [step for step in shown.steps if not step.is_repeat]
    assert [step.prompt for step in steps] == shown.drawn
    assert sorted(step.prompt.id for step in steps) == sorted(shown.prompts)
    assert 20 <= [step.arms[0] for step in steps].count("8b plain") <= 40
    assert steps_with(shown) == shown.steps != steps_with(shown, seed=2)


def test_a_share_is_shown_twice_later_and_the_other_way_round(shown: Shown) -> None:
    steps = steps_with(shown, control=0.2)
    first = {step.prompt.id: (place, step) for place, step in enumerate(steps) if not step.is_repeat}
    again = [(place, step) for place, step in enumerate(steps) if step.is_repeat]
    assert 6 <= len(again) <= 20
    for place, step in again:
        before, original = first[step.prompt.id]
        assert step.arms == original.arms[::-1]
        assert place - before > REPEAT_AFTER or place >= len(steps) - len(again)
        assert step.key != original.key


def test_replies_are_graded_by_every_line_those_of_a_prompt_after_one_another(shown: Shown) -> None:
    steps = steps_with(shown, show="replies", control=0.0)
    assert [step.line for step in steps[:10]] == list(shown.rubric.lines) * 2
    assert {step.prompt.id for step in steps[:10]} == {shown.drawn[0].id}
    assert {step.arms for step in steps[:10]} == {("8b plain",), ("base-8b plain",)}
    assert len(steps) == world.NUMBER * 2 * 5


def test_nothing_that_the_page_gets_tells_the_arm(shown: Shown) -> None:
    names = [step.name for step in shown.steps]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch("[0-9a-f]{16}-overall", name) for name in names)


def test_more_is_drawn_where_the_judge_contradicts_the_measure(settings: Settings) -> None:
    """The first arm has the denser summary but where the number is a multiple of 3. The judge agrees, but on t1 to
    t8."""
    row = {"judge": "judge", "status": "graded", "reasoning": "", "words_first": 9, "words_second": 4, "own": None}
    verdicts = [
        row | {"id": f"t{n}", "first": "8b plain", "second": "base-8b plain", "shown_first": True, "score": score}
        for n in range(world.NUMBER)
        for score in [float((n % 3 > 0) != (1 <= n <= 8))]
    ]
    try:
        write_judged(GRADES, [], GRADE_COLUMNS)
        write_judged(PAIRS, verdicts, PAIR_COLUMNS)
        shown = read_shown(settings.model_copy(update={"most": 0.1}))
        turned = read_judges(settings.model_copy(update={"arms": ("base-8b plain", "8b plain")}), shown.rubric)
    finally:
        GRADES.unlink()
        PAIRS.unlink()
    contradicted = {f"t{n}" for n in range(1, 9)}
    assert {one.id for one in shown.drawn if one.stratum == "disagreed"} == contradicted
    assert len(contradicted & {one.id for one in shown.drawn[:10]}) >= 5
    assert turned == {("base-8b plain", "8b plain"): {row["id"]: 1 - row["score"] for row in verdicts}}


def test_an_arm_that_was_not_asked_is_named(settings: Settings) -> None:
    with pytest.raises(SystemExit, match="arms: got '8b plan', wanted some of: teacher plain, base-8b plain"):
        read_shown(settings.model_copy(update={"arms": ("8b plan", "8b plain")}))


@pytest.mark.parametrize(
    ("people", "message"),
    [
        ({"arms": ["8b plain"]}, "arms: got 8b plain, wanted two or more, none twice"),
        ({"show": "pears"}, "people.yaml: show: Input should be 'pairs' or 'replies', got 'pears'"),
        ({"contrl": 0.1}, "people.yaml: contrl: Extra inputs are not permitted, got 0.1"),
        ({"half_width": 0}, "people.yaml: half_width: .*greater than 0, got 0"),
    ],
)
def test_wrong_settings_are_named(people: dict[str, object], message: str, tmp_path: Path) -> None:
    path = tmp_path / "people.yaml"
    YAML().dump(YAML(typ="safe").load(ROOT / PATH) | people, path)
    with pytest.raises(SystemExit, match=message):
        load(path)
