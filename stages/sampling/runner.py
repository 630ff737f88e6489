"""Asking through the ledger: only what it lacks, within the budget; every request comes back, with a reply or with the
reason."""

import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tqdm import tqdm

from stages.sampling.engine import Engine, load
from stages.sampling.estimate import CHUNK, Batch, chunks, estimate, in_words
from stages.sampling.ledger.store import Ledger, default_path
from stages.sampling.limits import Budget, Limits, Spending, kind
from stages.sampling.request import Model, Reply, Request, unanswered

# Requests that are claimed together, so that two runs over the same prompts share them.
CLAIM = 64
POLL_SECONDS = 0.5
REPLIES_BEFORE_FORECAST = 100
EXIT_BUDGET = 3


@dataclass
class Ask:
    """Whom to ask, within which limits, and where the replies are kept."""

    model: Model
    limits: Limits
    ledger: Ledger = field(default_factory=lambda: Ledger(default_path()))

    def estimate(self, requests: Callable[[], Iterator[Request]]) -> Batch:
        """What the ledger lacks of a stream that can be started anew, and one line in the log of what that will
        take."""
        return estimate(self.model, requests, self.ledger)

    def replies(self, requests: Callable[[], Iterator[Request]]) -> Iterator[Reply]:
        """Ask what the ledger lacks, now; then a reply to every request, in their order."""
        batch = self.estimate(requests)
        ask(batch, self.limits, self.ledger)
        return replies(batch, self.ledger)


def ask(batch: Batch, limits: Limits, ledger: Ledger, load: Callable[[Model, Limits, bool], Engine] = load) -> None:
    """Ask what is missing. Stops at the budget, and where too many requests get no reply; what was answered is kept."""
    if batch.missing:
        check_prices(batch.model, limits.budget)
        spending, start, todo = Spending(batch.model), time.monotonic(), set(batch.missing)
        engine = load(batch.model, limits, ledger.has_replies_of(batch.model))
        with tqdm(total=len(todo), unit="reply", desc=batch.model.name, mininterval=1) as progress:
            reached = None
            while todo and not reached:
                reached = ask_round(batch, todo, engine, limits, ledger, spending, progress)
                if todo and not reached:
                    wait_for_others(todo, ledger, progress)
        batch.failures |= dict.fromkeys(todo, "not asked")
        report(batch.model, spending, engine, time.monotonic() - start, ledger)
        if reached in Budget.model_fields:
            stop_at_budget(reached, limits, len(todo))
    check_success(batch, limits)


def check_prices(model: Model, budget: Budget) -> None:
    if budget.max_cost and model.cost(1, 1) is None:
        raise SystemExit(
            f"params.yaml: sampling.budget.max_cost: got {budget.max_cost:g} and no prices of {model.name}, wanted "
            f"its prompt_price and completion_price, "
            "or 0.0 for no limit"
        )


def ask_round(
    batch: Batch,
    todo: set[bytes],
    engine: Engine,
    limits: Limits,
    ledger: Ledger,
    spending: Spending,
    progress: "tqdm[Any]",
) -> str | None:
    """Ask what of `todo` no other process is asking, and take it out. The limit that ended the round, if one did."""
    under_way: dict[Request, bytes] = {}
    reached: list[str] = []

    def draw() -> Iterator[Request]:
        missing = (pair for pair in zip(batch.keys, batch.requests(), strict=True) if pair[0] in todo)
        for chunk in chunks(missing, CLAIM):
            mine = ledger.claim([k for k, _ in chunk])
            for k, request in chunk:
                if limit := spending.reached(limits.budget) or hopeless(batch, limits):
                    reached.append(limit)
                    return
                if k in mine and k in todo:
                    todo.discard(k)
                    under_way[request] = k
                    spending.requests += 1
                    yield request

    for finished in engine.ask(draw()):
        replies = [(under_way.pop(request), reply) for request, reply in finished]
        ledger.put(batch.model, [(k, reply) for k, reply in replies if reply.finish_reason != "unanswered"])
        batch.failures |= {k: reply.error for k, reply in replies if reply.finish_reason == "unanswered"}
        before = spending.replies
        for _, reply in replies:
            spending.add(reply)
        progress.update(len(replies))
        progress.set_postfix(engine.retries | spending.failures, refresh=False)  # pyright: ignore[reportUnknownMemberType]
        if before < REPLIES_BEFORE_FORECAST <= spending.replies:
            progress.write(forecast(spending, progress), file=sys.stderr)
    ledger.release()
    batch.failures |= dict.fromkeys(under_way.values(), "never came back")
    return reached[0] if reached else None


