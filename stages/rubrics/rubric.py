"""What replies of a task are graded by, as data/rubrics/<task>.yaml says it."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from ruamel.yaml import YAML, YAMLError

RUBRICS = Path("data/rubrics")
GRADES = (1, 2, 3, 4, 5)  # 5 is best
TAKEN = {"reasoning", "pair", "arm", "item", "source", "reply", "a", "b"}  # what stands beside the lines of a verdict


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def all_of_them(grades: dict[int, str]) -> dict[int, str]:
    if tuple(grades) != GRADES:
        raise ValueError(f"wanted a sentence for each of {', '.join(map(str, GRADES))}, in this order")
    return grades


Text = Annotated[str, Field(min_length=1)]


class Line(Section):
    asks: Text  # as a question about the reply
    grades: Annotated[dict[int, Text], AfterValidator(all_of_them)]  # what each means


class Rubric(Section):
    source: Text  # what is shown beside the reply, and what the reply is: "article", "summary"
    reply: Text
    ranks: Text  # the line that arms are ranked by
    better: Text  # what is asked about two replies
    lines: Annotated[dict[Text, Line], Field(min_length=1)]


def read_rubric(task: str) -> Rubric:
    """Raises SystemExit with the file and what is wrong with it."""
    path = RUBRICS / f"{task}.yaml"
    if not path.exists():
        raise SystemExit(f"{path}: got no such file, wanted the rubric that replies of the task {task} are graded by")
    try:
        document = YAML(typ="safe").load(path)  # pyright: ignore[reportUnknownMemberType]
        rubric = Rubric.model_validate(document)
    except ValidationError as error:
        lines = [f"{path}: {'.'.join(map(str, e['loc']))}: {e['msg']}, got {e['input']!r}" for e in error.errors()]
        raise SystemExit("\n".join(lines)) from None
    except YAMLError as error:
        reason = str(error).splitlines()[0]
        raise SystemExit(f"{path}: got no YAML ({reason}), wanted a rubric such as the others there") from None
    if taken := TAKEN & set(rubric.lines):
        raise SystemExit(f"{path}: lines: got {min(taken)}, wanted another name, for it has a meaning of its own")
    if rubric.ranks not in rubric.lines:
        raise SystemExit(f"{path}: ranks: got {rubric.ranks!r}, wanted one of the lines {', '.join(rubric.lines)}")
    return rubric
