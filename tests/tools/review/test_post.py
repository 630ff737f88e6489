"""The comment on a pull request, against a real server that speaks GitHub's three calls, and a real remote of git."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.architecture.closure import ROOT
from tools.review.post import BOT, LONGEST, MARK, shortened

KEY = "planted-token"


class GitHub(ThreadingHTTPServer):
    """Comments of the pull request 12, of other people at first."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.comments = [
            {
                "id": number,
                "user": {"login": "someone"},
                "body": f"{MARK} by another" if number == 7 else f"no {number}",
            }
            for number in range(150)
        ]
        self.keys: set[str | None] = set()


class Handler(BaseHTTPRequestHandler):
    server: GitHub  # pyright: ignore[reportIncompatibleVariableOverride]

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        assert path == "/repos/org/name/issues/12/comments"
        size, page = (int(part.partition("=")[2]) for part in query.split("&"))
        self.answer(self.server.comments[size * (page - 1) : size * page])

    def do_POST(self) -> None:
        assert self.path == "/repos/org/name/issues/12/comments"
        comment = {"id": len(self.server.comments), "user": {"login": BOT}, "body": self.body()}
        self.server.comments.append(comment)
        self.answer({"html_url": "posted"})

    def do_PATCH(self) -> None:
        self.server.comments[int(self.path.removeprefix("/repos/org/name/issues/comments/"))]["body"] = self.body()
        self.answer({"html_url": "edited"})

    def body(self) -> str:
        return json.loads(self.rfile.read(int(self.headers["Content-Length"])))["body"]

    def answer(self, told: Any) -> None:
        self.server.keys.add(self.headers["Authorization"])
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(told).encode())

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def github() -> Iterator[GitHub]:
    with GitHub() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def git(folder: Path, *arguments: str) -> bytes:
    return subprocess.run(["git", *arguments], cwd=folder, capture_output=True, check=True).stdout


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q", "--bare", "remote.git")
    git(tmp_path, "clone", "-q", "remote.git", "here")
    review = tmp_path / "here/review"
    review.mkdir()
    (review / "arms.png").write_bytes(b"\x89PNG one")
    (review / "review.md").write_text(f"{MARK}\n\nfirst\n\n![arms](arms.png)\n")
    return tmp_path / "here"


def post(folder: Path, github: GitHub) -> str:
    environment = {
        "GITHUB_API_URL": f"http://127.0.0.1:{github.server_port}",
        "GITHUB_SERVER_URL": "https://github.com",
        "GITHUB_REPOSITORY": "org/name",
        "GITHUB_TOKEN": KEY,
        "PYTHONPATH": str(ROOT),
        "PATH": os.environ["PATH"],
    }
    # -S: no package that is installed is needed
    command = [sys.executable, "-S", "-m", "tools.review.post", "12"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert KEY not in done.stdout + done.stderr
    return done.stdout.strip()


def test_one_comment_is_posted_and_then_edited_and_shows_the_pictures(folder: Path, github: GitHub) -> None:
    assert post(folder, github) == "posted"
    (folder / "review/review.md").write_text(f"{MARK}\n\nsecond\n\n![arms](arms.png) [no picture](x.md)\n")
    (folder / "review/arms.png").write_bytes(b"\x89PNG two")
    assert post(folder, github) == "edited"
    assert len(github.comments) == 151
    commit = git(folder.parent / "remote.git", "rev-parse", "refs/review/12").decode().strip()
    assert github.comments[-1]["body"] == (
        f"{MARK}\n\nsecond\n\n![arms](https://github.com/org/name/raw/{commit}/arms.png) [no picture](x.md)\n"
    )
    assert git(folder.parent / "remote.git", "show", f"{commit}:arms.png") == b"\x89PNG two"
    assert git(folder.parent / "remote.git", "branch") == b"", "no branch is made"
    assert github.keys == {f"Bearer {KEY}"}


def test_what_is_too_long_for_a_comment_is_cut() -> None:
    assert shortened("x" * LONGEST) == "x" * LONGEST
    cut = shortened("x" * (LONGEST + 1))
    assert len(cut) == LONGEST
    assert cut.endswith("the workflow's artifact has it.\n")
