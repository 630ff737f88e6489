"""What the ledger lacks of a stream of requests, and what asking that will take."""

import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import TypeVar

from stages.sampling.engine import settled, version
from stages.sampling.ledger.store import Ledger
from stages.sampling.request import Model, Request, key

T = TypeVar("T")
CHUNK = 5_000  # requests that are looked up together


@dataclass
class Batch:
    """A stream of requests that can be started anew, and where each stands."""

    model: Model
    requests: Callable[[], Iterator[Request]]
    keys: list[bytes] = field(default_factory=list[bytes])  # of every request, in order
    missing: set[bytes] = field(default_factory=set[bytes])
    failures: dict[bytes, str] = field(default_factory=dict[bytes, str])  # why a request got no reply


def estimate(model: Model, requests: Callable[[], Iterator[Request]], ledger: Ledger) -> Batch:
    """What the ledger lacks, and one line of what that will take."""
    model = settled(model)
    batch, engine_version = Batch(model, requests), version(model)
    prompts: list[str] = []  # some of those to ask
    characters = completion_tokens = 0
    for chunk in chunks(requests(), CHUNK):
        keys = [key(model, engine_version, request) for request in chunk]
        known = ledger.known(keys)
        batch.keys += keys
        for k, request in zip(keys, chunk, strict=True):
            if k not in known and k not in batch.missing:
                batch.missing.add(k)
                text = "".join(content for _, content in request.messages)
                characters += len(text)
                completion_tokens += request.max_tokens
                if len(prompts) < 1000:
                    prompts.append(text)
    line = (
        f"{model.name}: {len(batch.keys)} requests, {len(batch.keys) - len(batch.missing)} in the ledger, "
        f"{len(batch.missing)} to ask"
    )
    if batch.missing:
        # imported here, because a run that finds all its replies should not wait for it
        from stages.sampling.token_count import count_tokens

        tokens, how = count_tokens(model, prompts)
        prompt_tokens = round(tokens * characters / max(1, sum(map(len, prompts))))
        cost = model.cost(prompt_tokens, completion_tokens)
        line += (
            f": about {prompt_tokens:,} prompt tokens ({how}), at most {completion_tokens:,} completion tokens, "
            f"cost {in_words(cost, 'at most')}"
        )
    print(line, file=sys.stderr)
    return batch


def in_words(cost: float | None, how: str) -> str:
    return "unknown" if cost is None else f"{how} {cost:,.2f}"


def chunks(rows: Iterable[T], size: int) -> Iterator[list[T]]:
    stream = iter(rows)
    while chunk := list(islice(stream, size)):
        yield chunk