def wait_for_others(todo: set[bytes], ledger: Ledger, progress: "tqdm[Any]") -> None:
    """Until none of `todo` is left, or some of it is free: its claimant got no reply, or died."""
    told = False
    while True:
        answered = ledger.known(list(todo))
        todo -= answered
        progress.update(len(answered))
        if not todo or ledger.claim(list(todo)):
            return
        if not told:
            progress.write(
                f"{len(todo)} requests are being asked by another run; waiting for its replies", file=sys.stderr
            )
            told = True
        time.sleep(POLL_SECONDS)


def hopeless(batch: Batch, limits: Limits) -> str | None:
    """Too few can succeed now, whatever comes."""
    return "min_success_ratio" if len(batch.failures) > (1 - limits.min_success_ratio) * len(batch.keys) else None


def forecast(spending: Spending, progress: "tqdm[Any]") -> str:
    seconds = progress.format_dict["elapsed"] / progress.n * (progress.total - progress.n)
    cost = None if spending.cost is None else spending.cost / spending.replies * (progress.total - progress.n)
    left = f"the other {progress.total - progress.n} take about {tqdm.format_interval(seconds)}"
    return f"after {progress.n} replies: {left}, cost {in_words(cost, 'about')}"


def report(model: Model, spending: Spending, engine: Engine, seconds: float, ledger: Ledger) -> None:
    """What this run did: into the log, and a line of .potstill/runs.jsonl, which is no output because it differs from
    run to run."""
    numbers = {
        "model": model.name,
        "engine": model.engine,
        "requests": spending.requests,
        "replies": spending.replies,
        "retries": dict(engine.retries),
        "failures": dict(spending.failures),
        "prompt_tokens": spending.prompt_tokens,
        "completion_tokens": spending.completion_tokens,
        "cost": None if spending.cost is None else round(spending.cost, 6),
        "seconds": round(seconds, 1),
        "requests_per_second": round(spending.requests / seconds, 1),
    }
    print(f"asked: {numbers}", file=sys.stderr)
    with (ledger.path.parent / "runs.jsonl").open("a", encoding="utf-8") as file:
        file.write(
            json.dumps({"ended": datetime.now(UTC).isoformat(timespec="seconds"), **numbers}, ensure_ascii=False) + "\n"
        )


def stop_at_budget(reached: str, limits: Limits, left: int) -> None:
    print(
        f"stopped at sampling.budget.{reached} {getattr(limits.budget, reached):g} with {left} requests left to ask; "
        f"all replies are kept. "
        "Run the same command again to go on with the same budget, or change it in params.yaml.",
        file=sys.stderr,
    )
    raise SystemExit(EXIT_BUDGET)


def check_success(batch: Batch, limits: Limits) -> None:
    kinds = Counter(kind(batch.failures[k]) for k in batch.keys if k in batch.failures)
    total, succeeded = len(batch.keys), len(batch.keys) - kinds.total()
    for error in list(dict.fromkeys(batch.failures.values()))[:3]:
        print(f"no reply: {error}", file=sys.stderr)
    if succeeded < limits.min_success_ratio * total:
        raise SystemExit(
            f"got replies to {succeeded} of {total} requests, wanted {limits.min_success_ratio:.0%} "
            f"(sampling.min_success_ratio in params.yaml): "
            f"{', '.join(f'{count} {what}' for what, count in kinds.most_common())}. {advice(batch.model)}"
        )


def advice(model: Model) -> str:
    if model.engine == "recorded":
        return (
            f"Add the missing completions to the recorded ones of {model.name}, or lower min_success_ratio to go on "
            f"with those that are there."
        )
    return "All replies are kept; run the same command again to ask the rest."


def replies(batch: Batch, ledger: Ledger) -> Iterator[Reply]:
    """A reply to every request, in their order."""
    for keys in chunks(batch.keys, CHUNK):
        found = ledger.get(keys)
        for k in keys:
            yield found.get(k) or unanswered(batch.failures.get(k, "never came back"))
