"""A real HTTP server on loopback that tells the probabilities of a prompt's tokens, as vLLM's does, from a laptop model.

Its first answer is a refusal that passes, and later ones overtake earlier ones.
"""

import json
import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import torch

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

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle(self) -> None:
            with suppress(ConnectionError):  # a stage that stops hangs up
                super().handle()

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            one = {"path": self.path, "key": self.headers["Authorization"], **body}
            with LOCK:
                one["answered"] = bool(asked) and sum(other["answered"] for other in asked) < dies
                asked.append(one)
            if one is asked[0]:
                return self.answer(503, {"error": {"message": "starting"}})
            if not one["answered"]:
                self.close_connection = True
                return None
            if status != 200:
                return self.answer(status, {"error": {"message": f"as told to {self.headers['Authorization']}"}})
            time.sleep(0.05 if len(asked) % 2 else 0)
            told = {"prompt_logprobs": prompt_logprobs(body["prompt"], body["prompt_logprobs"])} | changed
            choice = {"index": 0, "text": "x", "finish_reason": "length", "prompt_logprobs": told["prompt_logprobs"]}
            return self.answer(200, {"model": told.get("model", body["model"]), "choices": [choice]})

        def answer(self, status: int, body: dict[str, Any]) -> None:
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1", asked
    finally:
        server.shutdown()
        server.server_close()
