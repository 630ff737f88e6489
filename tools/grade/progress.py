"""How far a grader is, what all grades say so far, and how many more would be sure enough."""

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from stages.evaluate.trust import FEW
from stages.rows.grades import Grade, of_these_replies
from tools.grade.estimate import Estimate, estimate
from tools.grade.shown import Shown, Step

SCALES = {"pairs": (0.0, 1.0), "replies": (1.0, 5.0)}


class Result(NamedTuple):
    """Of one arm by a line of the rubric, or of the first of two arms against the second."""

    arms: tuple[str, ...]
    line: str
    estimate: Estimate | None  # None of fewer than FEW prompts


class Control(NamedTuple):
    """How far a grader agrees with himself, and with which side."""

    repeats: int
    same: int
    left: float | None  # of the pairs that were no tie, the share in which the left one was better


def next_step(shown: Shown, grades: Iterable[Grade]) -> Step | None:
    """The first that was not graded; None where all were."""
    done = {grade.key for grade in grades}
    return next((step for step in shown.steps if step.key not in done), None)


def results(shown: Shown, by_grader: dict[str, list[Grade]]) -> list[Result]:
    """What the graders say on average; what was shown a second time is for `control` alone."""
    said: dict[tuple[tuple[str, ...], str], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    groups = {tuple(sorted(group)): group for group in shown.settings.groups}
    for grade in (grade for grades in by_grader.values() for grade in of_these_replies(grades, shown.texts)):
        group = groups.get(tuple(sorted(grade.arms)))
        if group and not grade.is_repeat:
            said[group, grade.line][grade.id].append(grade.value(group[0]))
    lines = (shown.rubric.ranks,) if shown.settings.show == "pairs" else tuple(shown.rubric.lines)
    return [Result(group, line, of_values(shown, said[group, line])) for group in groups.values() for line in lines]


def of_values(shown: Shown, values: dict[str, list[float]]) -> Estimate | None:
    if len(values) < FEW:
        return None
    means = {id: sum(found) / len(found) for id, found in values.items()}
    settings = shown.settings
    return estimate(means, shown.drawn, SCALES[settings.show], shown.confidence, settings.half_width)


def needed(found: Iterable[Result]) -> int | None:
    """Prompts that make every interval as narrow as wanted; None where it is too early to say."""
    estimates = [result.estimate for result in found]
    return max(one.more for one in estimates if one) if all(estimates) else None


def control(grades: Iterable[Grade]) -> Control:
    """A pair is shown in the other order the second time, so whoever looks at the side alone never agrees."""
    by_key = {grade.key: grade for grade in grades}
    twice = [
        (by_key[*key[:3], False], grade) for key, grade in by_key.items() if key[3] and (*key[:3], False) in by_key
    ]
    same = sum(first.value(first.arms[0]) == again.value(first.arms[0]) for first, again in twice)
    sides = [grade.grade == "left" for grade in by_key.values() if grade.grade in ("left", "right")]
    return Control(len(twice), same, sum(sides) / len(sides) if sides else None)
