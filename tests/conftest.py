"""How tests are spread over the processes of pytest-xdist."""

import os
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

# Before torch is imported here or in a stage: the models are so small that a second thread only spins, and two tests
# run side by side.
os.environ.setdefault("OMP_NUM_THREADS", "1")
WALKS = ("tests/smoke/test_graph.py", "tests/smoke/test_kill.py", "tests/smoke/test_experiments.py")


class Files(LoadScopeScheduling):
    """A process takes a file at a time, and the files that share a walk through the graph together."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return "walks" if file in WALKS else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Files:
    return Files(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first, so that no process is left with one when the others are done."""
    files = [item.nodeid.partition("::")[0] for item in items]
    slow = {file for file, item in zip(files, items, strict=True) if item.get_closest_marker("slow")}
    items.sort(key=lambda item: [item.nodeid.partition("::")[0] not in some for some in (WALKS, slow)])
