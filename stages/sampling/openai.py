"""Asking an OpenAI-compatible endpoint (vLLM's server, hosted APIs) over HTTP.

Worker coroutines draw from one stream of requests: that carries several times what a client object
with a task per request does (benchmarks/README.md). Retries happen here and nowhere else.
"""

import asyncio
import gc
import os
import random
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import aiohttp
import uvloop
from yarl import URL

from stages.sampling.chat import CHAT, Api, Fatal, Retry, read_reply, retry_after
from stages.sampling.limits import Limits
from stages.sampling.rate_limit import Concurrency, RateLimit
from stages.sampling.request import Model, unanswered

# Finished replies wait this long to be kept together, so a kill can cost so much.
FLUSH_SECONDS = 0.005
# Rows given up on in a row until it is the endpoint that is taken for broken.
MAX_LOST_IN_A_ROW = 100


class OpenAIEngine:
    """The endpoint's address is OPENAI_BASE_URL, its key OPENAI_API_KEY: both in the environment alone. `answered`: the
    model has
    replied in an earlier run, so that a 403 or 404 now concerns its row alone."""

    def __init__(self, model: Model, limits: Limits, answered: bool = False, api: Api = CHAT) -> None:
        address = os.environ.get("OPENAI_BASE_URL", "")
        if not address.startswith(("http://", "https://")):
            raise SystemExit(
                f"engine openai: got {'no OPENAI_BASE_URL' if not address else 'an OPENAI_BASE_URL without http'} in "
                f"the environment, "
                "wanted the endpoint's address, such as http://localhost:8000/v1"
            )
        self._model, self._limits, self._api = model, limits, api
        self._url = URL(address.rstrip("/") + api.path)
        if self._url.user or self._url.password:
            raise SystemExit(
                "engine openai: got a user or password in OPENAI_BASE_URL, wanted the address alone; a key goes into "
                "OPENAI_API_KEY"
            )
        self._key = os.environ.get("OPENAI_API_KEY", "")
        self.retries: Counter[str] = Counter()
        self.concurrency = Concurrency(limits.max_concurrency)
        self._rate_limit = RateLimit(limits.requests_per_minute, limits.tokens_per_minute)
        self._answered = answered
        self._lost_in_a_row = 0

    def ask(self, requests: Iterable[Any]) -> Iterator[list[tuple[Any, Any]]]:
        """Replies as they come, a few at a time. A row that the server refuses comes back with its message.

        The event loop stands still while the caller keeps a batch, so all happens in one thread.
        """
        finished: list[tuple[Any, Any]] = []
        # looking for garbage at every 700th object, as Python does, costs an eighth of the throughput
        gc.set_threshold(50_000)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            loop = runner.get_loop()
            asking = loop.create_task(self._ask_all(iter(requests), finished))
            while not asking.done():
                loop.run_until_complete(asyncio.wait([asking], timeout=FLUSH_SECONDS))
                if finished:
                    yield finished.copy()
                    finished.clear()
            if error := asking.exception():
                raise (
                    SystemExit(f"engine openai: {self._without_secrets(str(error))}")
                    if isinstance(error, Fatal)
                    else error
                )

    async def _ask_all(self, requests: Iterator[Any], finished: list[tuple[Any, Any]]) -> None:
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {self._key}"} if self._key else {})
        timeout = aiohttp.ClientTimeout(total=self._limits.timeout_seconds)
        connector, jar = aiohttp.TCPConnector(limit=0), aiohttp.DummyCookieJar()
        async with aiohttp.ClientSession(
            connector=connector, cookie_jar=jar, timeout=timeout, headers=headers
        ) as session:
            try:
                async with asyncio.TaskGroup() as workers:
                    for _ in range(self._limits.max_concurrency):
                        workers.create_task(self._work(session, requests, finished))
            except BaseExceptionGroup as group:
                if fatal := group.subgroup(Fatal):
                    raise fatal.exceptions[0] from None
                raise

    async def _work(
        self, session: aiohttp.ClientSession, requests: Iterator[Any], finished: list[tuple[Any, Any]]
    ) -> None:
        """Draw a request as soon as there is a place, and see it through."""
        await self.concurrency.enter()
        for request in requests:
            finished.append((request, await self._answer(session, request)))
            self.concurrency.leave()
            await self.concurrency.enter()
        self.concurrency.leave()

    async def _answer(self, session: aiohttp.ClientSession, request: Any) -> Any:
        """One reply, by as many attempts as the limits allow; while it waits for the next, its place is another's."""
        body = self._api.to_body(self._model, request)
        kind = ""
        for attempt in range(self._limits.max_attempts):
            if attempt:
                self.retries[kind] += 1
            await self._rate_limit.wait(len(body) // 4 + request.max_tokens)
            try:
                reply = await self._attempt(session, body)
            except Retry as failed:
                kind, after = failed.kind, failed.after
            except (aiohttp.ClientError, TimeoutError, OSError) as failed:
                kind, after = type(failed).__name__, None
            else:
                self.concurrency.grow()
                self._answered, self._lost_in_a_row = True, 0
                return reply
            self.concurrency.shrink()
            if attempt + 1 < self._limits.max_attempts:
                self.concurrency.leave()
                await asyncio.sleep(backoff(attempt, after))
                await self.concurrency.enter()
        self._lost_in_a_row += 1
        if self._lost_in_a_row >= MAX_LOST_IN_A_ROW:
            raise Fatal(
                f"{kind} at the last {MAX_LOST_IN_A_ROW} requests, {self._limits.max_attempts} times each; endpoint "
                f"{self._url}"
            )
        return unanswered(f"{kind}: {self._limits.max_attempts} times")

    async def _attempt(self, session: aiohttp.ClientSession, body: bytes) -> Any:
        async with session.post(self._url, data=body) as response:
            content = await response.read()
        after = retry_after(response.headers.get("Retry-After"))
        reply = read_reply(self._model, response.status, content, after, self._answered, self._api.read)
        return unanswered(self._without_secrets(reply.error)) if reply.error else reply

    def _without_secrets(self, text: str) -> str:
        """A server may well repeat the key that it refuses."""
        return text.replace(self._key, "[secret]") if self._key else text


def backoff(attempt: int, after: float | None) -> float:
    """Seconds until the next attempt: what the server asked for, else 0.5 s doubled each time up to 30 s; with
    jitter."""
    return (after if after is not None else min(30.0, 0.5 * 2**attempt)) * random.uniform(1.0, 1.25)
