"""The parameters of a student's `train-*`."""

from typing import Annotated, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializeAsAny,
    create_model,
    model_validator,
)

from stages.sampling.dated import Prompts, section
from stages.settings import params_yaml
from stages.train.objective import Constants
from stages.train.objectives.table import OBJECTIVES


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Train(Section):
    objective: Literal[*OBJECTIVES]  # pyright: ignore[reportInvalidTypeForm] - the names of a table
    normalisation: Literal["token", "sequence"]  # what counts alike in the mean of a step
    seed: int
    overlong: Literal["error", "truncate"]  # rows of more than max_length tokens
    warmup_share: Annotated[float, Field(ge=0, le=1)]  # of the steps
    weight_decay: Annotated[float, Field(ge=0)]
    max_grad_norm: Annotated[float, Field(gt=0)]
    log_every_steps: Annotated[int, Field(gt=0)]
    evals_per_epoch: Annotated[int, Field(gt=0)]  # of the validation loss
    keep: Literal["best", "last"]  # which weights: of the lowest validation loss, or of the last step
    patience: Annotated[
        int, Field(ge=0)
    ]  # evaluations without a lower validation loss before training ends; 0 is no end
    max_loss_jump: Annotated[float, Field(gt=0)]  # nats a token over the median of the last steps; more stops the run


class Lora(Section):
    rank: Annotated[int, Field(gt=0)]
    alpha: Annotated[int, Field(gt=0)]
    dropout: Annotated[float, Field(ge=0, lt=1)]
    targets: Annotated[
        list[str], BeforeValidator(lambda names: str(names).split())
    ]  # the linear layers, spaces between their names
    init: Literal["zeros", "corda-ipm", "corda-kpm"]  # zeros change nothing; the others are CorDA (arXiv 2406.05223)
    dora: bool  # direction and magnitude apart (arXiv 2402.09353)
    quantization: Literal["none", "nf4"]  # of the frozen weights; nf4 is QLoRA (arXiv 2305.14314)

    @model_validator(mode="after")
    def corda_goes_with_the_rest(self) -> Self:
        odd = {"dora": self.dora, "quantization nf4": self.quantization == "nf4", "lm_head": "lm_head" in self.targets}
        if self.init != "zeros" and any(odd.values()):
            named = ", ".join(name for name, is_set in odd.items() if is_set)
            raise ValueError(f"init {self.init} parts the weights, which does not go with {named}")
        return self


class Training(Section):
    """Of one student: `train` in its section of the profile."""

    num_epochs: Annotated[float, Field(gt=0)]
    method: Literal["full", "lora"]
    learning_rate: Annotated[float, Field(gt=0)]
    schedule: Literal["linear", "cosine", "constant"]
    batch_size: Annotated[int, Field(gt=0)]  # rows a step, over all devices
    max_length: Annotated[int, Field(gt=0)]  # tokens of prompt and completion together
    packing: bool  # several examples fill one row of max_length tokens, and none sees another
    precision: Literal["float32", "bfloat16"]
    lora: Lora


class Base(Section):
    model: str
    revision: str
    engine: str  # of a student's base: its own too, when it is asked


class Params(Section):
    train: Train
    constants: SerializeAsAny[Constants]  # of the objective that `train` names
    profile: Training
    base: Base
    prompts: Prompts
    teacher: Base | None  # None where the objective loads none


def load(student: str, profile_name: str | None = None) -> Params:
    """The parameters of one student under the selected profile, or under the one named."""
    document = params_yaml.read()
    name, part = profile_name or document["profile"], f"student-{student}"
    if student not in document["students"]:
        raise SystemExit(
            f"train-{student}: got a student that is not in `students` of params.yaml, wanted one of "
            f"{', '.join(document['students'])}"
        )
    settings = document["profiles"][name].get(part)
    if not settings:
        raise SystemExit(f"params.yaml: profiles.{name}: got no {part}, wanted a section for each of `students`")
    objective = document["train"].get("objective")
    if objective not in document["objectives"] or objective not in OBJECTIVES:
        raise SystemExit(
            f"params.yaml: train.objective: got {objective!r}, wanted one of {', '.join(OBJECTIVES)}, with its "
            f"constants under `objectives`"
        )
    bound = {
        "train": document["train"],
        "constants": document["objectives"][objective],
        "profile": settings["train"],
        "base": {key: settings["base"][key] for key in Base.model_fields},
        "prompts": section(document),
        "teacher": {key: document["profiles"][name]["teacher"][key] for key in Base.model_fields},
    }
    where = {
        "constants": f"objectives.{objective}",
        "profile": f"profiles.{name}.{part}.train",
        "base": f"profiles.{name}.{part}.base",
        "teacher": f"profiles.{name}.teacher",
    }
    of_objective = create_model("Bound", __base__=Params, constants=(OBJECTIVES[objective].constants, ...))
    params = params_yaml.validated(of_objective, bound, where)
    if OBJECTIVES[objective].loads_teacher(params.constants):
        return params
    return params.model_copy(update={"teacher": None})
