"""What people are shown, in which order and on which side. Nothing of it tells whose reply it is."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import polars as pl

from stages.evaluate.arms import arms_of
from stages.evaluate.grade import Prediction, read_predictions
from stages.evaluate.params import Params, load
from stages.rows.grades import Grade, Key, digest
from stages.rows.judged import GRADE_COLUMNS, PAIR_COLUMNS, read_judged
from stages.rows.judged import GRADES as JUDGED_GRADES
from stages.rows.judged import PAIRS as JUDGED_PAIRS
from stages.rows.prompt import Prompt, read_prompts
from stages.rubrics.rubric import Rubric, read_rubric
from stages.statistics.rows import position
from stages.tasks.answers.table import TASKS
from tools.grade.draw import Drawn, Signals, disagreement, draw
from tools.grade.settings import PATH, Settings

REPEAT_AFTER = 10  # others in between, so that hardly anyone remembers
Texts = Mapping[str, Mapping[str, str]]  # of replies, by arm and id of the prompt


class Step(NamedTuple):
    """What one click is about."""

    prompt: Drawn
    arms: tuple[str, ...]  # from left to right
    replies: tuple[str, ...]  # the digests of their texts
    line: str  # of the rubric
    is_repeat: bool

    @property
    def item(self) -> str:
        """What is shown, for the page and for other tools: it tells neither the arms nor whether it is a repeat."""
        about = (self.prompt.id, self.arms, self.replies, self.is_repeat)
        return hashlib.sha256(repr(about).encode()).hexdigest()[:16]

    @property
    def name(self) -> str:
        return f"{self.item}-{self.line}"

    @property
    def key(self) -> Key:
        return self.graded(None, 0.0).key

    def graded(self, grade: int | str | None, seconds: float) -> Grade:
        return Grade.model_validate(
            {
                "id": self.prompt.id,
                "arms": self.arms,
                "replies": self.replies,
                "line": self.line,
                "grade": grade,
                "is_repeat": self.is_repeat,
                "stratum": self.prompt.stratum,
                "share": self.prompt.share,
                "seconds": seconds,
            }
        )


class Shown(NamedTuple):
    dataset: str
    settings: Settings
    confidence: float  # of every interval
    rubric: Rubric
    prompts: dict[str, Prompt]
    texts: Texts  # as they were given
    views: Texts  # as a reader sees them
    drawn: list[Drawn]
    steps: list[Step]


def read_shown(settings: Settings) -> Shown:
    params = load()
    prompts = read_prompts(Path(f"data/prompts/{params.split}.jsonl"))
    if not prompts:
        raise SystemExit(f"grade: data/prompts/{params.split}.jsonl: got no questions, wanted some to grade replies to")
    rubric = read_rubric(prompts[0].task)
    predictions = read_predicted(settings, params)
    texts = {arm: {one.id: one.text for one in found} for arm, found in predictions.items()}
    views: dict[str, dict[str, str]] = {}
    measured: dict[str, dict[str, float]] = {}
    for name, found in predictions.items():
        (arm,) = arms_of(name.split()[0], found, prompts, params)
        views[name] = {
            prompt.id: view(texts[name][prompt.id], answer, prompt)
            for prompt, answer in zip(prompts, arm.graded.answers, strict=True)
        }
        measured[name] = dict(zip(views[name], arm.measured.values, strict=True))
    signals = {group: apart(*(measured[arm] for arm in group)) for group in settings.groups}
    drawn = draw(
        disagreement(signals, read_judges(settings, rubric)), settings.most, settings.disagreement, settings.seed
    )
    steps = list(to_steps(settings, drawn, rubric, texts))
    by_id = {prompt.id: prompt for prompt in prompts}
    return Shown(params.dataset, settings, params.evaluate.confidence, rubric, by_id, texts, views, drawn, steps)


def read_predicted(settings: Settings, params: Params) -> dict[str, list[Prediction]]:
    """What each arm replied to the questions of the split."""
    found: dict[str, list[Prediction]] = {}
    for model in ("teacher", *(f"base-{student}" for student in params.students), *params.students):
        for one in read_predictions(Path(f"data/predictions/{model}.parquet")):
            if one.split == params.split:
                found.setdefault(f"{model} {one.style}", []).append(one)
    unknown = [arm for arm in settings.arms if arm not in found]
    if unknown:
        raise SystemExit(f"{PATH}: arms: got {unknown[0]!r}, wanted some of: {', '.join(found)}")
    return {arm: found[arm] for arm in settings.arms}


def view(text: str, answer: str | None, prompt: Prompt) -> str:
    """As judges see it: of a chain of summaries the last alone. Where none can be read people see the whole."""
    return text.strip() if answer is None or TASKS[prompt.task].is_right else answer


def apart(first: Mapping[str, float], second: Mapping[str, float] | None = None) -> Mapping[str, float]:
    return first if second is None else {id: first[id] - second[id] for id in first if id in second}


def read_judges(settings: Settings, rubric: Rubric) -> Signals | None:
    """None where no judge was asked about all that is shown."""
    if not JUDGED_GRADES.exists():
        return None
    graded = read_judged(JUDGED_GRADES, GRADE_COLUMNS).filter(pl.col("line") == rubric.ranks)
    compared = read_judged(JUDGED_PAIRS, PAIR_COLUMNS)
    turned = compared.with_columns(first=pl.col("second"), second=pl.col("first"), score=1 - pl.col("score"))
    compared = pl.concat([compared, turned])
    values = {arm: means(graded.filter(pl.col("arm") == arm), "grade") for arm in settings.arms}
    found = {
        group: means(compared.filter(pl.col("first") == group[0], pl.col("second") == group[-1]), "score")
        or apart(*(values[arm] for arm in group))
        for group in settings.groups
    }
    return found if all(found.values()) else None


def means(rows: pl.DataFrame, column: str) -> dict[str, float]:
    """By prompt, over judges and orders."""
    return dict(rows.drop_nulls(column).group_by("id").agg(pl.col(column).mean()).iter_rows())


def to_steps(settings: Settings, drawn: Sequence[Drawn], rubric: Rubric, texts: Texts) -> Iterator[Step]:
    """All that can be asked, prompt by prompt; what is shown a second time comes some others later."""
    lines = (rubric.ranks,) if settings.show == "pairs" else tuple(rubric.lines)
    waiting: list[tuple[int, tuple[Drawn, tuple[str, ...]]]] = []
    number = 0
    for prompt in drawn:
        for group in sorted(settings.groups, key=lambda group: chance(settings, prompt, "turn", *group)):
            arms = group[::-1] if chance(settings, prompt, "side", *group) < 0.5 else group
            yield from steps_of(prompt, arms, lines, texts, is_repeat=False)
            if chance(settings, prompt, "control", *group) < settings.control:
                waiting.append((number + REPEAT_AFTER, (prompt, arms[::-1])))
            number += 1
            while waiting and waiting[0][0] < number:
                yield from steps_of(*waiting.pop(0)[1], lines, texts, is_repeat=True)
    for _, again in waiting:
        yield from steps_of(*again, lines, texts, is_repeat=True)


def steps_of(
    prompt: Drawn, arms: tuple[str, ...], lines: Sequence[str], texts: Texts, *, is_repeat: bool
) -> Iterator[Step]:
    replies = tuple(digest(texts[arm][prompt.id]) for arm in arms)
    return (Step(prompt, arms, replies, line, is_repeat) for line in lines)


def chance(settings: Settings, prompt: Drawn, *what: str) -> float:
    """A number in [0, 1) that the seed gives this."""
    return position(" ".join((str(settings.seed), prompt.id, *what)))
