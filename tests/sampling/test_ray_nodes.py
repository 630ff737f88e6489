"""A cluster of two nodes of two pretended GPUs each: an actor holds the GPUs that its weights need, on one node."""

import os
import signal
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stages.sampling import ray as ray_engine
from stages.sampling.estimate import estimate
from stages.sampling.ledger.store import Ledger
from stages.sampling.ray import ROWS_PER_BLOCK, AskingActor, RayEngine, find_resources, read_weight_bytes
from stages.sampling.request import Reply, Request
from stages.sampling.runner import ask, replies
from tests.sampling.conftest import limits
from tests.sampling.test_transformers import TEACHER, requests

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]  # a cluster that lost a node waits for ever
MODEL = replace(TEACHER, engine="ray-vllm")
ROWS = 6 * ROWS_PER_BLOCK


@pytest.fixture
def two_nodes(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Their memory is such that the teacher's weights, with 70% of each for them, need two."""
    ray = pytest.importorskip("ray", reason="the extra ray is not installed")
    from ray.cluster_utils import Cluster

    size = read_weight_bytes(TEACHER)
    monkeypatch.setattr(ray_engine, "read_gpu_bytes", lambda: size)
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 2, "num_gpus": 2, "include_dashboard": False})
    cluster.add_node(num_cpus=2, num_gpus=2)
    ray.init(address=cluster.address, log_to_driver=False)
    yield ray
    ray.shutdown()
    cluster.shutdown()


def noting_actor(ray: Any) -> type[AskingActor]:
    """It replies at once, with where it is; as a local class it travels to the nodes whole."""

    class Noting(AskingActor):
        def __init__(self, model: Any) -> None:
            self._engine: Any = self

        def ask(self, requests: Iterable[Request]) -> Iterator[list[tuple[Request, Reply]]]:
            import time

            time.sleep(0.5)
            context = ray.get_runtime_context()
            gpus = ",".join(context.get_accelerator_ids()["GPU"])
            where = f"{context.get_node_id()} {gpus} {os.getpid()}"
            yield [(one, Reply(f"{one.prompt_id} {where}", "stop", 1, 1, "", "")) for one in requests]

    return Noting


def test_placement_is_what_the_model_needs_and_a_dead_actor_costs_no_row(
    two_nodes: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray_engine, "AskingActor", noting_actor(two_nodes))
    assert find_resources(replace(MODEL, engine="vllm")) == (2, {"num_gpus": 2})
    killed: list[int] = []

    class Watched(RayEngine):
        """Kills the actor that brings the first block."""

        def ask(self, requests: Iterable[Request]) -> Iterator[list[tuple[Request, Reply]]]:
            for batch in super().ask(requests):
                if not killed:
                    killed.append(int(batch[0][1].text.split()[-1]))
                    os.kill(killed[0], signal.SIGKILL)
                yield batch

    asked, ledger = requests(ROWS, 0.8), Ledger(tmp_path / "ledger.sqlite")
    monkeypatch.setattr("stages.sampling.estimate.version", lambda model: "1")
    batch = estimate(MODEL, lambda: iter(asked), ledger)
    ask(batch, limits(min_success_ratio=1.0), ledger, load=lambda model, *_: Watched(model))
    found = [reply.text.split() for reply in replies(batch, ledger)]
    assert [prompt for prompt, *_ in found] == [request.prompt_id for request in asked]
    places = {(node, gpus) for _, node, gpus, _ in found}
    assert len({node for node, _ in places}) == 2, "an actor on each node"
    assert {gpus for _, gpus in places} == {"0,1"}, "with both of its GPUs"
    assert len({process for *_, process in found}) > 2, "another took the place of the killed"


def test_a_model_for_four_gpus_is_not_spread_over_two_nodes(two_nodes: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    quarter = read_weight_bytes(TEACHER) // 3
    monkeypatch.setattr(ray_engine, "read_gpu_bytes", lambda: quarter)
    with pytest.raises(SystemExit, match="wanted at most 70% of a node's 2 GPUs"):
        find_resources(replace(MODEL, engine="vllm"))
