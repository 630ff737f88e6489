"""The one thing every engine does, the choice among them, and asking through the ledger."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from tqdm import tqdm

from stages.sampling.ledger import Ledger
from stages.sampling.request import UNANSWERED, Model, Reply, Request, key


class Engine(Protocol):
    def ask(self, requests: list[Request]) -> Iterator[list[tuple[Request, Reply]]]:
        """Batches of finished replies, each to be kept at once. A request that gets none is left out."""
        ...


def version(model: Model) -> str:
    """What of the engine decides its replies, known without loading it."""
    if model.engine == "recorded":
        return "1"
    from stages.sampling.transformers import version as transformers_version

    return transformers_version(model)


def load(model: Model) -> Engine:
    if model.engine == "recorded":
        from stages.sampling.recorded import RecordedEngine

        return RecordedEngine(Path(model.name))
    from stages.sampling.transformers import TransformersEngine

    return TransformersEngine(model)


def ask_all(model: Model, requests: list[Request], ledger: Ledger) -> list[Reply]:
    """A reply for each request in its order, UNANSWERED where none was to be had. Only what the ledger lacks is asked."""
    engine_version = version(model)
    keys = [key(model, engine_version, request) for request in requests]
    found = ledger.get(keys)
    missing = {k: request for k, request in zip(keys, requests, strict=True) if k not in found}
    print(f"{model.name}: {len(requests)} requests, {len(requests) - len(missing)} in the ledger, {len(missing)} to ask", file=sys.stderr)
    if missing:
        with tqdm(total=len(missing), unit="reply", desc=model.name, mininterval=1) as progress:
            for batch in load(model).ask(list(missing.values())):
                kept = [(key(model, engine_version, request), reply) for request, reply in batch]
                ledger.put(model, kept)
                found.update(kept)
                progress.update(len(kept))
    return [found.get(k, UNANSWERED) for k in keys]
