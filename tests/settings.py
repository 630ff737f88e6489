"""What people set, copied into a working folder: params.yaml with the dvc.yaml that binds it, and what is told of each
data set."""

import shutil
from pathlib import Path

from dvc.utils.hydra import apply_overrides

from tests.architecture.closure import ROOT


def copy_settings(folder: Path, *overrides: str) -> None:
    """`overrides` of params.yaml are those of dvc's -S."""
    for name in ("params.yaml", "dvc.yaml"):
        shutil.copy(ROOT / name, folder)
    for source in (ROOT / "data/sets").glob("*/dataset.yaml"):
        copy = folder / source.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, copy)
    apply_overrides(str(folder / "params.yaml"), list(overrides))


def set_dataset(folder: Path, name: str, *overrides: str) -> None:
    """Change keys of a data set's dataset.yaml."""
    apply_overrides(str(folder / f"data/sets/{name}/dataset.yaml"), list(overrides))
