"""The page's server over real HTTP: what it refuses, what it keeps, and that nothing it says tells whose reply it is."""

import asyncio
import http.client
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

import pytest
from aiohttp import web

from stages.rows.grades import read_clicks, standing
from tests.tools.grade import world
from tools.grade.files import append, path_of
from tools.grade.progress import next_step
from tools.grade.server import to_app
from tools.grade.shown import Shown

TOKEN = "a-token"


class Answer(NamedTuple):
    status: int
    text: str
    headers: http.client.HTTPMessage


@contextmanager
def serving(shown: Shown) -> Iterator[int]:
    """Its port."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        loop, port = asyncio.new_event_loop(), server.getsockname()[1]
        runner = web.AppRunner(to_app(shown, TOKEN, port))

        async def start() -> None:
            await runner.setup()
            await web.SockSite(runner, server).start()

        loop.run_until_complete(start())
        thread = threading.Thread(target=loop.run_forever)
        thread.start()
        try:
            yield port
        finally:
            asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result()
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()


@pytest.fixture
def port(shown: Shown, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    monkeypatch.chdir(tmp_path)
    with serving(shown) as port:
        yield port


def ask(port: int, path: str, form: dict[str, Any] | None = None, **headers: str | None) -> Answer:
    """As the page itself asks, but for these headers; None leaves one out."""
    own: dict[str, str | None] = {"Host": f"127.0.0.1:{port}", "Cookie": f"grade-{port}={TOKEN}"}
    if form is not None:
        own |= {"Origin": f"http://127.0.0.1:{port}", "Content-Type": "application/x-www-form-urlencoded"}
    sent = {name: value for name, value in (own | headers).items() if value is not None}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET" if form is None else "POST", path, urlencode(form) if form else None, sent)
        answer = connection.getresponse()
        return Answer(answer.status, answer.read().decode(), answer.headers)
    finally:
        connection.close()


def click(shown: Shown, number: int = 0, grade: str = "left", grader: str = "anna") -> dict[str, Any]:
    return {"as": grader, "step": shown.steps[number].name, "grade": grade, "seconds": "1.5"}


@pytest.mark.parametrize(
    "headers",
    [
        {"Cookie": None},
        {"Cookie": "grade-1=a-token"},  # of a page at another port
        {"Origin": "https://example.org"},
        {"Origin": "null"},
        {"Origin": None},  # no browser leaves it out of a POST
        {"Host": "example.org"},  # a name that was rebound to this machine
    ],
    ids=str,
)
def test_another_origin_and_a_missing_token_are_refused(headers: dict[str, Any], port: int, shown: Shown) -> None:
    answer = ask(port, "/grade", click(shown), **headers)
    assert answer.status == 403
    assert not Path("data/grades").exists()
    if "Origin" not in headers:
        pages = [ask(port, path, **headers) for path in ("/", "/grade?as=anna", "/page.js")]
        assert {page.status for page in pages} == {403}
        assert not any("shells" in page.text for page in pages)
    assert ask(port, "/grade?as=anna", Origin="https://example.org").status == 403
    assert ask(port, "/?token=wrong", Cookie=None).status == 403


def test_the_token_goes_from_the_address_into_a_cookie_that_no_script_reads(port: int) -> None:
    answer = ask(port, f"/?token={TOKEN}", Cookie=None)
    assert (answer.status, answer.headers["Location"]) == (303, "/")
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith(f"grade-{port}={TOKEN};")
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    policy = ask(port, "/").headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy


def test_a_click_is_a_line_undo_adds_one_and_the_next_is_shown(port: int, shown: Shown) -> None:
    saved = ask(port, "/grade", click(shown, grader=" Zoë "))
    assert (saved.status, saved.headers["Location"]) == (303, "/grade?as=zo%C3%AB")
    assert ask(port, "/grade", click(shown, 1, "tie", "zoë")).status == 303
    assert ask(port, "/undo", {"as": "zoë"}).status == 303
    path = Path("data/grades/laptop-summarization/zoë.jsonl")
    clicks = read_clicks(path)
    assert clicks == [
        shown.steps[0].graded("left", 1.5),
        shown.steps[1].graded("tie", 1.5),
        shown.steps[1].graded(None, 1.5),
    ]
    assert next_step(shown, standing(clicks)) == shown.steps[1]
    page = ask(port, "/grade?as=zo%C3%AB").text
    assert f'value="{shown.steps[1].name}"' in page
    assert "zoë: 1 graded." in page
    assert ask(port, "/undo", {"as": "zoë"}).status == 303
    assert ask(port, "/undo", {"as": "zoë"}).status == 400  # nothing is left
    assert 'name="step"' in ask(port, "/grade?as=bob").text
    assert [one.name for one in path.parent.iterdir()] == ["zoë.jsonl"]  # to look makes no file


def test_the_page_tells_neither_arm_nor_repeat_and_shows_texts_as_they_are(
    shown: Shown, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    number = next(number for number, step in enumerate(shown.steps) if step.is_repeat)
    attack = "<script>alert(1)</script> & more"
    views = {arm: dict.fromkeys(found, attack) for arm, found in shown.views.items()}
    with serving(shown._replace(views=views)) as port:
        append(path_of(shown.dataset, "anna") or Path(), [step.graded("left", 1.0) for step in shown.steps[:number]])
        page = ask(port, "/grade?as=anna").text
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; more" in page
    assert page.count("<script") == 1
    assert not any(word in page for word in ("8b plain", "base-", "repeat"))
    assert f'value="{shown.steps[number].name}"' in page


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ({"step": "gone"}, "What was graded is not shown any more: reload the page."),
        ({"as": "../x"}, "What was graded is not shown any more: reload the page."),
        ({"grade": "4"}, "Got the grade '4', wanted one that the page offers."),
        ({"seconds": "soon"}, "Got the grade 'left', wanted one that the page offers."),
    ],
    ids=str,
)
def test_what_the_page_does_not_offer_is_not_kept(form: dict[str, str], told: str, port: int, shown: Shown) -> None:
    answer = ask(port, "/grade", click(shown) | form)
    assert (answer.status, answer.text) == (400, told)
    assert not Path("data").exists()
    assert "A name has 1 to 40 letters" in ask(port, "/grade?as=..%2Fx").text


def test_a_click_that_the_disk_does_not_take_is_not_said_to_be_saved(
    port: int, shown: Shown, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(port, "/grade", click(shown))
    path = Path("data/grades/laptop-summarization/anna.jsonl")
    before, write = path.read_bytes(), os.write
    with monkeypatch.context() as full:
        full.setattr(os, "write", lambda file, text: write(file, text[: len(text) // 2] if b'"arms"' in text else text))
        answer = ask(port, "/grade", click(shown, 1))
    assert (answer.status, answer.text) == (507, f"{path}: No space left on device.")
    assert path.read_bytes() == before
    assert ask(port, "/grade", click(shown, 1)).status == 303


def test_a_line_that_a_crash_tore_is_cut_off(shown: Shown, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = path_of(shown.dataset, "anna")
    assert path
    append(path, [shown.steps[0].graded("left", 1.0)])
    with path.open("a") as file:
        file.write('{"id": "t1", "ar')
    append(path, [shown.steps[1].graded("right", 1.0)])
    assert [grade.grade for grade in read_clicks(path)] == ["left", "right"]


def test_a_last_line_that_an_editor_left_without_an_end_is_kept(
    shown: Shown, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = path_of(shown.dataset, "anna")
    assert path
    append(path, [shown.steps[0].graded("left", 1.0)])
    path.write_text(path.read_text().rstrip("\n"))
    append(path, [shown.steps[1].graded("right", 1.0)])
    assert [grade.grade for grade in read_clicks(path)] == ["left", "right"]


def test_graders_have_a_file_each_and_the_same_order(port: int, shown: Shown) -> None:
    for grader in ("anna", "bob", "Anna"):
        assert ask(port, "/grade", click(shown, grader=grader)).status == 303
    assert sorted(path.name for path in Path("data/grades/laptop-summarization").iterdir()) == [
        "anna.jsonl",
        "bob.jsonl",
    ]
    assert all(f'value="{shown.steps[1].name}"' in ask(port, f"/grade?as={name}").text for name in ("anna", "bob"))
    assert 'href="/grade?as=bob"' in ask(port, "/").text
    assert len(shown.prompts) == world.NUMBER
