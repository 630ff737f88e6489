"""What is asked of a model, what it replies, and the key under which the reply is kept."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol

STRUCTURED = ("openai", "vllm")  # engines that can hold a reply to a JSON schema
SORTED = json.JSONEncoder(sort_keys=True, ensure_ascii=False, check_circular=False)


Engine = Literal["transformers", "vllm", "ray-transformers", "ray-vllm", "openai"]


@dataclass(frozen=True)
class Model:
    """Who is asked. `revision` is a hub commit, the digest of a local folder or file, or what an endpoint's owner
    calls its version. Prices are for a million tokens, in the user's currency, None where they are not known. `date` is
    today's to a chat template; with none, a template that words it is refused."""

    engine: Engine | Literal["recorded"]
    name: str
    revision: str
    precision: Literal["float32", "bfloat16", "auto"]
    prompt_price: float | None
    completion_price: float | None
    date: str = ""

    @property
    def local_engine(self) -> str:
        """The engine that makes the replies: a cluster changes where they are made, not what they are."""
        return self.engine.removeprefix("ray-")

    def cost(self, prompt_tokens: float, completion_tokens: float) -> float | None:
        """None where a price is not known: an unknown cost is no cost of 0."""
        if self.prompt_price is None or self.completion_price is None:
            return None
        return (prompt_tokens * self.prompt_price + completion_tokens * self.completion_price) / 1e6


class Request(NamedTuple):
    """One prompt, once. `temperature` 0 is greedy; `top_k` 0 and `top_p` 1 switch themselves off."""

    prompt_id: str
    style: str
    messages: tuple[tuple[str, str], ...]
    sample: int
    seed: int
    max_tokens: int
    temperature: float
    top_p: float
    top_k: int
    # JSON schema that the reply is held to by engines that can, "" for none. Its keys keep their order: a grammar
    # forces a reply's keys into its order, so sorted keys would have the answer come before the reasoning.
    schema: str = ""
    split: str = ""  # of the prompt: an id is unique in its split alone


class Turn(Protocol):
    @property
    def role(self) -> str: ...

    @property
    def content(self) -> str: ...


class Worded(Protocol):
    """A prompt: its messages, and the JSON schema of a reply, by style."""

    @property
    def id(self) -> str: ...

    @property
    def messages(self) -> Mapping[str, Sequence[Turn]]: ...

    @property
    def schemas(self) -> Mapping[str, dict[str, Any]]: ...


class Decoding(NamedTuple):
    """How a reply is drawn; without arguments greedily."""

    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0
    seed: int = 0


def to_request(
    prompt: Worded, split: str, style: str, max_tokens: Mapping[str, int], decoding: Decoding, sample: int = 0
) -> Request:
    """Raises SystemExit where the profile's max_tokens has no limit for the style."""
    if style not in max_tokens:
        raise SystemExit(
            f"params.yaml: max_tokens of the profile: got {', '.join(max_tokens)}, wanted a limit for the style "
            f"{style} too"
        )
    return Request(
        split=split,
        prompt_id=prompt.id,
        style=style,
        messages=tuple((message.role, message.content) for message in prompt.messages[style]),
        sample=sample,
        max_tokens=max_tokens[style],
        schema=json.dumps(prompt.schemas[style]) if style in prompt.schemas else "",
        **decoding._asdict(),
    )


@dataclass(frozen=True)
class Reply:
    """`text` is what the model says, `reasoning` what a reasoning model thought before, where its server hands that
    over apart, else "".
    `finish_reason` is "stop", "length" or "content_filter", or "unanswered" where there is none, and then `error`
    says why. Token counts are the engine's. `served` is the model as the server names it, "" where none serves."""

    text: str
    finish_reason: Literal["stop", "length", "content_filter", "unanswered"]
    prompt_tokens: int
    completion_tokens: int
    error: str
    served: str
    reasoning: str = ""


def unanswered(error: str) -> Reply:
    """No reply, and why: the kind, then a colon, then what is particular to this one."""
    return Reply("", "unanswered", 0, 0, error, "")


def row_seed(request: Request) -> int:
    """A seed of its own for every row, so that its draw does not depend on its batch; 64 bits, signed."""
    text = f"{request.seed}/{request.sample}/{request.messages}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big", signed=True)


def key(model: Model, engine_version: str, request: Request) -> bytes:
    """SHA-256 of everything that decides the reply, 32 bytes. Its form never changes, or what is paid for is lost."""
    asked: dict[str, object] = {
        "messages": request.messages,
        "max_tokens": request.max_tokens,
        "temperature": request.temperature,
    }
    if request.temperature != 0:  # greedy: neither the seed nor the sampling limits play a part
        asked |= {"seed": request.seed, "sample": request.sample, "top_p": request.top_p, "top_k": request.top_k}
    if request.schema and model.local_engine in STRUCTURED:
        asked |= {"schema": request.schema}
    decides = {
        "model": [model.local_engine, model.name, model.revision],
        "engine_version": engine_version,
        "request": asked,
    }
    return hashlib.sha256(SORTED.encode(decides).encode()).digest()
