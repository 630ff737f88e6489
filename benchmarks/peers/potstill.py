"""Potstill's `openai` engine through the ledger: ADDRESS COUNT CONCURRENCY FOLDER. Prints seconds as JSON."""

import json
import os
import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from stages.sampling.estimate import estimate
from stages.sampling.ledger.store import Ledger
from stages.sampling.limits import Budget, Limits
from stages.sampling.request import Model, Request
from stages.sampling.runner import ask, replies

address, count, concurrency, folder = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4])
os.environ |= {"OPENAI_BASE_URL": address, "OPENAI_API_KEY": "none"}
LIMITS = Limits(
    max_concurrency=concurrency, max_attempts=3, timeout_seconds=60, requests_per_minute=0, tokens_per_minute=0, min_success_ratio=1.0,
    budget=Budget(max_requests=0, max_tokens=0, max_cost=0.0),
)  # fmt: skip
MODEL = Model("openai", "teacher", "1", "auto", 0.0, 0.0)


def requests() -> Iterator[Request]:
    for i in range(count):
        text = (
            f"Question {i}: a baker has {i} loaves and sells {i % 7} of them every day; how many are left after "
            f"{i % 11} days?"
        )
        yield Request(f"p{i}", "cot", (("user", text),), 0, 1, 64, 0.8, 1.0, 0)


load = None
if not (folder / "ledger.sqlite").exists():
    from stages.sampling.openai import (
        OpenAIEngine as load,  # before the clock starts, as the peers import what they use
    )

start, cpu = time.perf_counter(), time.process_time()
ledger = Ledger(folder / "ledger.sqlite")
batch = estimate(MODEL, requests, ledger)
asking = time.perf_counter()
ask(batch, LIMITS, ledger, **({"load": load} if load else {}))
asking = time.perf_counter() - asking
assert sum(reply.finish_reason == "stop" for reply in replies(batch, ledger)) == count
seconds = time.perf_counter() - start
print(
    json.dumps(
        {
            "seconds": seconds,
            "asking": asking,
            "cpu": time.process_time() - cpu,
            "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        }
    )
)
