"""The page in a real browser: by keyboard, on a phone, through kills of the server, for whoever cannot see it well.

Skipped where Playwright (the extra `browser`) or Debian's chromium is missing.
"""

import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stages.rows.grades import read_clicks, standing
from tests.tools.grade import world

playwright = pytest.importorskip("playwright.sync_api", reason="pip install -e '.[browser]'")
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="pip install -e '.[browser]'")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on the path: apt-get install chromium"),
]
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
FLAGS += ["--disable-component-update", "--disable-sync"]
PHONE = {"width": 390, "height": 844}
PATH = "data/grades/laptop-summarization/anna.jsonl"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with playwright.sync_playwright() as started:
        chromium = started.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pairs")
    world.make(path, 110)
    return path


@pytest.fixture
def place(pairs: Path) -> Iterator[Path]:
    """Where nobody has graded yet."""
    yield pairs
    shutil.rmtree(pairs / "data/grades/laptop-summarization", ignore_errors=True)


def start(browser: Any, address: str, **options: Any) -> Any:
    """A page on which anna grades; it fails where the page's script does, or its policy stops something."""
    page = browser.new_context(**options).new_page()
    page.on("pageerror", lambda error: pytest.fail(str(error)))
    page.goto(address)
    page.keyboard.type("Anna")
    page.keyboard.press("Enter")
    page.wait_for_selector(".answer")
    return page


def count(page: Any) -> int:
    return int(page.get_attribute("main", "data-grades"))


def press(page: Any, key: str, wanted: int) -> None:
    page.keyboard.press(key)
    page.wait_for_selector(f'main[data-grades="{wanted}"]', timeout=10_000)


def better(page: Any) -> str:
    """The key that a fair grader presses."""
    left, right = (world.good(text) for text in page.locator(".pair .text").all_inner_texts())
    return "ArrowLeft" if left > right else "ArrowRight" if right > left else "t"


def test_a_hundred_pairs_without_the_mouse(browser: Any, place: Path) -> None:
    with world.serving(place) as (_, address):
        page = start(browser, address)
        began = time.monotonic()
        for number in range(100):
            press(page, better(page), number + 1)
        took = time.monotonic() - began
        assert page.inner_text("header").startswith("anna: 100 graded. ")
    print(f"100 pairs by keyboard in {took:.1f} s")
    clicks = read_clicks(place / PATH)
    assert len(clicks) == len(standing(clicks)) == 100
    assert all(grade.value("8b plain") == float(int(grade.id[1:]) % 3 > 0) for grade in clicks)
    assert {grade.grade for grade in clicks} == {"left", "right"}
    assert sum(grade.seconds for grade in clicks) < took + 10
    assert took < 200  # two seconds a pair, on a machine that is busy


def test_no_click_is_lost_where_the_server_is_killed(browser: Any, place: Path) -> None:
    """Killed as a click is under way: what was said to be saved is there, and what was not is said so."""
    saved = 0
    for _ in range(3):
        with world.serving(place) as (process, address):
            page = start(browser, address)
            assert count(page) == saved
            for _ in range(7):
                saved += 1
                press(page, better(page), saved)
            page.keyboard.press(better(page))
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
            page.wait_for_timeout(200)
            page.keyboard.press(better(page))
            page.wait_for_selector("text=The server does not answer: start it again")
            kept = len(read_clicks(place / PATH))
            assert saved <= count(page) <= kept <= saved + 1
            saved = kept
            page.context.close()


def test_undo_help_and_keys_that_are_switched_off(browser: Any, place: Path) -> None:
    with world.serving(place) as (_, address):
        page = start(browser, address)
        shown = page.inner_text(".pair")
        press(page, "ArrowLeft", 1)
        assert page.inner_text(".pair") != shown
        press(page, "u", 0)
        assert page.inner_text(".pair") == shown
        assert page.inner_text("#said") == "Saved: 0 graded."
        page.keyboard.press("?")
        page.wait_for_selector("dialog[open]")
        page.keyboard.press("ArrowRight")  # no grade while the help is open
        page.keyboard.press("Space")  # the focus is on the switch
        page.keyboard.press("Escape")
        page.wait_for_selector("dialog[open]", state="hidden")
        page.keyboard.press("ArrowRight")
        page.wait_for_timeout(300)
        assert count(page) == 0
        page.locator("button", has_text="Neither").focus()
        press(page, "Enter", 1)
    clicks = read_clicks(place / PATH)
    assert [grade.grade for grade in clicks] == ["left", None, "tie"]


def test_without_its_script_the_page_grades_too(browser: Any, place: Path) -> None:
    with world.serving(place) as (_, address):
        page = start(browser, address, java_script_enabled=False)
        page.click("text=A is better")
        page.wait_for_selector('main[data-grades="1"]')
        page.click("text=Undo")
        page.wait_for_selector('main[data-grades="0"]')


def test_a_phone_shows_the_buttons_and_needs_no_sideways_scrolling(browser: Any, tmp_path: Path) -> None:
    world.make(tmp_path, 3, words=30)
    with world.serving(tmp_path) as (_, address):
        page = start(browser, address, viewport=PHONE, has_touch=True)
        assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
        assert page.evaluate("document.documentElement.scrollHeight") > PHONE["height"]
        for button in page.locator(".answer button").all():  # in reach of the thumb from the first
            box = button.bounding_box()
            assert box["height"] >= 44
            assert box["y"] + box["height"] <= PHONE["height"]
        page.locator("button", has_text="B is better").tap()
        page.wait_for_selector('main[data-grades="1"]')


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_whoever_cannot_see_it_well_can_grade(scheme: str, browser: Any, place: Path) -> None:
    """By axe-core: labels, landmarks, headings, contrast (4.5 at least)."""
    with world.serving(place) as (_, address):
        page = start(browser, address, color_scheme=scheme)
        check(page)
        press(page, "t", 1)
        page.click("summary")
        assert page.evaluate("document.activeElement.tagName") != "BODY"
        check(page)
        page.keyboard.press("?")
        page.wait_for_selector("dialog[open]")
        check(page)
        page.goto(address.split("?")[0])
        check(page)


def test_a_reply_is_graded_by_each_line_with_the_digits(browser: Any, tmp_path: Path) -> None:
    world.make(tmp_path, 3, show="replies", control=0.0)
    with world.serving(tmp_path) as (_, address):
        page = start(browser, address)
        check(page)
        for number in range(3 * 2 * 5):
            assert page.locator(".lines [aria-current]").count() == 1
            press(page, str(number % 5 + 1), number + 1)
        assert page.inner_text("h1") == "All is graded."
        check(page)
        press(page, "u", 29)
    grades = standing(read_clicks(tmp_path / PATH))
    assert [grade.grade for grade in grades] == [number % 5 + 1 for number in range(29)]
    assert {grade.line for grade in grades} == {"informative", "coherent", "attributable", "concise", "overall"}


def check(page: Any) -> None:
    found = axe.Axe().run(page).response
    assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in found["violations"]] == []
    assert "color-contrast" in {one["id"] for one in found["passes"]}
