"""A real HTTP server on loopback that grades: what it says depends on the graded reply alone."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

GRADED = [
    ("#### 20", "no grade"),
    ("#### 19", '{"reasoning": "right", "score": 5}'),
    ("", '```json\n{"reasoning": "vague", "score": 2}\n```'),
]


def grade(asked: dict[str, Any]) -> str:
    """By the first of GRADED that the message has."""
    return next(text for mark, text in GRADED if mark in asked["messages"][-1]["content"])


@contextmanager
def judging() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """The server's address, and what it has been asked so far."""
    asked: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            asked.append(body)
            choice = {"index": 0, "message": {"role": "assistant", "content": grade(body)}, "finish_reason": "stop"}
            answer = json.dumps(
                {"model": body["model"], "choices": [choice], "usage": {"prompt_tokens": 40, "completion_tokens": 10}}
            ).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1", asked
    finally:
        server.shutdown()
        server.server_close()
