"""The one thing every engine does, and the choice among them."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
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


def settled(model: Model) -> Model:
    """The model with its precision as the machine that runs it has it: it decides replies, and so is a part of every
    key.

    vLLM keeps "auto", which there is the precision of the weights.
    """
    if model.precision != "auto" or model.local_engine != "transformers":
        return model
    if model.engine == "transformers":
        from stages.sampling.transformers import resolve_precision

        precision = resolve_precision(model.precision)
    else:
        from stages.sampling.ray import precision_of_worker

        precision = precision_of_worker(model)
    return replace(model, precision=precision)


def version(model: Model) -> str:
    """What of the engine decides the replies of a settled model, known without loading it."""
    match model.local_engine:
        case "openai":
            from stages.sampling.chat import VERSION

            return VERSION
        case "vllm":
            from stages.sampling.dated import of_key
            from stages.sampling.vllm import version as vllm_version

            return vllm_version(model) + of_key(model)
        case "transformers":
            from stages.sampling.dated import of_key
            from stages.sampling.transformers import version as transformers_version

            return transformers_version(model) + of_key(model)
        case "recorded":
            return "1"
        case _:
            raise AssertionError(f"engine {model.engine} has no version")


def load(model: Model, limits: Limits, answered: bool) -> Engine:
    """`answered`: the model has replied before, in this run or an earlier one, so an endpoint that knows it not now may
    know it again."""
    match model.engine:
        case "openai":
            from stages.sampling.openai import OpenAIEngine

            return OpenAIEngine(model, limits, answered)
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
            from stages.sampling.recorded import PATH, RecordedEngine

            return RecordedEngine(PATH)
