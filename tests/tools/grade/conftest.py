from contextlib import chdir
from pathlib import Path

import pytest

from tests.tools.grade import world
from tools.grade.settings import load
from tools.grade.shown import Shown, read_shown


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("grade")
    world.make(path, world.NUMBER)
    return path


@pytest.fixture(scope="session")
def shown(folder: Path) -> Shown:
    """60 pairs of summaries."""
    with chdir(folder):
        return read_shown(load())
