"""A real HTTP server that speaks as much of the Hub as an upload needs, and keeps what it gets."""

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

LARGE = (".safetensors", ".parquet")  # go the way of git LFS; what that keeps is named by its sha256
KEY = "planted-token"


class Hub(NamedTuple):
    address: str
    repositories: list[dict[str, Any]]  # as they were asked for
    files: dict[str, bytes]  # what the commits say lies in the repository
    messages: list[str]  # of the commits


@contextmanager
def serving() -> Iterator[Hub]:
    repositories, files, messages, stored = [], {}, [], {}

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.body()
            address = f"http://{self.headers['Host']}"
            if self.headers["Authorization"] != f"Bearer {KEY}":
                self.answer(401, {"error": "no such token"})
            elif self.path == "/api/repos/create":
                repositories.append(json.loads(body))
                self.answer(200, {"url": f"{address}/org/name"})
            elif self.path == "/api/validate-yaml":
                self.answer(200, {"errors": [], "warnings": []})
            elif "/preupload/" in self.path:
                paths = [file["path"] for file in json.loads(body)["files"]]
                modes = [("lfs" if path.endswith(LARGE) else "regular") for path in paths]
                self.answer(200, {"files": [file(*one) for one in zip(paths, modes, strict=True)]})
            elif self.path.endswith("/info/lfs/objects/batch"):
                objects = json.loads(body)["objects"]
                actions = {one["oid"]: {"upload": {"href": f"{address}/lfs/{one['oid']}"}} for one in objects}
                told = [one | {"actions": actions[one["oid"]]} for one in objects]
                self.answer(200, {"transfer": "basic", "objects": told})
            else:
                for line in map(json.loads, body.splitlines()):
                    self.commit(line["key"], line["value"])
                self.answer(200, {"commitUrl": f"{address}/org/name/commit/1", "commitOid": "1", "success": True})

        def do_PUT(self) -> None:
            stored[self.path.removeprefix("/lfs/")] = self.body()
            self.answer(200, {})

        def do_GET(self) -> None:
            self.answer(404, {"error": f"nobody should ask for {self.path}"})

        def commit(self, key: str, value: dict[str, Any]) -> None:
            if key == "header":
                messages.append(value["summary"])
            elif key == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif key == "lfsFile":
                files[value["path"]] = stored[value["oid"]]

        def body(self) -> bytes:
            if "Content-Length" in self.headers:
                return self.rfile.read(int(self.headers["Content-Length"]))
            parts = []
            while size := int(self.rfile.readline(), 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)

        def answer(self, status: int, told: dict[str, Any]) -> None:
            content = json.dumps(told).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    def file(path: str, mode: str) -> dict[str, Any]:
        return {"path": path, "uploadMode": mode, "shouldIgnore": False, "oid": None}

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield Hub(f"http://127.0.0.1:{server.server_port}", repositories, files, messages)
    finally:
        server.shutdown()
        server.server_close()
