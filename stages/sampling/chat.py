"""The chat completions protocol: a request as the body that is sent, and what an answer means."""

import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

import orjson

from stages.sampling.request import Model, Reply, Request, row_seed, unanswered

# Part of every key: changes only if the same request is put to the endpoint in other words.
VERSION = "chat completions 1"
# Never mended by another request. 402 is used by some for an empty account.
FATAL = {401: "the key was refused", 402: "the account has no credit"}
# Fatal while nothing has been answered; later they concern one row (some use 403 for content they do not allow).
FATAL_AT_FIRST = {403: "the key may not use this model", 404: "the endpoint does not know the model"}
RETRIED = {408, 409, 429}


class Fatal(Exception):
    """No request can succeed: stop at once."""


class Retry(Exception):
    """This attempt failed, another may not. `after`: seconds that the server asked for, or None."""

    def __init__(self, kind: str, after: float | None) -> None:
        super().__init__(kind)
        self.kind, self.after = kind, after


def to_body(model: Model, request: Request) -> bytes:
    """The request as JSON. `top_k` only where it is set, because not every endpoint knows it."""
    body: dict[str, Any] = {
        "model": model.name,
        "messages": [{"role": role, "content": content} for role, content in request.messages],
        "max_tokens": request.max_tokens,
        "temperature": request.temperature,
    }
    if request.temperature != 0:
        body |= {"top_p": request.top_p, "seed": row_seed(request) & 0x7FFF_FFFF}
    if request.schema:
        schema = {"name": "reply", "strict": True, "schema": orjson.loads(request.schema)}
        body |= {"response_format": {"type": "json_schema", "json_schema": schema}}
    return orjson.dumps(body | ({"top_k": request.top_k} if request.top_k else {}))


def read_completion(model: Model, content: bytes) -> Reply:
    try:
        answer: dict[str, Any] = orjson.loads(content)
        choice: dict[str, Any] = answer["choices"][0]
        usage: dict[str, Any] = answer.get("usage") or {}
        message: dict[str, Any] = choice["message"]
        finish = choice["finish_reason"]
        served, text = answer["model"], message.get("content") or ""
        # vLLM and DeepSeek call it reasoning_content, later vLLM and OpenRouter reasoning
        thoughts = (message.get(name) for name in ("reasoning_content", "reasoning"))
        reasoning = next((thought for thought in thoughts if isinstance(thought, str)), "")
        tokens = int(usage.get("prompt_tokens") or 0), int(usage.get("completion_tokens") or 0)
        if not isinstance(text, str):
            raise TypeError
    except (orjson.JSONDecodeError, KeyError, IndexError, TypeError, ValueError, AttributeError):
        raise Retry("broken reply", None) from None
    if served != model.name:
        raise Fatal(
            f"asked for the model {model.name}, answered by {served}; if that one is meant, name it as `model` in "
            f"params.yaml"
        )
    if message.get("refusal"):
        text, finish = str(message["refusal"]), "content_filter"
    if finish not in ("stop", "length", "content_filter"):
        return unanswered(f"finish reason {finish}: wanted stop, length or content_filter")
    return Reply(text, finish, *tokens, "", f"{served} {answer.get('system_fingerprint') or ''}".strip(), reasoning)


def read_reply(
    model: Model,
    status: int,
    content: bytes,
    after: float | None,
    answered: bool,
    read: Callable[[Model, bytes], Any] = read_completion,
) -> Any:
    """What `read` finds, or unanswered with the server's words where it refused this row. `answered`: others were,
    before.

    Raises Retry where another attempt may succeed, Fatal where no request can.
    """
    if status == 200:
        return read(model, content)
    words = message(content)
    if status == 429 and "insufficient_quota" in words:
        raise Fatal(f"the account's quota is used up (HTTP 429: {words})")
    if status in RETRIED or status >= 500:
        raise Retry(f"HTTP {status}", after)
    why = FATAL.get(status) or (None if answered else FATAL_AT_FIRST.get(status))
    if why:
        raise Fatal(
            f"{why}: HTTP {status}: {words}; model {model.name}, see `teacher` in params.yaml, OPENAI_BASE_URL and "
            f"OPENAI_API_KEY"
        )
    return unanswered(f"HTTP {status}: {words}")


def retry_after(header: str | None) -> float | None:
    """Seconds in a Retry-After header, which holds a number or a date (RFC 9110, section 10.2.3)."""
    if header is None:
        return None
    try:
        return max(0.0, float(header))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(header).timestamp() - time.time())
    except ValueError:
        return None


def message(content: bytes) -> str:
    """The server's own words, with the error's code where it has one, shortened."""
    try:
        error: Any = orjson.loads(content)["error"]
        has_parts = isinstance(error, dict)
        words: Any = (
            " ".join(str(error[name]) for name in ("message", "code") if error.get(name)) if has_parts else error
        )
    except (orjson.JSONDecodeError, KeyError, TypeError):
        words = content.decode(errors="replace")
    return str(words)[:300]


class Api(NamedTuple):
    """One of an endpoint's addresses, what is sent there, and how the answer is read. Requests have `max_tokens`, what
    is read has `error`."""

    path: str
    to_body: Callable[[Model, Any], bytes]
    read: Callable[[Model, bytes], Any]


CHAT = Api("/chat/completions", to_body, read_completion)
