"""The report of a study, from experiments as DVC leaves them (made.py)."""

import re
from contextlib import chdir
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from stages.statistics.intervals import wilson
from tests.tools.study.made import Made, commit, forget, git, make_project, metrics_of
from tools.study.report import write_report
from tools.study.rows import is_same, read_experiments
from tools.study.scores import read_dataset
from tools.study.study import Point, read_study

STUDY: dict[str, Any] = {
    "about": "Is <reasoning> learnt?",
    "datasets": {"math": "laptop-math", "more": "laptop-math"},
    "seeds": [1, 2],
    "common": {},
    "grid": {"generate.styles": ["plain", "cot"], "filter.target": ["answer", "reasoning"]},
    "arms": {},
    "leave_out": [{"generate.styles": "plain", "filter.target": "reasoning"}],
    "compare": "plain-answer",
    "budget": {"max_runs": 0, "max_cost": 0.0},
}
RIGHT = {"plain-answer": 20, "cot-answer": 24, "cot-reasoning": 36}  # of 40 questions, the first of them


def is_right(point: Point, student: str) -> list[bool]:
    """The second seed gets two more; the larger student is better by one."""
    number = RIGHT[point.arm] + 2 * (point.seed == 2) + (student == "70b")
    return [place < number for place in range(40)]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    made = make_project(tmp_path_factory.mktemp("study") / "made", STUDY, 40, is_right)
    report(made)
    return made


def report(made: Made) -> tuple[str, str]:
    with chdir(made.folder):
        write_report(read_study("made"))
    return written(made)


def written(made: Made) -> tuple[str, str]:
    html, markdown = (made.folder / f"studies/made/report.{kind}" for kind in ("html", "md"))
    return html.read_text(), markdown.read_text()


def row(markdown: str, *cells: str) -> list[str]:
    """The first row of a table that begins with these cells."""
    start = "| " + " | ".join(cells) + " |"
    line = next(line for line in markdown.splitlines() if line.startswith(start))
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_the_best_arm_is_told_with_what_is_as_good(made: Made) -> None:
    _, markdown = written(made)
    # (36 + 38) / 2 of 40 for the 8b, one more for the 70b
    assert row(markdown, "8b, math")[1:4] == ["accuracy", "cot-reasoning", "92.5"]
    assert row(markdown, "all students, math + more")[2:4] == ["cot-reasoning", "93.8"]
    assert row(markdown, "8b, math")[5] == "none"


def test_an_effect_is_over_arms_that_differ_in_nothing_else(made: Made) -> None:
    """cot against plain: only plain-answer and cot-answer differ in the style alone, by 4 of 40."""
    _, markdown = written(made)
    style = row(markdown, "8b, math", "generate.styles")
    assert style[2:5] == ["cot", "plain", "+10.0"]
    assert style[7] == "1"
    assert row(markdown, "8b, math", "filter.target")[2:5] == ["reasoning", "answer", "+30.0"]
    assert row(markdown, "8b, math + more", "generate.styles")[7] == "2"


def test_cost_tokens_and_the_front_are_those_of_the_metrics(made: Made) -> None:
    """A student that reasons costs twice as much, and the 70b twice as much as the 8b (made.py)."""
    _, markdown = written(made)
    assert row(markdown, "math", "8b", "cot-reasoning")[3:] == ["92.5", "0.0144", "2", "3,400", "0.01", "1,920"]
    assert row(markdown, "math", "8b", "plain-answer")[5] == "1"
    assert row(markdown, "math", "8b", "cot-answer")[5] == ""
    assert row(markdown, "math", "teacher", "cot")[3:6] == ["90.0", "0.07", ""]


def test_forgetting_is_against_the_base_on_the_same_questions(made: Made) -> None:
    """The base gets all 20, the 8b 15 and the 70b 10."""
    _, markdown = written(made)
    assert row(markdown, "8b, math", "plain-answer", "+25.0")
    assert row(markdown, "70b, math", "plain-answer", "+50.0")


