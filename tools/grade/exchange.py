"""What people are shown, and their grades, in the files of Label Studio and Argilla, and as a flat table.

The files hold neither arms nor graders' names: what comes back is known by its `item`.
"""

import hashlib
import json
import uuid
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree

import polars as pl

from stages.grade.wording import source
from stages.rows.grades import Grade
from stages.rubrics.rubric import Rubric
from tools.grade.shown import Shown, Step

BETTER = {"left": "A is better", "tie": "Neither", "right": "B is better"}
OURS = str(uuid.uuid5(uuid.NAMESPACE_URL, ""))  # the user of grades that were given here, to Argilla
Record = dict[str, Any]


class Task(NamedTuple):
    item: str  # of the steps
    texts: dict[str, str]  # the source, and the reply, or a and b
    grades: dict[str, str]  # by line of the rubric, in words of `labels`
    seconds: float = 0.0
    by: str = ""  # who graded it, as the other tool calls him


class Format(NamedTuple):
    to_record: Callable[[Task], Record]
    from_record: Callable[[Record, list[str]], Iterator[Task]]  # of what is exported, and the lines of the rubric
    settings: Callable[[Shown], tuple[str, str]] | None  # the text of what the tool is set up by, and its suffix


def export(shown: Shown, grades: Iterable[Grade], name: str, path: Path, number: int | None) -> int:
    """Write the first tasks, with the grades that there are; how many they are."""
    check_suffix(name, path)
    tasks = to_tasks(shown, grades)[:number]
    write(path, [FORMATS[name].to_record(task) for task in tasks])
    if settings := FORMATS[name].settings:
        text, suffix = settings(shown)
        path.with_suffix(suffix).write_text(text)
    return len(tasks)


def check_suffix(name: str, path: Path) -> None:
    known = [".json", ".jsonl", *([".csv"] if name == "flat" else [])]
    if path.suffix not in known:
        raise SystemExit(f"grade: got {path}, wanted for {name} a file that ends in {' or '.join(known)}")


def to_tasks(shown: Shown, grades: Iterable[Grade]) -> list[Task]:
    by_key = {grade.key: grade for grade in grades}
    found: dict[str, Task] = {}
    for step in shown.steps:
        task = found.setdefault(step.item, Task(step.item, texts_of(step, shown), {}))
        if given := by_key.get(step.key):
            # shown in the other order when it was graded
            side = given.grade if given.arms == step.arms else {"left": "right", "right": "left"}.get(str(given.grade))
            task.grades[step.line] = str(side or given.grade)
            found[step.item] = task._replace(seconds=round(task.seconds + given.seconds, 1))
    return list(found.values())


def texts_of(step: Step, shown: Shown) -> dict[str, str]:
    names = ("a", "b") if len(step.arms) == 2 else ("reply",)
    replies = zip(names, (shown.views[arm][step.prompt.id] for arm in step.arms), strict=True)
    return {"source": source(shown.prompts[step.prompt.id]), **dict(replies)}


def bring(shown: Shown, name: str, path: Path, grader: str) -> dict[str, list[Grade]]:
    """The grades in the file by grader: as called here, and where the tool names them each by a digest of his name
    there, so that a later export of more people calls him the same."""
    check_suffix(name, path)
    lines = list(questions(shown))
    try:
        tasks = [task for record in read(path) for task in FORMATS[name].from_record(record, lines) if task.grades]
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise SystemExit(f"{path}: got a record that lacks or has wrong {error}, wanted those of {name}") from None
    if not tasks:
        raise SystemExit(f"{path}: got no grade by {', '.join(lines)}, wanted some in the format {name}")
    people = sorted({task.by for task in tasks})
    called = {by: f"{grader}-{hashlib.sha256(by.encode()).hexdigest()[:6]}" if by else grader for by in people}
    steps = {(step.item, step.line): step for step in shown.steps}
    found: dict[str, list[Grade]] = {called[by]: [] for by in people}
    for task in tasks:
        found[called[task.by]] += [to_grade(task, line, steps, path) for line in task.grades]
    return found


def to_grade(task: Task, line: str, steps: dict[tuple[str, str], Step], path: Path) -> Grade:
    step = steps.get((task.item, line))
    if step is None:
        raise SystemExit(
            f"{path}: got the item {task.item}, wanted one that is shown: its replies, arms or seed are others now"
        )
    given = task.grades[line]
    try:
        return step.graded(int(given) if given.isdecimal() else given, round(task.seconds / len(task.grades), 1))
    except ValueError:
        wanted = "left, tie or right" if len(step.arms) == 2 else "1 to 5"
        raise SystemExit(f"{path}: item {task.item}: {line}: got {given!r}, wanted {wanted}") from None


