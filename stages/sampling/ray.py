"""Asking over a Ray cluster: a pool of actors that each hold a local engine.

It starts where RAY_ADDRESS says, or on this machine. Blocks of requests stream through Ray Data, so a finished
block is kept while others run; an actor or node that dies costs what it held, which Ray gives to another.
"""

# ray and pyarrow: no types of its own
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

import logging
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from stages.sampling.request import Model, Reply, Request, unanswered
from stages.sampling.transformers import resolve_precision
from stages.sampling.vllm import find_weights

# Requests of one block: what a dead actor can cost.
ROWS_PER_BLOCK = 128
# Blocks of one Ray Data run; its start takes seconds, and all its requests are drawn, so claimed, at the start.
BLOCKS_PER_RUN = 512
SHARE_FOR_WEIGHTS = 0.7  # of a GPU's memory; the rest is for the KV cache


class RayEngine:
    def __init__(self, model: Model) -> None:
        import ray

        self.retries: Counter[str] = Counter()
        self._model = replace(model, engine=model.local_engine)
        connect()
        ray.data.DataContext.get_current().enable_progress_bars = False
        logging.getLogger("ray.data").setLevel(logging.WARNING)  # importing it sets another
        self._num_actors, self._resources = find_resources(self._model)

    def ask(self, requests: Iterable[Request]) -> Iterator[list[tuple[Request, Reply]]]:
        stream = iter(requests)
        while run := list(islice(stream, ROWS_PER_BLOCK * BLOCKS_PER_RUN)):
            yield from self._ask_run(run)

    def _ask_run(self, requests: list[Request]) -> Iterator[list[tuple[Request, Reply]]]:
        import ray

        blocks = -(-len(requests) // ROWS_PER_BLOCK)
        dataset = ray.data.from_items(
            [{"row": row, "request": request._asdict()} for row, request in enumerate(requests)],
            override_num_blocks=blocks,
        )
        answered = dataset.map_batches(
            AskingActor,
            fn_constructor_args=(self._model,),
            batch_size=ROWS_PER_BLOCK,
            batch_format="pyarrow",
            compute=ray.data.ActorPoolStrategy(min_size=min(self._num_actors, blocks), max_size=self._num_actors),
            **self._resources,
        )
        for batch in answered.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=0):
            table: Any = batch
            yield [(requests[row["row"]], Reply(**row["reply"])) for row in table.to_pylist()]


class AskingActor:
    """One local engine. It is a process of its own, in which nothing else runs."""

    def __init__(self, model: Model) -> None:
        # imported here, because the engine is chosen where it is loaded
        if model.engine == "vllm":
            from stages.sampling.vllm import VllmEngine

            self._engine: Any = VllmEngine(model)
        else:
            from stages.sampling.transformers import TransformersEngine

            self._engine = TransformersEngine(model)

    def __call__(self, block: Any) -> Any:
        import pyarrow

        rows = block.to_pylist()
        requests = [to_request(row["request"]) for row in rows]
        replies = self._ask(requests)
        return pyarrow.Table.from_pylist(
            [{"row": row["row"], "reply": vars(replies[request])} for row, request in zip(rows, requests, strict=True)]
        )

    def _ask(self, requests: list[Request]) -> dict[Request, Reply]:
        """A block that the engine fails at is asked row by row, so that a bad row costs itself alone."""
        try:
            return {request: reply for batch in self._engine.ask(requests) for request, reply in batch}
        except Exception as error:  # whatever an engine raises at a row
            if len(requests) == 1:
                return {requests[0]: unanswered(f"{type(error).__name__}: {error}")}
            return {request: reply for one in requests for request, reply in self._ask([one]).items()}


def connect() -> None:
    """To the cluster that RAY_ADDRESS names, or to one of this machine's own."""
    import ray

    if not ray.is_initialized():
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        ray.init(
            address=os.environ.get("RAY_ADDRESS"),
            log_to_driver=False,
            logging_level=logging.WARNING,
            include_dashboard=False,
        )


def precision_of_worker(model: Model) -> str:
    """What "auto" means where the actors run, which need not be what it means here."""
    import ray

    connect()
    _, resources = find_resources(replace(model, engine=model.local_engine))
    return ray.get(ray.remote(**resources)(resolve_precision).remote(model.precision))


def to_request(row: dict[str, Any]) -> Request:
    """Arrow makes lists of tuples."""
    fields: dict[str, Any] = row | {"messages": tuple((role, content) for role, content in row["messages"])}
    return Request(**fields)


def find_resources(model: Model) -> tuple[int, dict[str, Any]]:
    """How many actors the cluster has room for, and what each holds: a core, or the GPUs that the weights need."""
    import ray

    cluster = ray.cluster_resources()
    if model.engine != "vllm" or not cluster.get("GPU"):
        return max(1, int(cluster["CPU"])), {"num_cpus": 1}
    gpus_of_node = max(int(node["Resources"].get("GPU", 0)) for node in ray.nodes() if node["Alive"])
    gpu_bytes = ray.get(ray.remote(num_gpus=1)(read_gpu_bytes).remote())
    num_gpus = gpus_needed(read_weight_bytes(model), gpu_bytes, gpus_of_node)
    return max(1, int(cluster["GPU"]) // num_gpus), {"num_gpus": num_gpus}


def gpus_needed(weight_bytes: int, gpu_bytes: int, gpus_of_node: int) -> int:
    """The fewest GPUs of one node, in powers of two, that hold the weights and leave room for the KV cache."""
    for num_gpus in (2**power for power in range(gpus_of_node.bit_length())):
        if weight_bytes <= SHARE_FOR_WEIGHTS * num_gpus * gpu_bytes:
            return num_gpus
    raise SystemExit(
        f"engine ray-vllm: got weights of {weight_bytes / 1e9:.0f} GB, wanted at most {SHARE_FOR_WEIGHTS:.0%} of a "
        f"node's {gpus_of_node} GPUs "
        f"of {gpu_bytes / 1e9:.0f} GB; serve the model over several nodes with `vllm serve` and use the engine openai"
    )


def read_gpu_bytes() -> int:
    import torch

    return torch.cuda.get_device_properties(0).total_memory


def read_weight_bytes(model: Model) -> int:
    """Of an adapter its base's and its own: both are loaded."""
    weights = find_weights(model)
    own = read_folder_bytes(Path(weights.adapter)) if weights.adapter else 0
    if Path(weights.base).exists():
        return own + read_folder_bytes(Path(weights.base))
    from huggingface_hub import get_safetensors_metadata

    metadata = get_safetensors_metadata(weights.base, revision=weights.revision)
    return own + sum(
        tensor.data_offsets[1] - tensor.data_offsets[0]
        for file in metadata.files_metadata.values()
        for tensor in file.tensors.values()
    )


def read_folder_bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.glob("*.safetensors"))
