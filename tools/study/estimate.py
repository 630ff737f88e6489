"""What asking the teacher for a study takes, without what the ledger holds."""

import io
import subprocess
from collections.abc import Callable, Iterator
from contextlib import chdir, redirect_stderr
from dataclasses import dataclass, field
from functools import partial

from stages.generate import __main__ as generate
from stages.predict import __main__ as predict
from stages.sampling.estimate import estimate
from stages.sampling.ledger.store import Ledger
from stages.sampling.request import Model, Request
from stages.sampling.token_count import count_tokens
from tools.study.stages import Plan
from tools.study.study import Point
from tools.study.worker import Worker, lines, log

ASKING = ("generate", "predict-teacher")
COUNTED = 1000  # prompts whose tokens are counted, for the mean of the others


@dataclass
class Asked:
    """`cost` is None where a price is not known; it and the completion's tokens are at most."""

    requests: int = 0
    missing: int = 0  # of which the ledger has no reply; the rest is about these
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float | None = 0.0
    seen: set[bytes] = field(default_factory=set[bytes])


def asked(todo: list[Point], plans: dict[str, Plan], worker: Worker, ledger: Ledger) -> Asked:
    """Of all points together, each request once. It runs the stage `prompts`, which words what is asked."""
    total, seen, worded = Asked(), set[str](), ""
    for point in todo:
        keys = plans[point.name].keys
        asking = {keys[stage] for stage in ASKING if stage in keys}
        if not asking <= seen:
            seen |= asking
            worker.set_up(point, plans[point.name])
            if keys["prompts"] != worded:
                word(point, worker)
                worded = keys["prompts"]
            with chdir(worker.folder), redirect_stderr(io.StringIO()):
                for model, requests in streams():
                    add(total, model, requests, ledger)
    return total


def word(point: Point, worker: Worker) -> None:
    with log(point).open("wb") as file:
        command = ["dvc", "repro", "prompts"]
        done = subprocess.run(
            command, cwd=worker.folder, env=worker.environment, stdout=file, stderr=subprocess.STDOUT, check=False
        )
    if done.returncode:
        raise SystemExit("\n".join([f"{point.name}: what is asked could not be worded:", *lines(log(point))[-15:]]))


def streams() -> Iterator[tuple[Model, Callable[[], Iterator[Request]]]]:
    """What `generate` and `predict-teacher` would ask here."""
    training = generate.load()
    for number, model in enumerate(generate.to_models(training).values()):
        yield model, partial(generate.to_requests, training, number)
    testing = predict.load("teacher")
    yield predict.to_model("teacher", testing), partial(predict.to_requests, testing)


def add(total: Asked, model: Model, requests: Callable[[], Iterator[Request]], ledger: Ledger) -> None:
    batch = estimate(model, requests, ledger)
    texts: list[str] = []
    missing = completion_tokens = 0
    for key, request in zip(batch.keys, requests(), strict=True):
        if key not in total.seen:
            total.seen.add(key)
            total.requests += 1
            if key in batch.missing:
                missing += 1
                completion_tokens += request.max_tokens
                if len(texts) < COUNTED:
                    texts.append("".join(content for _, content in request.messages))
    if missing:
        prompt_tokens = round(count_tokens(batch.model, texts)[0] * missing / len(texts))
        cost = batch.model.cost(prompt_tokens, completion_tokens)
        total.missing += missing
        total.prompt_tokens += prompt_tokens
        total.completion_tokens += completion_tokens
        total.cost = None if cost is None or total.cost is None else total.cost + cost
