"""Training curves while they grow, where `live` of params.yaml asks for them. No stage depends on it: how a training is
watched does not change it."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel

from stages.settings import params_yaml

KINDS = ("none", "tensorboard")


class Live(BaseModel):
    live: Literal[*KINDS]  # pyright: ignore[reportInvalidTypeForm] - the names above


def check(student: str) -> None:
    """Before hours of training, that what will be asked for is there."""
    if load() == "tensorboard" and not find_spec("tensorboard"):
        raise SystemExit(
            f"train-{student}: params.yaml: live: got tensorboard, which is not installed, wanted it, or none: "
            f"pip install -e '.[live]' -c constraints.txt"
        )


def load() -> str:
    return params_yaml.validated(Live, {"live": params_yaml.read()["live"]}, {}).live


def callbacks(output: Path) -> list[Any]:
    """Of the trainer. `output` is the training's folder: one that goes on from a checkpoint goes on in its curves."""
    if load() == "none":
        return []
    from transformers.integrations.integration_utils import TensorBoardCallback

    callback: Any = TensorBoardCallback()
    callback.logging_dir = str(output.parent.parent / "live" / output.name)
    return [callback]
