"""What is told while a study runs."""

from pathlib import Path

from rich.console import Console

from tools.study.progress import Progress, in_words
from tools.study.study import points, read_study
from tools.study.worker import HOME, Worker


def test_the_table_counts_each_point_once_and_tells_the_time_left(project: Path) -> None:
    study = read_study("tiny")
    first, second, third, *_ = points(study)
    worker = Worker(project, "", {}, point=second)
    HOME.mkdir(parents=True)
    (HOME / f"{second.name}.log").write_text("Running stage 'prepare':\nRunning stage 'train@small':\n> python\n")
    progress = Progress(study, {first.name}, [worker, Worker(project, "", {})], [100.0, 140.0])
    progress.failed.append(third)
    console = Console(width=140)
    with console.capture() as captured:
        console.print(progress.table())
    rows = [line.split() for line in captured.get().splitlines()]
    assert ["a", "1", "1", "1", "1"] in rows  # done, running, left, failed
    assert ["b", "0", "0", "2", "0"] in rows
    assert "tiny-a-low-2: train@small, " in captured.get()
    # two workers, three points left and half of the one that runs, two minutes each
    assert "1 of 6 done, 1 running, 3 left, 1 failed, spent 0.00, 0 s so far, about 3 min 30 s left" in captured.get()


def test_times_are_told_as_exactly_as_they_are_known() -> None:
    assert [in_words(seconds) for seconds in (9.6, 90, 299, 301, 3599, 7260)] == [
        *("10 s", "1 min 30 s", "4 min 59 s", "5 min", "59 min", "2 h 01 min"),
    ]