def test_failures_are_counted_by_their_kind(made: Made) -> None:
    html, markdown = written(made)
    assert row(markdown, "8b, math", "plain-answer", "52.5", "47.5", "0.0", "0.0", "0.0")
    assert "<th>wrong</th>" in html  # of the filter, 24 of 100 replies that reason
    assert "<td>24.0</td>" in html


def test_questions_are_those_that_part_the_arms_with_their_replies(made: Made) -> None:
    """From question 22 on plain-answer's 8b is wrong with both seeds; until 23 the other arms are right with both."""
    html, markdown = written(made)
    first = row(markdown[markdown.index("differ most") :], "math", "8b")
    assert first[2:] == ["test-0022", "plain-answer 0.0, cot-answer 100.0, cot-reasoning 100.0"]
    shown = html[html.index('id="question-1"') : html.index('id="question-2"')]
    assert "What is 22 + 1?" in shown
    assert shown.count("22 + 1 = 23. #### 23") == 2
    assert shown.count("23 + 1 = 24. #### 24") == 1
    assert "--model 8b --id test-0022" in shown


class Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.ids, self.targets, self.loaded = set[str](), set[str](), list[str]()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id":
                self.ids.add(value or "")
            elif name in ("href", "xlink:href"):
                self.targets.add(value or "")
            elif name == "src":
                self.loaded.append(value or "")


def test_every_link_leads_to_an_experiment_of_the_page_and_nothing_is_loaded(made: Made) -> None:
    links = Links()
    links.feed(written(made)[0])
    assert links.targets <= {f"#{id}" for id in links.ids}
    assert {point.name for point in made.points} <= links.ids
    assert "#made-math-plain-answer-2" in links.targets  # the stroke of a seed
    assert not links.loaded


def test_what_people_and_models_wrote_is_text_in_the_page(made: Made) -> None:
    html, _ = written(made)
    assert "<h1>Is &lt;reasoning&gt; learnt?</h1>" in html


def test_the_same_results_give_the_same_bytes(made: Made) -> None:
    """Those of a study that was run again, or killed midway: the commits of its experiments have other times."""
    before = written(made)
    point = made.points[0]
    with chdir(made.folder):
        (found,), _ = read_experiments([point])
    reference = git(made.folder, "for-each-ref", "--format=%(refname)", f"refs/exps/**/{point.name}")
    said = git(made.folder, "log", "-1", "--format=%s", found.revision)
    again = git(made.folder, "commit-tree", "-m", said, f"{found.revision}^{{tree}}")
    git(made.folder, "update-ref", reference, again)
    assert report(made) == before
    assert str(made.folder) not in "".join(before)
    assert not re.search(r"20\d\d-\d\d-\d\d|\d\d:\d\d:\d\d", "".join(before))


