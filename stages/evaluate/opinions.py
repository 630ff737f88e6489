"""What judges and people say of the arms, how far a judge can be trusted, and where it all contradicts the measures."""

from collections.abc import Mapping
from typing import Any

from stages.evaluate.arms import Arm, pairs
from stages.evaluate.grade import Prediction
from stages.evaluate.judges import agreement_of_judges, both_orders, report_judges
from stages.evaluate.params import Params
from stages.evaluate.side_by_side import contradictions, table, values_of, wins_that_vanish
from stages.evaluate.trust import Texts, report_trust, settled_by
from stages.evaluate.verdicts import of_judges, of_people
from stages.rows.grades import of_these_replies, read_graders, weights
from stages.rows.judged import GRADE_COLUMNS, GRADES, PAIR_COLUMNS, PAIRS, read_judged
from stages.rows.prompt import Prompt
from stages.rubrics.rubric import read_rubric
from stages.tasks.answers.table import TASKS


def opinions(
    arms: list[Arm], predictions: Mapping[str, list[Prediction]], prompts: list[Prompt], params: Params
) -> dict[str, list[Any]]:
    """All of it lists, which `dvc metrics show` leaves out. Empty ones where nobody said anything."""
    grades, compared = read_judged(GRADES, GRADE_COLUMNS), both_orders(read_judged(PAIRS, PAIR_COLUMNS))
    texts = texts_of(arms, predictions, prompts)
    two_by_two = [(first.name, second.name) for first, second in pairs(arms, params.students)]
    shown = {arm: {id: text or "" for id, text in said.items()} for arm, said in texts.items()}
    graders = {name: of_these_replies(said, shown) for name, said in read_graders(params.dataset).items()}
    weigh = weights([grade for said in graders.values() for grade in said])
    by_judges, by_people = of_judges(grades, compared), of_people(graders, set(two_by_two))
    judges = report_judges(grades, compared, params.evaluate)
    report: dict[str, list[Any]] = {"judges": judges, "judges_agree": agreement_of_judges(by_judges, params.evaluate)}
    ranks = ""
    if judges or len(by_people):
        ranks = read_rubric(prompts[0].task).ranks
        settled = settled_by(texts, two_by_two)
        report |= report_trust(by_judges, by_people, weigh, settled, ranks, params.evaluate)
    values = values_of(arms, [prompt.id for prompt in prompts], by_judges, by_people, ranks)
    return report | {
        "measures": table(values, weigh),
        "contradictions": contradictions(values, weigh, two_by_two, params.evaluate),
        "vanishing_wins": wins_that_vanish(judges, compared),
    }


def texts_of(arms: list[Arm], predictions: Mapping[str, list[Prediction]], prompts: list[Prompt]) -> Texts:
    """Each reply as its reader sees it: whole where it is right or wrong, else the answer alone."""
    found: Texts = {}
    for arm in arms:
        whole = {row.id: row.text.strip() for row in predictions[arm.model] if row.style == arm.style}
        found[arm.name] = {
            prompt.id: whole[prompt.id] if answer is not None and TASKS[prompt.task].is_right else answer
            for prompt, answer in zip(prompts, arm.graded.answers, strict=True)
        }
    return found
