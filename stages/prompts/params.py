"""The parameters of `prompts`."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from ruamel.yaml import YAML


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Prompts(Section):
    style: Literal["plain", "cot"]  # how the teacher is asked
    max_words: Annotated[int, Field(gt=0)]  # of the teacher's reasoning, where the wording names a limit
    max_problems_shown: Annotated[int, Field(gt=0)]  # bad rows that one error lists


class Wording(Section):
    wording: Literal["terse", "full"]
    answer_format: Annotated[str, Field(min_length=1)]  # "json", or the mark before the answer


class Columns(Section):
    question: str
    answer: str
    solution: str | None
    id: str | None


class Hub(Section):
    id: str
    config: str | None
    revision: Annotated[str, Field(pattern="^[0-9a-f]{40}$")]  # a commit, never a branch


class RecordedColumns(Section):
    id: str | None  # joined by this where given, else by the question's text
    question: str | None
    completion: str


class Recorded(Section):
    hub: Hub | None
    source: str  # a file in data/sets/<name>, or the hub's split
    columns: RecordedColumns
    answer_format: str  # of the recorded completions


class Dataset(Section):
    task: str
    licence: str
    system: str  # the user's own system prompt, kept in every style; "" for none
    hub: Hub | None  # asked for a split whose file is not in data/sets/<name>
    splits: dict[Literal["train", "validation", "test"], str]  # split -> file, or the hub's split
    validation_share: Annotated[float, Field(ge=0, lt=1)]  # of train, where there is no validation split
    columns: Columns
    answer_mark: str | None  # what parts solution and answer where one column holds both
    recorded: Recorded | None


class Params(Section):
    name: str
    prompts: Prompts
    profile: Wording
    dataset: Dataset


def load() -> Params:
    document = YAML(typ="safe").load(Path("params.yaml"))
    profile, dataset = document["profile"], document["dataset"]
    bound = {
        "name": dataset,
        "prompts": document["prompts"],
        "profile": document["profiles"][profile]["prompts"],
        "dataset": document["datasets"][dataset],
    }
    where = {"profile": f"profiles.{profile}.prompts", "dataset": f"datasets.{dataset}"}
    try:
        return Params.model_validate(bound)
    except ValidationError as error:
        lines = [
            f"params.yaml: {'.'.join([where.get(str(e['loc'][0]), str(e['loc'][0])), *map(str, e['loc'][1:])])}: {e['msg']}, got {e['input']!r}"
            for e in error.errors()
        ]
        raise SystemExit("\n".join(lines)) from None
