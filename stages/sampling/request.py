"""What is asked of a model, and the key under which its reply is kept."""

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Literal


@dataclass(frozen=True)
class Model:
    """Who is asked. `revision` is a hub commit, or the digest of a local folder or file."""

    engine: Literal["transformers", "recorded"]
    name: str
    revision: str
    precision: Literal["float32", "bfloat16", "auto"]


@dataclass(frozen=True)
class Request:
    """One prompt, once. `temperature` 0 is greedy; `top_k` 0 and `top_p` 1 switch themselves off.

    `prompt_id` and `style` say where the reply belongs; they are not part of the key.
    """

    prompt_id: str
    style: str
    messages: tuple[tuple[str, str], ...]
    sample: int
    seed: int
    max_tokens: int
    temperature: float
    top_p: float
    top_k: int


@dataclass(frozen=True)
class Reply:
    """`finish_reason` is "stop" or "length", or "unanswered" where there is none; token counts are the engine's."""

    text: str
    finish_reason: Literal["stop", "length", "unanswered"]
    prompt_tokens: int
    completion_tokens: int


UNANSWERED = Reply("", "unanswered", 0, 0)


def key(model: Model, engine_version: str, request: Request) -> str:
    """Hash of everything that decides the reply, 64 hex digits."""
    asked = asdict(request)
    del asked["prompt_id"], asked["style"]
    if request.temperature == 0:  # greedy: neither the seed nor the sampling limits play a part
        del asked["seed"], asked["sample"], asked["top_p"], asked["top_k"]
    decides = {"model": [model.engine, model.name, model.revision], "engine_version": engine_version, "request": asked}
    return hashlib.sha256(json.dumps(decides, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
