"""A server that tells the probabilities of a prompt's tokens, as vLLM's does, from a laptop model.

Its first answer is a refusal that passes, and later ones overtake earlier ones.
"""

import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from tests.http_server import serving
from tests.logits.teaching import model

LOCK = threading.Lock()


def prompt_logprobs(ids: list[int], k: int) -> list[Any]:
    """Of each position the k most probable and its own token, in no order; of the first, which nothing precedes, None."""
    with LOCK, torch.no_grad():
        likely = model("teacher")[1](torch.tensor([ids])).logits[0, :-1].log_softmax(-1)
    listed: list[Any] = [None]
    for values, own in zip(likely, ids[1:], strict=True):
        ranks = {int(token): rank for rank, token in enumerate(values.topk(k).indices, 1)}
        ranks.setdefault(own, int((values > values[own]).sum()) + 1)
        listed.append(
            {str(t): {"logprob": values[t].item(), "rank": ranks[t], "decoded_token": "x"} for t in sorted(ranks)}
        )
    return listed


@contextmanager
def telling(**changed: Any) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """The server's address, and what it has been asked so far. `changed`: of the answers, or their `status`, or after
    how many answers the server `dies`."""
    asked: list[dict[str, Any]] = []
    status, dies = changed.pop("status", 200), changed.pop("dies", math.inf)

    def answer(body: dict[str, Any]) -> tuple[int, dict[str, Any]] | None:
        with LOCK:
            body["answered"] = bool(asked) and sum(other["answered"] for other in asked) < dies
            asked.append(body)
        if body is asked[0]:
            return 503, {"error": {"message": "starting"}}
        if not body["answered"]:
            return None
        if status != 200:
            return status, {"error": {"message": f"as told to {body['key']}"}}
        time.sleep(0.05 if len(asked) % 2 else 0)
        told = {"prompt_logprobs": prompt_logprobs(body["prompt"], body["prompt_logprobs"])} | changed
        choice = {"index": 0, "text": "x", "finish_reason": "length", "prompt_logprobs": told["prompt_logprobs"]}
        return 200, {"model": told.get("model", body["model"]), "choices": [choice]}

    with serving(answer) as address:
        yield address, asked
