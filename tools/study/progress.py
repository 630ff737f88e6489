"""Where a study stands: a live table in a terminal, plain lines elsewhere."""

import sqlite3
import time
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from rich.box import SIMPLE
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from stages.sampling.ledger.store import default_path
from tools.study.study import Point, Study, points
from tools.study.worker import Worker

REFRESH = 1  # times a second


class Progress:
    """What is told while a study runs."""

    def __init__(self, study: Study, done: set[str], workers: list[Worker], seconds: list[float]) -> None:
        self.study, self.done, self.workers = study, done, workers
        self.failed: list[Point] = []
        self._seconds = seconds  # that points took, in earlier runs too
        self._began, self._spent_before = time.monotonic(), spent(default_path())
        self._live: Live | None = None

    @contextmanager
    def shown(self) -> Generator[None]:
        console = Console()
        if not console.is_terminal:
            yield
            return
        with Live(get_renderable=self.table, console=console, refresh_per_second=REFRESH) as self._live:
            yield

    def ended(self, point: Point, how: str, seconds: float) -> None:
        """A point is done or failed."""
        if how == "done":
            self.done.add(point.name)
            self._seconds.append(seconds)
        else:
            self.failed.append(point)
        self.say(f"{how} {point.name} in {in_words(seconds)}; {self.summary()}")

    def say(self, line: str) -> None:
        print(line, flush=True)  # above the table, where there is one

    def running(self) -> list[Worker]:
        return [worker for worker in self.workers if worker.point is not None]

    def summary(self) -> str:
        num_points = len(points(self.study))
        num_running = len(self.running())
        left = num_points - len(self.done) - len(self.failed) - num_running
        parts = [
            f"{len(self.done)} of {num_points} done, {num_running} running, {left} left, {len(self.failed)} failed",
            f"spent {spent(default_path()) - self._spent_before:,.2f}",
            f"{in_words(time.monotonic() - self._began)} so far",
        ]
        if self._seconds and left + num_running:
            mean = sum(self._seconds) / len(self._seconds)
            parts.append(f"about {in_words(mean * (left + num_running / 2) / len(self.workers))} left")
        return ", ".join(parts)

    def table(self) -> Group:
        drawn = Table("data set", box=SIMPLE, title=f"study {self.study.name}")
        for name in ("done", "running", "left", "failed"):
            drawn.add_column(name, justify="right")
        running = {w.point.name for w in self.running() if w.point}
        failed = {point.name for point in self.failed}
        for dataset in self.study.file.datasets:
            count = Counter(
                "done"
                if p.name in self.done
                else "failed"
                if p.name in failed
                else "running"
                if p.name in running
                else "left"
                for p in points(self.study)
                if p.dataset == dataset
            )
            drawn.add_row(dataset, *(str(count[name]) for name in ("done", "running", "left", "failed")))
        at = [
            f"{w.point.name}: {w.stage()}, {in_words(time.monotonic() - w.started)}" for w in self.running() if w.point
        ]
        return Group(drawn, Text("\n".join([*at, self.summary()])))


def spent(ledger: Path) -> float:
    """On all replies that the ledger holds, as far as their price was known."""
    if not ledger.exists():
        return 0.0
    connection = sqlite3.connect(f"file:{ledger}?mode=ro", uri=True)
    ((cost,),) = connection.execute("SELECT total(cost) FROM replies")
    connection.close()
    return cost


def in_words(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return (
        f"{minutes // 60} h {minutes % 60:02} min"
        if minutes >= 60
        else f"{minutes} min"
        if minutes >= 5
        else (f"{minutes} min {rest:02} s" if minutes else f"{rest} s")
    )
