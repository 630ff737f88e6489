"""What judges and people say of the arms, how far a judge can be trusted, and where it all contradicts the measures."""

from collections.abc import Mapping
from typing import Any

from stages.evaluate.arms import Arm, pairs
from stages.evaluate.grade import Prediction
from stages.evaluate.judges import agreement_of_judges, both_orders, report_judges
from stages.evaluate.params import Params
from stages.evaluate.side_by_side import contradictions, table, values_of, wins_that_vanish
from stages.evaluate.trust import report_trust
from stages.evaluate.verdicts import of_judges, of_people
from stages.rows.grades import of_these_replies, read_graders, weights
from stages.rows.judged import ENTAILMENT, ENTAILMENT_COLUMNS, GRADE_COLUMNS, GRADES, PAIR_COLUMNS, PAIRS, read_judged
from stages.rows.prompt import Prompt
from stages.rubrics.rubric import read_rubric


def opinions(
    arms: list[Arm], predictions: Mapping[str, list[Prediction]], prompts: list[Prompt], params: Params
) -> dict[str, list[Any]]:
    """All of it lists, which `dvc metrics show` leaves out. Empty ones where nobody said anything."""
    entailed = read_judged(ENTAILMENT, ENTAILMENT_COLUMNS)
    grades, compared = read_judged(GRADES, GRADE_COLUMNS), both_orders(read_judged(PAIRS, PAIR_COLUMNS))
    texts = {
        f"{model} {style}": {row.id: row.text for row in rows if row.style == style}
        for model, rows in predictions.items()
        for style in {row.style for row in rows}
    }
    two_by_two = [(first.name, second.name) for first, second in pairs(arms, params.students)]
    graders = {name: of_these_replies(said, texts) for name, said in read_graders(params.dataset).items()}
    weigh = weights([grade for said in graders.values() for grade in said])
    by_judges, by_people = of_judges(grades, compared), of_people(graders, set(two_by_two))
    judges = report_judges(grades, compared, params.evaluate)
    report: dict[str, list[Any]] = {"judges": judges, "judges_agree": agreement_of_judges(by_judges, params.evaluate)}
    ranks = ""
    if judges or len(by_people):
        ranks = read_rubric(prompts[0].task).ranks
        report |= report_trust(by_judges, by_people, weigh, ranks, params.evaluate)
    values = values_of(arms, [prompt.id for prompt in prompts], entailed, by_judges, by_people, ranks)
    return report | {
        "measures": table(values, weigh),
        "contradictions": contradictions(values, weigh, two_by_two, params.evaluate),
        "vanishing_wins": wins_that_vanish(judges, compared),
    }
