"""The parameters of `prompts`."""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from ruamel.yaml import YAML

from stages.settings import params_yaml

SETS = Path("data/sets")


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Prompts(Section):
    max_words: Annotated[int, Field(gt=0)]  # of the teacher's reasoning, where the wording names a limit
    max_problems_shown: Annotated[int, Field(gt=0)]  # bad rows that one message lists
    date: Any  # of the stages that put prompts to models


class Profile(Section):
    wording: Literal["terse", "full"]
    answer_format: Annotated[str, Field(min_length=1)]  # "json", or the mark before the answer
    structured: bool  # hold engines that can to the JSON schema of the reply
    summary_words: Annotated[int, Field(gt=0)]
    num_summaries: Annotated[int, Field(gt=0)]  # of a chain of density
    retention: str  # the file in data/retention that asks for what must not be forgotten

    @model_validator(mode="after")
    def structure_is_json(self) -> Self:
        if self.structured and self.answer_format != "json":
            raise ValueError("structured needs answer_format json")
        return self


class Hub(Section):
    id: str
    revision: Annotated[str, Field(pattern="^[0-9a-f]{40}$")] | None  # a commit, never a branch
    splits: dict[Literal["train", "validation", "test"], str]  # the hub's name of each, "split" or "config/split"


class RecordedHub(Section):
    id: str
    revision: Annotated[str, Field(pattern="^[0-9a-f]{40}$")] | None
    split: str


class RecordedColumns(Section):
    id: str | None  # joined by this where given, else by the question's text
    question: str | None
    completion: str


class Recorded(Section):
    file: str  # in data/sets/<name>
    hub: RecordedHub | None  # asked where the file is not there
    columns: RecordedColumns
    answer_format: str  # of the recorded completions


class Dataset(Section):
    task: str
    licence: str
    system: str  # the user's own system prompt, kept in every style; "" for none
    hub: Hub | None  # asked for a split whose file is not in data/sets/<name>
    files: dict[Literal["train", "validation", "test"], str]  # of each split, in data/sets/<name>
    validation_share: Annotated[float, Field(ge=0, lt=1)]  # of train, where there is no validation split
    test_share: Annotated[float, Field(ge=0, lt=1)]  # of train, where there is no test split
    columns: dict[
        str, str | list[str] | None
    ]  # field -> column, "a.b" within it, or several of which the first that is there counts
    answer_mark: str | None  # what parts solution and answer where one column holds both
    bad_rows: Literal["stop", "skip"]
    recorded: Recorded | None

    @property
    def splits(self) -> list[Literal["train", "validation", "test"]]:
        """Those that the data set has of its own."""
        every: tuple[Literal["train", "validation", "test"], ...] = ("train", "validation", "test")
        return [split for split in every if split in self.files or (self.hub and split in self.hub.splits)]


class Params(Section):
    name: str
    prompts: Prompts
    profile: Profile
    dataset: Dataset


def load() -> Params:
    document = params_yaml.read()
    profile, dataset = document["profile"], document["dataset"]
    path = SETS / dataset / "dataset.yaml"
    if not path.is_file():
        raise SystemExit(
            f"params.yaml: dataset: got {dataset!r} and no {path}, wanted a data set with one; data/sets/example.yaml "
            f"is one to copy"
        )
    bound = {
        "name": dataset,
        "prompts": document["prompts"],
        "profile": document["profiles"][profile]["prompts"],
        "dataset": YAML(typ="safe").load(path),
    }
    where = {"profile": f"params.yaml: profiles.{profile}.prompts.", "dataset": f"{path}: "}
    try:
        return Params.model_validate(bound)
    except ValidationError as error:
        lines = []
        for e in error.errors():
            section, *keys = map(str, e["loc"])
            place = where.get(section, f"params.yaml: {section}.") + ".".join(keys)
            problem = (
                "got no such key, wanted one, if without a value"
                if e["type"] == "missing"
                else f"{e['msg']}, got {e['input']!r}"
            )
            lines.append(f"{place}: {problem}")
        raise SystemExit("\n".join(lines)) from None
