"""The one thing every engine does, and the choice among them."""

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

from stages.sampling.limits import Limits
from stages.sampling.request import Model, Reply, Request


class Engine(Protocol):
    retries: Counter[str]  # attempts that were repeated, by kind

    def ask(self, requests: Iterable[Request]) -> Iterator[list[tuple[Request, Reply]]]:
        """Batches of finished replies, each to be kept at once; a request that gets none comes back unanswered.

        Requests are drawn when there is room for them, and the stream may end before the last one is drawn.
        """
        ...


def version(model: Model) -> str:
    """What of the engine decides its replies, known without loading it."""
    match model.local_engine:
        case "openai":
            from stages.sampling.chat import VERSION

            return VERSION
        case "vllm":
            from stages.sampling.vllm import version as vllm_version

            return vllm_version(model)
        case "transformers":
            from stages.sampling.transformers import version as transformers_version

            return transformers_version(model)
        case _:
            return "1"


def load(model: Model, limits: Limits) -> Engine:
    match model.engine:
        case "openai":
            from stages.sampling.openai import OpenAIEngine

            return OpenAIEngine(model, limits)
        case "vllm":
            from stages.sampling.vllm import VllmEngine

            return VllmEngine(model)
        case "ray-transformers" | "ray-vllm":
            from stages.sampling.ray import RayEngine

            return RayEngine(model)
        case "transformers":
            from stages.sampling.transformers import TransformersEngine

            return TransformersEngine(model)
        case "recorded":
            from stages.sampling.recorded import RecordedEngine

            return RecordedEngine(Path(model.name))
