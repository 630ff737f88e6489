"""An endpoint that costs next to nothing, so that the client is what is measured: `python -m benchmarks.stub_server
PORT_FILE [--latency S]`.

Chat completions over HTTP/1.1 on loopback, a fixed reply, usage included. It prints how many it answered when it is
terminated.
"""

import argparse
import asyncio
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import orjson
import uvloop

num_answered: Counter[str] = Counter()


class Answering(asyncio.Protocol):
    def __init__(self, latency: float) -> None:
        self._latency, self._buffer = latency, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end].lower()
            start = head.find(b"content-length:")
            length = int(head[start + 15 :].split(b"\r\n", 1)[0]) if start >= 0 else 0
            if len(self._buffer) < end + 4 + length:
                return
            body, self._buffer = self._buffer[end + 4 : end + 4 + length], self._buffer[end + 4 + length :]
            if self._latency:
                asyncio.get_running_loop().call_later(self._latency, self._answer, body)
            else:
                self._answer(body)

    def _answer(self, body: bytes) -> None:
        num_answered["all"] += 1
        asked = orjson.loads(body or b"{}")
        question = (
            asked["messages"][-1]["content"] if asked.get("messages") else ""
        )  # curator asks without any to learn the limits
        content = orjson.dumps({
            "id": "x", "object": "chat.completion", "created": 1, "model": asked.get("model"),
            "choices": [{"index": 0, "message": {"role": "assistant", "content": f"The answer to {question[:40]} is #### 1"}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 40, "completion_tokens": 10, "total_tokens": 50},
        })  # fmt: skip
        if not self._transport.is_closing():
            self._transport.write(
                b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(content)
                + content
            )


async def serve(port_file: Path, latency: float) -> None:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    server = await loop.create_server(lambda: Answering(latency), "127.0.0.1", 0, backlog=4096)
    partial = port_file.with_suffix(".partial")
    partial.write_text(str(server.sockets[0].getsockname()[1]))
    partial.rename(port_file)
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    await stop.wait()
    print(num_answered["all"], flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("port_file", type=Path)
    parser.add_argument("--latency", type=float, default=0.0)
    options = parser.parse_args()
    uvloop.run(serve(options.port_file, options.latency))
