"""How many requests may be under way, and how soon the next may start."""

import asyncio
import time
from collections import deque

START = 32
# a burst of refusals is one sign, not many
SHRINK_SECONDS = 0.5


class Concurrency:
    """Grows while the endpoint answers, shrinks when it does not: doubling a round at first, by one a round after the
    first refusal, a quarter less at a refusal (additive increase, multiplicative decrease; Chiu & Jain 1989)."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.limit = float(min(START, most))
        self._under_way = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._refused = False
        self._shrunk = 0.0

    async def enter(self) -> None:
        """Wait for a place, first come, first served."""
        if self._under_way + 1 <= self.limit and not self._waiting:
            self._under_way += 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        await turn

    def leave(self) -> None:
        self._under_way -= 1
        self._admit()

    def _admit(self) -> None:
        while self._waiting and self._under_way + 1 <= self.limit:
            turn = self._waiting.popleft()
            if not turn.done():
                self._under_way += 1
                turn.set_result(None)

    def grow(self) -> None:
        self.limit = min(self._most, self.limit + (1 / self.limit if self._refused else 1))
        self._admit()

    def shrink(self) -> None:
        now = time.monotonic()
        if now - self._shrunk >= SHRINK_SECONDS:
            self.limit, self._refused, self._shrunk = max(1.0, 0.75 * self.limit), True, now


class RateLimit:
    """Spreads requests evenly so that a minute holds no more than the limits; 0 is no limit."""

    def __init__(self, requests_per_minute: int, tokens_per_minute: int) -> None:
        self._seconds_per_request = 60 / requests_per_minute if requests_per_minute else 0.0
        self._seconds_per_token = 60 / tokens_per_minute if tokens_per_minute else 0.0
        self._next = 0.0

    async def wait(self, num_tokens: int) -> None:
        """Until a request of this size may start."""
        seconds = max(self._seconds_per_request, num_tokens * self._seconds_per_token)
        if seconds:
            now = time.monotonic()
            start = max(now, self._next)
            self._next = start + seconds
            await asyncio.sleep(start - now)
