"""What people think of replies: data/grades/<dataset>/<grader>.jsonl, a line for each click, which git can merge.

A later line about the same thing replaces an earlier one, and a `grade` of null takes it back. People do not grade all
prompts: `weights` makes those that they graded stand for all.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

GRADES = Path("data/grades")
Key = tuple[str, tuple[tuple[str, str], ...], str, bool]


class Grade(BaseModel):
    """`arms` are a model and a style, such as "8b plain", from left to right as shown: one is graded by a line of the
    rubric, two are compared."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str  # of the prompt
    arms: Annotated[tuple[str, ...], Field(min_length=1, max_length=2)]
    replies: tuple[str, ...]  # the digests of their texts
    line: str  # of the rubric; of two arms the one that it ranks arms by
    grade: Literal[1, 2, 3, 4, 5, "left", "right", "tie"] | None
    is_repeat: bool  # shown a second time, to see whether the grader agrees with himself; two arms in the other order
    stratum: str  # of the prompts that are drawn alike
    share: Annotated[float, Field(gt=0, le=1)]  # of all prompts that are in it
    seconds: Annotated[float, Field(ge=0)]  # from what was shown to the click

    @model_validator(mode="after")
    def has_a_grade_of_its_kind(self) -> "Grade":
        if len(self.replies) != len(self.arms):
            raise ValueError(f"wanted a digest for each of {len(self.arms)} arms")
        if self.grade is not None and isinstance(self.grade, str) != self.is_pair:
            raise ValueError("wanted a grade of 1 to 5 for one arm, and left, right or tie for two")
        return self

    @property
    def is_pair(self) -> bool:
        return len(self.arms) == 2

    @property
    def key(self) -> Key:
        """What it is about, in whichever order it was shown."""
        return self.id, tuple(sorted(zip(self.arms, self.replies, strict=True))), self.line, self.is_repeat

    def value(self, arm: str) -> float:
        """Of this arm: a grade of 1 to 5, or 1 where it is the better of two, 0 where the worse, 0.5 in a tie."""
        if isinstance(self.grade, int):
            return float(self.grade)
        better = {"left": 0, "right": 1}.get(self.grade or "")
        return 0.5 if better is None else float(self.arms.index(arm) == better)


def digest(text: str) -> str:
    """Of a reply: a grade says nothing of another text that the same arm gave later."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def read_graders(dataset: str) -> dict[str, list[Grade]]:
    """What stands, by grader."""
    return {path.stem: standing(read_clicks(path)) for path in sorted((GRADES / dataset).glob("*.jsonl"))}


def read_clicks(path: Path) -> list[Grade]:
    """Raises SystemExit where a line is none."""
    with path.open(encoding="utf-8") as lines:
        return [read_line(path, number, line) for number, line in enumerate(lines, start=1)]


def read_line(path: Path, number: int, line: str) -> Grade:
    try:
        return Grade.model_validate_json(line)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise SystemExit(
            f"{path}: line {number}: {where}{': ' * bool(where)}{first['msg']}, got {line.strip()[:200]}; mend the "
            f"line, or delete it"
        ) from None


def standing(clicks: Iterable[Grade]) -> list[Grade]:
    """Less those that were replaced or taken back, in the order of the clicks."""
    last: dict[Key, Grade] = {}
    for click in clicks:
        last.pop(click.key, None)
        if click.grade is not None:
            last[click.key] = click
    return list(last.values())


def of_these_replies(grades: Iterable[Grade], texts: Mapping[str, Mapping[str, str]]) -> list[Grade]:
    """Those about the replies that the arms give now; `texts` by arm and id."""
    return [
        grade
        for grade in grades
        if all(
            reply == digest(texts.get(arm, {}).get(grade.id, ""))
            for arm, reply in zip(grade.arms, grade.replies, strict=True)
        )
    ]


def weights(grades: Iterable[Grade]) -> dict[str, float]:
    """By prompt that was graded, 1 on average: the share of all prompts in its stratum over that of the graded ones.

    Within a stratum prompts are drawn at random, so a mean with these weights is unbiased however many were graded
    (the stratified estimator, Cochran 1977, chapter 5).
    """
    strata = {grade.id: (grade.stratum, grade.share) for grade in grades}
    counts = Counter(strata.values())
    total = sum(share for _, share in counts)
    return {id: share / total / (counts[stratum, share] / len(strata)) for id, (stratum, share) in strata.items()}
