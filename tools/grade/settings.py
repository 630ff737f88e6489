"""data/grades/people.yaml: what is shown to people."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from ruamel.yaml import YAML

from stages.rows.grades import GRADES

PATH = GRADES / "people.yaml"
Share = Annotated[float, Field(ge=0, le=1)]


class Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    show: Literal["pairs", "replies"]
    arms: Annotated[tuple[str, ...], Field(min_length=1)]
    disagreement: Share
    most: Share
    control: Share
    half_width: Annotated[float, Field(gt=0, lt=1)]
    seed: int

    @property
    def groups(self) -> list[tuple[str, ...]]:
        """The arms that are shown together: each by itself, or the first with each of the others."""
        first, *others = self.arms
        return [(first, other) for other in others] if self.show == "pairs" else [(arm,) for arm in self.arms]


def load(path: Path = PATH) -> Settings:
    """Raises SystemExit with every wrong value and its place."""
    if not path.exists():
        raise SystemExit(f"{path}: got no such file, wanted what people are shown: git checkout {path}")
    try:
        settings = Settings.model_validate(YAML(typ="safe").load(path))
    except ValidationError as error:
        lines = [f"{path}: {'.'.join(map(str, e['loc']))}: {e['msg']}, got {e['input']!r}" for e in error.errors()]
        raise SystemExit("\n".join(lines)) from None
    if len(set(settings.arms)) < len(settings.arms) or not settings.groups:
        wanted = "two or more, none twice" if settings.show == "pairs" else "none twice"
        raise SystemExit(f"{path}: arms: got {', '.join(settings.arms)}, wanted {wanted}")
    return settings
