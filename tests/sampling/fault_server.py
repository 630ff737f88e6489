"""A real HTTP server on loopback that answers chat completions and misbehaves as told.

`python -m tests.sampling.fault_server PORT_FILE LOG [options]`. Every answer is a line of LOG, written when it has left
in full: the last message and the finish reason, or the kind of fault. Which requests go wrong is drawn from a seeded
generator, so a prompt that failed may succeed when it is sent again; which answers end early depends on the prompt
alone.
A prompt that says "forbidden" is refused with status 400.
"""

import argparse
import asyncio
import hashlib
import json
import random
from pathlib import Path
from typing import Any

from aiohttp import web

from tests.sampling.grammar import reply_held_to

# kind, share of requests, in percent
FAULTS = [("429", 5.0), ("429 Retry-After", 5.0), ("5xx", 5.0), ("stall", 2.0), ("reset", 1.0), ("broken", 1.0)]
# these depend on the prompt alone: asking again does not mend them
ENDINGS = [("length", 1.0), ("content_filter", 0.5)]
STALL_SECONDS = 60


def draw(number: float, kinds: list[tuple[str, float]]) -> str | None:
    """The kind whose share the number, 0 to 100, falls into."""
    for kind, share in kinds:
        if number < share:
            return kind
        number -= share
    return None


def ending_of(prompt: str) -> str:
    number = int(hashlib.sha256(prompt.encode()).hexdigest()[:8], 16) / 2**32
    return draw(100 * number, ENDINGS) or "stop"


class Server:
    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._random = random.Random(7)
        self._num_answered = 0
        self._log = Path(options.log).open("a", buffering=1)  # noqa: SIM115

    async def answer(self, request: web.Request) -> web.StreamResponse:
        asked = await request.json()
        prompt = asked["messages"][-1]["content"]
        await asyncio.sleep(self._options.latency)
        status = 400 if "forbidden" in prompt else self._options.status
        if status != 200:
            # as some servers do, it repeats the key
            error = {"message": f"as told to {request.headers.get('Authorization')}", "code": "told"}
            self._log.write(f"{prompt}\tHTTP {status}\n")
            return web.json_response({"error": error}, status=status)
        fault = draw(self._random.uniform(0, 100), FAULTS) if self._options.faults else None
        if fault is not None:
            self._log.write(f"{prompt}\t{fault}\n")
            return await self._misbehave(fault, request)
        if self._options.vanish_after is not None and self._num_answered >= self._options.vanish_after:
            self._log.write(f"{prompt}\tHTTP 404\n")
            return web.json_response(
                {"error": {"message": f"The model `{asked['model']}` does not exist."}}, status=404
            )
        ending = ending_of(prompt) if self._options.faults or self._options.endings else "stop"
        response = await self._send(request, completion(asked, ending, self._options))
        self._log.write(f"{prompt}\t{ending}\n")
        self._num_answered += 1
        return response

    async def _send(self, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        """Prepared and written by hand, so that an answer is logged only when it has left in full."""
        content = json.dumps(body).encode()
        response = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": str(len(content))})
        await response.prepare(request)
        await response.write(content)
        await response.write_eof()
        return response

    async def _misbehave(self, fault: str, request: web.Request) -> web.StreamResponse:
        if fault.startswith("429"):
            return web.json_response(
                {"error": {"message": "slow down"}},
                status=429,
                headers={"Retry-After": "1"} if "After" in fault else {},
            )
        if fault == "5xx":
            return web.json_response({"error": {"message": "sorry"}}, status=self._random.choice([500, 502, 503]))
        if fault == "stall":
            await asyncio.sleep(STALL_SECONDS)
            raise web.HTTPGatewayTimeout
        if fault == "broken":
            return web.Response(
                body=self._random.choice([b"", b'{"choices": [{"mess', b"{}"]), content_type="application/json"
            )
        response = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": "1000"})
        await response.prepare(request)
        await response.write(b'{"choices": [{"message"')
        assert request.transport is not None
        request.transport.abort()
        return response


def completion(asked: dict[str, Any], ending: str, options: argparse.Namespace) -> dict[str, Any]:
    question = asked["messages"][-1]["content"]
    whole = options.says or (
        reply_held_to(asked["response_format"]["json_schema"]["schema"], 1) if options.grammar else f"{question} #### 1"
    )
    text = {"stop": whole, "length": question[:5], "content_filter": ""}[ending]
    usage = {"prompt_tokens": len(question.split()), "completion_tokens": len(text.split())}
    message = {"role": "assistant", "content": text} | (
        {"reasoning_content": f"What is {question}?"} if options.reasoning else {}
    )
    choice = {"index": 0, "message": message, "finish_reason": ending}
    return {
        "id": "x",
        "object": "chat.completion",
        "model": options.model or asked["model"],
        "choices": [choice],
        "usage": usage,
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("port_file")
    parser.add_argument("log")
    parser.add_argument("--faults", action="store_true")
    parser.add_argument("--endings", action="store_true")
    parser.add_argument("--latency", type=float, default=0.0)
    parser.add_argument("--model")
    parser.add_argument("--status", type=int, default=200)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--grammar", action="store_true", help="hold replies to the schema that is sent, as it is sent")
    parser.add_argument("--says", help="what every whole reply is")
    parser.add_argument("--reasoning", action="store_true", help="hand the reasoning over apart")
    parser.add_argument("--vanish-after", type=int, help="answers after which the model is not known any more")
    options = parser.parse_args()
    server = Server(options)
    app = web.Application()
    app.router.add_post("/v1/chat/completions", server.answer)

    async def serve() -> None:
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", options.port)
        await site.start()
        partial = Path(options.port_file + ".partial")
        partial.write_text(str(runner.addresses[0][1]))
        partial.rename(options.port_file)  # whoever sees the file sees all of it
        await asyncio.Event().wait()

    asyncio.run(serve())


if __name__ == "__main__":
    main()
