"""Weights of the hub are on this machine before processes start that would wait for each other to get them."""

import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from huggingface_hub import constants

from stages.sampling.dated import texts
from stages.train import base
from stages.train.params import Params, load
from tests.architecture.closure import ROOT
from tests.train.place import BASE, examples, make, train_here
from tools.plan.candidates import on_cpu

COMMIT = "0123456789abcdef0123456789abcdef01234567"
BESIDE = {"consolidated.safetensors": b"once more", "original/consolidated.00.pth": b"a pickle"}


@contextmanager
def hub(got: Counter[str]) -> Iterator[str]:
    """The address of one that has the laptop's base; `got` counts the files that are asked for."""
    files = {path.name: path.read_bytes() for path in BASE.iterdir()} | BESIDE

    class Handler(BaseHTTPRequestHandler):
        def answer(self, status: int, content: bytes) -> None:
            self.send_response(status)
            self.send_header("X-Repo-Commit", COMMIT)
            self.send_header("ETag", f'"{len(content)}"')
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(content)

        def do_GET(self) -> None:
            name = self.path.partition(f"/resolve/{COMMIT}/")[2]
            if name in files:
                got[name] += self.command == "GET"
                self.answer(200, files[name])
            elif self.path.startswith(f"/api/models/org/base/revision/{COMMIT}"):
                siblings = [{"rfilename": name} for name in files]
                self.answer(200, json.dumps({"id": "org/base", "sha": COMMIT, "siblings": siblings}).encode())
            elif self.path.startswith(f"/api/models/org/base/tree/{COMMIT}"):
                tree = [{"type": "file", "path": name, "size": len(files[name]), "oid": name} for name in files]
                self.answer(200, json.dumps(tree).encode())
            else:
                self.answer(404, b"")

        do_HEAD = do_GET

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def ask(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    template = constants.HUGGINGFACE_CO_URL_TEMPLATE.replace(constants.ENDPOINT, address)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "ENDPOINT", address)


@pytest.fixture
def params(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Params:
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    params = load("8b")
    return params.model_copy(update={"base": params.base.model_copy(update={"model": "org/base", "revision": COMMIT})})


def test_each_file_that_is_read_is_fetched_once(params: Params, monkeypatch: pytest.MonkeyPatch) -> None:
    got = Counter[str]()
    with hub(got) as address:
        ask(address, monkeypatch)
        base.fetch(params, "8b")
        assert got["model.safetensors"] == got["tokenizer.json"] == 1
        assert not got.keys() & BESIDE.keys()
        base.load(params, on_cpu(batch=4), "8b")
        base.fetch(params, "8b")
        assert set(got.values()) == {1}


def test_a_template_of_the_hub_is_read_for_the_key(params: Params, monkeypatch: pytest.MonkeyPatch) -> None:
    """The laptop's has no date; it is fetched once."""
    got = Counter[str]()
    with hub(got) as address:
        ask(address, monkeypatch)
        for _ in range(2):
            (template, settings) = texts("org/base", COMMIT)
            assert (template, "pad_token" in settings) == ((BASE / "chat_template.jinja").read_text(), True)
        assert got == {"chat_template.jinja": 1, "tokenizer_config.json": 1}


def test_what_cannot_be_fetched_is_named(params: Params, monkeypatch: pytest.MonkeyPatch) -> None:
    with hub(Counter()) as address:
        ask(address, monkeypatch)
        gone = params.model_copy(update={"base": params.base.model_copy(update={"model": "org/gone"})})
        with pytest.raises(
            SystemExit, match=rf"^train-8b: model org/gone at {COMMIT}: (.|\n)*Check `model` and `revision`"
        ):
            base.fetch(gone, "8b")


def test_a_folder_is_there_already(params: Params) -> None:
    base.fetch(load("8b"), "8b")


def test_it_is_done_before_the_launch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fetch(params: Params, student: str) -> None:
        raise SystemExit(f"train-{student}: fetched")

    monkeypatch.setattr(base, "fetch", fetch)
    code, printed = train_here(make(tmp_path, examples(16), [], num_processes=2, rows_per_device=8))
    assert (code, printed.strip().splitlines()[-1]) == (1, "train-8b: fetched")
