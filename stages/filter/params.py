"""The parameters of `filter`."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from ruamel.yaml import YAML


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Filter(Section):
    verify: Literal["reference", "none"]  # drop completions whose answer is not the data set's own
    labels: Literal["teacher", "reference"]  # whose answers are learnt; "reference" is the control
    target: Literal["answer", "reasoning"]  # the answer alone, or the reasoning and the answer
    validation_share: Annotated[float, Field(ge=0, lt=1)]  # of the prompts


class Params(Section):
    filter: Filter
    answer_format: str  # of the targets
    completion_format: str  # of the teacher's replies
    bare_number: bool  # math: a reply's last number counts where nothing marks the answer


def load() -> Params:
    document = YAML(typ="safe").load(Path("params.yaml"))
    wanted = document["profiles"][document["profile"]]["prompts"]["answer_format"]
    recorded = document["datasets"][document["dataset"]]["recorded"]
    bound = {
        "filter": document["filter"],
        "answer_format": wanted,
        "completion_format": recorded["answer_format"] if recorded else wanted,
        "bare_number": document["read"]["bare_number"],
    }
    try:
        return Params.model_validate(bound)
    except ValidationError as error:
        raise SystemExit("\n".join(f"params.yaml: {'.'.join(map(str, e['loc']))}: {e['msg']}, got {e['input']!r}" for e in error.errors())) from None