def test_a_point_without_rows_is_named_and_the_rest_is_reported(
    made: Made, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tools.study.charts.draw", lambda spec: "")  # drawing takes most of the time
    lost = next(point for point in made.points if point.arm == "cot-answer" and point.seed == 2)
    reference = git(made.folder, "for-each-ref", "--format=%(refname)", f"refs/exps/**/{lost.name}")
    revision = git(made.folder, "rev-parse", reference)
    git(made.folder, "update-ref", "-d", reference)
    before = written(made)
    try:
        _, markdown = report(made)
    finally:
        git(made.folder, "update-ref", reference, revision)
        for kind, text in zip(("html", "md"), before, strict=True):
            (made.folder / f"studies/made/report.{kind}").write_text(text)
    assert f"without {lost.name}: there is no such experiment" in capsys.readouterr().out
    assert row(markdown, lost.name) == [lost.name, "there is no such experiment"]
    assert row(markdown, "cot-answer", "60.0")  # of its other seed alone
    assert "one seed" in " ".join(markdown.split())


def test_rows_that_are_not_in_the_cache_are_said_to_be(made: Made) -> None:
    with chdir(made.folder):
        found, _ = read_experiments(made.points)
        place = found[0].read["data/predictions/8b.parquet"]
        away = place.rename(place.with_suffix(".away"))
        rest, missing = read_experiments(made.points)
        away.rename(place)
    told = "data/predictions/8b.parquet is not in DVC's cache; `dvc fetch` or `dvc exp pull` brings it"
    # equal bytes are kept once: the same replies of the other data set are gone too
    assert [(name, why) for name, why in missing if name == found[0].point.name] == [(found[0].point.name, told)]
    assert len(rest) + len(missing) == len(made.points)


def test_an_experiment_of_other_parameters_is_not_the_point(made: Made) -> None:
    """A study's file that was edited since: its name is the same."""
    point = made.points[0]
    edited = point._replace(settings={**point.settings, "train.seed": 7})
    with chdir(made.folder):
        _, missing = read_experiments([edited])
    assert missing == [(point.name, "it was run with train.seed 1, wanted 7")]


def test_an_experiment_of_other_parameters_than_those_of_the_point_is_not_it_either(made: Made) -> None:
    """What `run` would run again is not reported as if it were there."""
    params = made.folder / "params.yaml"
    before = params.read_text()
    params.write_text(before.replace("max_grad_norm: 1.0", "max_grad_norm: 2.0"))
    forget()
    try:
        with chdir(made.folder):
            _, missing = read_experiments(made.points[:1])
    finally:
        params.write_text(before)
        forget()
    assert missing == [(made.points[0].name, "it was run with other code, data or parameters of params.yaml")]


@pytest.mark.parametrize(
    ("written", "wanted"),
    [("5e-05", 0.00005), ("1", 1), ("true", True), ("off", "off"), ("", None), ("null", None), ("0.10", 0.1)],
)
def test_a_parameter_is_compared_by_what_it_means(written: str, wanted: Any) -> None:
    assert is_same(written, wanted)
    assert not is_same("2", wanted)


def test_of_two_experiments_of_a_name_the_newest_counts(made: Made, tmp_path: Path) -> None:
    """One hangs on the commit it started from, so a name comes again on another commit."""
    point = made.points[0]
    with chdir(made.folder):
        (found,), _ = read_experiments([point])
    lock = git(made.folder, "show", f"{found.revision}:dvc.lock")
    git(made.folder, "commit", "--allow-empty", "-qm", "later")
    later = git(made.folder, "rev-parse", "HEAD")
    with chdir(made.folder):
        stream = commit(later, point, lock + "\n", metrics_of(point)).replace(b"1700000000", b"1800000000")
    (tmp_path / "stream").write_bytes(stream)
    git(made.folder, "-c", "alias.in=!git fast-import --quiet <", "in", str(tmp_path / "stream"))
    with chdir(made.folder):
        (newest,), _ = read_experiments([point])
    assert newest.revision != found.revision
    assert git(made.folder, "rev-parse", f"{newest.revision}^") == later


def test_seeds_that_differ_widen_an_interval_beyond_wilsons(made: Made) -> None:
    """Which takes 80 answers to 40 questions for independent."""
    with chdir(made.folder):
        found, _ = read_experiments([point for point in made.points if point.dataset == "math"])
    dataset = read_dataset("math", found)
    assert dataset.by_seed["8b", "plain-answer"] == [0.5, 0.55]
    _, markdown = written(made)
    low, high = map(float, row(markdown, "plain-answer", "52.5")[2].split(" to "))
    narrow = wilson(42, 80, 0.95)
    assert low < 100 * narrow[0] < 100 * narrow[1] < high


def test_no_experiment_at_all_is_one_clear_line(made: Made) -> None:
    with (
        chdir(made.folder),
        pytest.raises(SystemExit, match=r"got none of its 12 experiments, .*`python -m tools.study run other`"),
    ):
        write_report(read_study("made")._replace(name="other"))
