"""Who is asked: the section of a profile that a role names."""

from typing import Annotated, Any, Literal, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from stages.sampling.request import Engine, Model


def words(text: Any) -> list[str]:
    if not isinstance(text, str) or not text.split():
        raise ValueError("Input should be words with spaces between them")
    return text.split()


# In params.yaml a string: dvc, when it sets a parameter, rewrites a list over as many lines as it has items.
Words = Annotated[list[str], BeforeValidator(words)]
Price = Annotated[float, Field(ge=0)] | None  # for a million tokens; null: not known


class Role(BaseModel):
    """What params.yaml says of a model: of the teacher, of a student's base, or of another in the profile's `roles`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    engine: Engine
    model: str  # a hub id, a local folder, or an endpoint's name for it
    revision: str  # a hub commit, the folder's digest, or the endpoint's version
    precision: Literal[
        "float32", "bfloat16", "auto"
    ]  # auto: bfloat16 where the hardware has it, or what the endpoint has
    prompt_price: Price
    completion_price: Price

    def to_model(self, date: str) -> Model:
        """`date` is prompts.date of params.yaml."""
        prices = (self.prompt_price, self.completion_price)
        return Model(self.engine, self.model, self.revision, self.precision, *prices, date)


def sections(profile: dict[str, Any], students: list[str]) -> dict[str, tuple[str, ...]]:
    """Every role's name -> where its section stands in the profile."""
    bases = {f"base-{student}": (f"student-{student}", "base") for student in students}
    return {"teacher": ("teacher",), **bases, **{name: ("roles", name) for name in profile["roles"]}}


def find(profile: dict[str, Any], where: tuple[str, ...]) -> Any:
    """What stands there, as YAML has it; None where nothing does."""
    found: Any = profile
    for key in where:
        if not isinstance(found, dict):
            return None
        found = cast(dict[str, Any], found).get(key)
    return found
