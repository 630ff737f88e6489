"""The parameters of `evaluate`."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from stages.settings import params_yaml


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Evaluate(Section):
    entities: str  # of summaries: "rule", or the name of an installed spaCy model
    length_tolerance: Annotated[float, Field(ge=0)]  # a summary complies within this share of the words asked for
    max_forgetting: Annotated[
        float, Field(ge=0, le=1)
    ]  # of accuracy on the retention set; a larger drop is a regression
    min_kappa: Annotated[float, Field(ge=-1, le=1)]  # low end of the interval with people, for a judge to rank models
    confidence: Annotated[float, Field(gt=0, lt=1)]  # of every interval
    num_resamples: Annotated[int, Field(ge=1000)]  # of the bootstrap
    seed: int


class Prices(Section):
    """For a million tokens; None: not known."""

    prompt: float | None
    completion: float | None


class Params(Section):
    evaluate: Evaluate
    dataset: str
    split: Literal["validation", "test"]
    answer_format: str
    summary_words: int
    bare_number: bool  # math: the last sentence's one number counts where nothing marks the answer
    students: list[str]
    prices: dict[str, Prices]  # of the teacher and the bases
    training_cost: dict[
        str, Annotated[float, Field(ge=0)] | None
    ]  # by student, in the currency of the prices; None: not known


def load() -> Params:
    document = params_yaml.read()
    profile = document["profiles"][document["profile"]]
    students = document["students"]
    missing = [f"student-{name}" for name in students if f"student-{name}" not in profile]
    if missing:
        raise SystemExit(
            f"params.yaml: profiles.{document['profile']}: got no {missing[0]}, wanted a section for each of `students`"
        )
    priced = {
        "teacher": profile["teacher"],
        **{f"base-{name}": profile[f"student-{name}"]["base"] for name in students},
    }
    bound = {
        "evaluate": document["evaluate"],
        "dataset": document["dataset"],
        "split": document["predict"]["split"],
        "answer_format": profile["prompts"]["answer_format"],
        "summary_words": profile["prompts"]["summary_words"],
        "bare_number": document["read"]["bare_number"],
        "students": students,
        "training_cost": {name: profile[f"student-{name}"]["training_cost"] for name in students},
        "prices": {
            name: {"prompt": model["prompt_price"], "completion": model["completion_price"]}
            for name, model in priced.items()
        },
    }
    return params_yaml.validated(Params, bound, {})