def read(path: Path) -> list[Record]:
    try:
        if path.suffix == ".csv":
            return pl.read_csv(path, infer_schema=False).to_dicts()
        text = path.read_text(encoding="utf-8")
        return [json.loads(line) for line in text.split("\n") if line] if path.suffix == ".jsonl" else json.loads(text)
    except (OSError, ValueError, pl.exceptions.PolarsError) as error:
        raise SystemExit(f"{path}: got {error}, wanted a file of the format that is named") from None


def write(path: Path, records: list[Record]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".csv":
        pl.DataFrame(records).write_csv(path)
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records), encoding="utf-8")
    else:
        path.write_text(json.dumps(records, ensure_ascii=False, indent=1), encoding="utf-8")


def to_flat(task: Task) -> Record:
    return {"item": task.item, **task.texts, **task.grades}


def from_flat(record: Record, lines: list[str]) -> Iterator[Task]:
    """Label Studio's CSV and its JSON_MIN too, which call the grader and the seconds so."""
    grades = {line: str(record[line]) for line in lines if record.get(line)}
    seconds, by = record.get("lead_time") or 0, record.get("annotator") or ""
    yield Task(record["item"], {}, grades, float(seconds), str(by))


def to_label_studio(task: Task) -> Record:
    """https://labelstud.io/guide/task_format"""
    result = [
        {"from_name": line, "to_name": "source", "type": "choices", "value": {"choices": [grade]}}
        for line, grade in task.grades.items()
    ]
    made = {"annotations": [{"result": result, "lead_time": task.seconds}]} if result else {}
    return {"data": {"item": task.item, **task.texts}, **made}


def from_label_studio(record: Record, lines: list[str]) -> Iterator[Task]:
    for made in record.get("annotations", []):
        by = made.get("completed_by", "")
        if not made.get("was_cancelled"):
            grades = {
                one["from_name"]: one["value"]["choices"][0] for one in made["result"] if one["from_name"] in lines
            }
            who = by["id"] if isinstance(by, dict) else by
            yield Task(record["data"]["item"], {}, grades, float(made.get("lead_time") or 0), str(who))


def label_studio_settings(shown: Shown) -> tuple[str, str]:
    """https://labelstud.io/tags"""
    view = ElementTree.Element("View")
    for name in texts_of(shown.steps[0], shown):
        ElementTree.SubElement(view, "Header", value=name.capitalize())
        ElementTree.SubElement(view, "Text", name=name, value=f"${name}")
    for line, (asked, labels) in questions(shown).items():
        ElementTree.SubElement(view, "Header", value=asked)
        choices = ElementTree.SubElement(
            view, "Choices", name=line, toName="source", choice="single", required="true", layout="vertical"
        )
        for grade, label in labels.items():
            ElementTree.SubElement(choices, "Choice", alias=grade, value=label)
    ElementTree.indent(view)
    return ElementTree.tostring(view, encoding="unicode") + "\n", ".xml"


def to_argilla(task: Task) -> Record:
    """What `rg.Record.from_dict` takes and `rg.Dataset.records.to_json` writes; a server takes its own users' ids."""
    responses = {line: [{"value": grade, "user_id": OURS}] for line, grade in task.grades.items()}
    return {"id": task.item, "fields": task.texts, "responses": responses}


def from_argilla(record: Record, lines: list[str]) -> Iterator[Task]:
    by_user: dict[str, dict[str, str]] = {}
    for line in lines:
        for response in (record.get("responses") or {}).get(line, []):
            by_user.setdefault(str(response["user_id"]), {})[line] = str(response["value"])
    for user, grades in by_user.items():
        yield Task(str(record["id"]), {}, grades, 0.0, "" if user == OURS else user)


def argilla_settings(shown: Shown) -> tuple[str, str]:
    """What `rg.Settings.from_json` reads."""
    fields = [
        {"name": name, "title": name.capitalize(), "settings": {"type": "text", "use_markdown": False}}
        for name in texts_of(shown.steps[0], shown)
    ]
    asked = [
        {
            "name": line,
            "title": question,
            "settings": {
                "type": "label_selection",
                "options": [{"value": grade, "text": label} for grade, label in labels.items()],
            },
        }
        for line, (question, labels) in questions(shown).items()
    ]
    return json.dumps({"fields": fields, "questions": asked}, indent=1) + "\n", ".settings.json"


def questions(shown: Shown) -> dict[str, tuple[str, dict[str, str]]]:
    """By line of the rubric, what is asked, and the grades in words."""
    rubric: Rubric = shown.rubric
    if shown.settings.show == "pairs":
        return {rubric.ranks: (rubric.better, BETTER)}
    return {
        name: (line.asks, {str(grade): f"{grade}: {means}" for grade, means in line.grades.items()})
        for name, line in rubric.lines.items()
    }


FORMATS = {
    "label-studio": Format(to_label_studio, from_label_studio, label_studio_settings),
    "argilla": Format(to_argilla, from_argilla, argilla_settings),
    "flat": Format(to_flat, from_flat, None),
}
