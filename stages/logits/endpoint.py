"""The probabilities of a model behind an endpoint: vLLM's server tells those of a prompt's tokens."""

from collections.abc import Iterable, Iterator
from functools import partial
from itertools import islice
from typing import Any, NamedTuple

import orjson
from tqdm import tqdm

from stages.logits.examples import Scored, place
from stages.logits.found import Found, to_found
from stages.sampling.chat import Api, Fatal, Retry
from stages.sampling.limits import Limits
from stages.sampling.openai import OpenAIEngine
from stages.sampling.request import Model

AT_ONCE = 4_096  # rows that are in memory together, for they come back in any order


class Asked(NamedTuple):
    number: int
    ids: list[int]
    max_tokens: int = 1  # of the reply, the shortest that vLLM gives


class Answer(NamedTuple):
    prompt_logprobs: list[dict[str, Any] | None]  # of each position, by token id
    error: str = ""


def ask(
    rows: Iterable[Scored], count: int, model: Model, limits: Limits, k: int
) -> Iterator[list[tuple[Scored, Found]]]:
    """As the answers come. Raises SystemExit at the first row that the endpoint does not answer."""
    engine, stream = OpenAIEngine(model, limits, api=Api("/completions", partial(to_body, k=k), read)), iter(rows)
    with tqdm(total=count, unit="row", desc=f"logits: {model.name}", mininterval=1) as progress:
        while some := list(islice(stream, AT_ONCE)):
            for answers in engine.ask(Asked(number, row.ids) for number, row in enumerate(some)):
                progress.update(len(answers))
                for asked, answer in sorted(answers, key=lambda pair: bool(pair[1].error)):  # what is paid for first
                    row = some[asked.number]
                    yield [(row, select(row, answer, k, model))]


def to_body(model: Model, asked: Asked, k: int) -> bytes:
    return orjson.dumps(
        {"model": model.name, "prompt": asked.ids, "max_tokens": asked.max_tokens, "prompt_logprobs": k}
    )


def read(model: Model, content: bytes) -> Answer:
    """Raises Fatal where another model answers, or one that does not tell."""
    try:
        answer: dict[str, Any] = orjson.loads(content)
        served, listed = answer["model"], answer["choices"][0].get("prompt_logprobs")
    except (orjson.JSONDecodeError, KeyError, IndexError, TypeError, AttributeError):
        raise Retry("broken reply", None) from None
    if served != model.name:
        raise Fatal(
            f"asked for the model {model.name}, answered by {served}; if that one is meant, name it as `model` in "
            f"params.yaml"
        )
    if not isinstance(listed, list):
        raise Fatal(
            f"got no prompt_logprobs of {model.name}, wanted an endpoint that gives them, as vLLM's server does; "
            f"change it, or set logits.top_k to 0 in params.yaml"
        )
    return Answer(listed)


def select(row: Scored, answer: Any, k: int, model: Model) -> Found:
    """What the endpoint tells of the learnt tokens."""
    fault = answer.error
    if not fault:
        listed = [
            {int(token): one["logprob"] for token, one in (position or {}).items()}
            for position in answer.prompt_logprobs[row.start :]
        ]
        try:
            return to_found(listed, row.ids[row.start :], k)
        except ValueError as error:
            fault = str(error)
    raise SystemExit(
        f"logits: {place(row.example)}: got from {model.name} {fault}, wanted {k} tokens and its own at each position; "
        f"start vLLM's server with --max-logprobs {k}, or change logits.top_k in params.yaml"
    )
