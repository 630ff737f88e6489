"""Grades go to other tools and come back the same; what does not belong is refused."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from stages.rows.grades import Grade
from tools.grade.exchange import bring, export
from tools.grade.shown import Shown, to_steps

FILES = [
    ("label-studio", "tasks.json"),
    ("label-studio", "tasks.jsonl"),
    ("argilla", "records.json"),
    ("argilla", "records.jsonl"),
    ("flat", "table.csv"),
    ("flat", "table.json"),
]


def graded(shown: Shown) -> list[Grade]:
    """The first 15 prompts."""
    choices = ["left", "tie", "right"] if shown.settings.show == "pairs" else [1, 2, 3, 4, 5]
    number = 15 * len({step.line for step in shown.steps})
    return [step.graded(choices[place % len(choices)], 2.0) for place, step in enumerate(shown.steps[:number])]


def one_by_one(shown: Shown) -> Shown:
    settings = shown.settings.model_copy(update={"show": "replies"})
    return shown._replace(settings=settings, steps=list(to_steps(settings, shown.drawn, shown.rubric, shown.texts)))


@pytest.mark.parametrize("kind", ["pairs", "replies"])
@pytest.mark.parametrize(("name", "file"), FILES)
def test_grades_come_back_as_they_went(name: str, file: str, kind: str, shown: Shown, tmp_path: Path) -> None:
    shown = shown if kind == "pairs" else one_by_one(shown)
    grades = graded(shown)
    assert export(shown, grades, name, tmp_path / file, 20) == 20
    text = (tmp_path / file).read_text()
    assert "8b plain" not in text
    assert "anna" not in text
    back = bring(shown, name, tmp_path / file, "anna")
    assert [grade.model_copy(update={"seconds": 2.0}) for grade in back["anna"]] == grades
    if name == "label-studio":
        assert {grade.seconds for grade in back["anna"]} == {2.0}


def test_a_pair_that_was_graded_in_the_other_order_goes_out_as_it_is_shown(shown: Shown, tmp_path: Path) -> None:
    step = shown.steps[0]
    turned = step._replace(arms=step.arms[::-1], replies=step.replies[::-1]).graded("left", 2.0)
    export(shown, [turned], "flat", tmp_path / "table.json", 1)
    (row,) = json.loads((tmp_path / "table.json").read_text())
    assert row["overall"] == "right"


def test_people_of_another_tool_keep_their_names_and_what_they_skipped_is_left_out(
    shown: Shown, tmp_path: Path
) -> None:
    """As Label Studio exports it: a user by id, or whole."""
    result = [{"from_name": "overall", "to_name": "source", "type": "choices", "value": {"choices": ["tie"]}}]
    made = [
        {"completed_by": {"id": 7, "email": "ann@example.org"}, "was_cancelled": False, "lead_time": 3.5},
        {"completed_by": 9, "was_cancelled": False, "lead_time": 1.0},
        {"completed_by": 11, "was_cancelled": True, "lead_time": 1.0},
    ]
    record = {"id": 1, "data": {"item": shown.steps[0].item}, "annotations": [one | {"result": result} for one in made]}
    path = tmp_path / "export.json"
    path.write_text(json.dumps([record]))
    back = bring(shown, "label-studio", path, "studio")
    # the first digits of the SHA-256 of their ids, whoever else is in the file
    names = {"studio-790269": 3.5, "studio-19581e": 1.0}
    assert back == {name: [shown.steps[0].graded("tie", seconds)] for name, seconds in names.items()}


def test_label_studio_is_set_up_by_the_rubric(shown: Shown, tmp_path: Path) -> None:
    """label_studio_sdk 2.1.2's LabelInterface takes both files; here that names and values agree."""
    export(one_by_one(shown), [], "label-studio", tmp_path / "tasks.json", 3)
    view = ElementTree.parse(tmp_path / "tasks.xml").getroot()
    assert [text.get("value") for text in view.iter("Text")] == ["$source", "$reply"]
    assert [one.get("name") for one in view.iter("Choices")] == list(shown.rubric.lines)
    best = next(choice for choice in view.iter("Choice") if choice.get("alias") == "5")
    assert best.get("value") == "5: It holds all that matters."
    tasks = json.loads((tmp_path / "tasks.json").read_text())
    assert {*tasks[0]} == {"data"}
    assert {*tasks[0]["data"]} == {"item", "source", "reply"}


def test_argilla_is_set_up_by_the_rubric(shown: Shown, tmp_path: Path) -> None:
    export(shown, [], "argilla", tmp_path / "records.json", 3)
    settings = json.loads((tmp_path / "records.settings.json").read_text())
    assert [field["name"] for field in settings["fields"]] == ["source", "a", "b"]
    (question,) = settings["questions"]
    assert [option["value"] for option in question["settings"]["options"]] == ["left", "tie", "right"]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"item": "0123456789abcdef", "overall": "tie"}, "got the item 0123456789abcdef, wanted one that is shown"),
        ({"overall": "tie"}, "got a record that lacks or has wrong 'item'"),
        ({"item": "0", "sound": "tie"}, "got no grade by overall, wanted some in the format flat"),
        ({"overall": "both"}, "overall: got 'both', wanted left, tie or right"),
    ],
)
def test_what_does_not_belong_is_named(row: dict[str, str], message: str, shown: Shown, tmp_path: Path) -> None:
    known = {"item": shown.steps[0].item} if row == {"overall": "both"} else {}
    path = tmp_path / "table.json"
    path.write_text(json.dumps([known | row]))
    with pytest.raises(SystemExit, match=message):
        bring(shown, "flat", path, "anna")
    path.write_text("[{")
    with pytest.raises(SystemExit, match="wanted a file of the format that is named"):
        bring(shown, "flat", path, "anna")


def test_a_table_holds_only_what_is_flat(shown: Shown, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"tasks.csv, wanted for argilla a file that ends in .json or .jsonl"):
        export(shown, [], "argilla", tmp_path / "tasks.csv", 3)
    with pytest.raises(SystemExit, match=r"wanted for flat a file that ends in .json or .jsonl or .csv"):
        bring(shown, "flat", tmp_path / "table.xlsx", "anna")
