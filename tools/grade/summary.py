"""What people's grades say so far, and how far graders agree with themselves, as sentences."""

from collections.abc import Iterator
from statistics import median

from stages.rows.grades import Grade, of_these_replies, read_graders
from tools.grade.progress import FEW, Result, control, results
from tools.grade.shown import Shown


def summarise(shown: Shown) -> Iterator[str]:
    by_grader = read_graders(shown.dataset)
    if not any(by_grader.values()):
        yield f"grade: no grades of {shown.dataset} yet: make grade"
    for grader, grades in by_grader.items():
        yield of_grader(grader, grades, shown)
    if by_grader:
        yield from (of_result(result, shown) for result in results(shown, by_grader))


def of_grader(grader: str, grades: list[Grade], shown: Shown) -> str:
    valid = of_these_replies(grades, shown.texts)
    parts = [f"{len(valid)} grades"]
    if len(valid) < len(grades):
        parts.append(f"{len(grades) - len(valid)} more of arms or replies that are not shown now")
    found = control(valid)
    if found.repeats:
        parts.append(f"{found.same} of the {found.repeats} that were shown twice graded alike")
    if found.left is not None:
        parts.append(f"the left of two better in {found.left:.0%}")
    if valid:
        parts.append(f"{median(grade.seconds for grade in valid):.1f} seconds each")
    return f"{grader}: {'; '.join(parts)}"


def of_result(result: Result, shown: Shown) -> str:
    """With the share of prompts on which the first of two is better, a tie being half, or with the mean grade."""
    name = f"{' against '.join(result.arms)}, {result.line}"
    if result.estimate is None:
        return f"{name}: too few to say; grade at least {FEW} prompts"
    found = result.estimate
    value, low, high = (
        (f"{bound:.1%}" for bound in found[:3]) if len(result.arms) == 2 else (f"{bound:.2f}" for bound in found[:3])
    )
    wanted = shown.settings.half_width * (1 if len(result.arms) == 2 else 4)
    more = f"{found.more} more prompts would make it ± {wanted:g}" if found.more else "as narrow as wanted"
    return f"{name}: {value} ({low} to {high}) by {found.prompts} of {len(shown.drawn)} prompts; {more}"
