"""Say what a study takes, then run its points that are not done, each as an experiment of DVC."""

import fcntl
import json
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from stages.sampling.ledger.store import Ledger, default_path
from tools.study.estimate import Asked, asked
from tools.study.experiments import done
from tools.study.progress import Progress, in_words
from tools.study.stages import PARAMS, PIPELINE, Plan, git, plan, real
from tools.study.study import STUDIES, Point, Study, points
from tools.study.worker import HOME, Worker, hired, lines, log

SECONDS = HOME / "seconds.jsonl"  # what points took on this machine
POLL_SECONDS = 0.2
LINES_OF_LOG = 15


def run(study: Study, jobs: int, dry_run: bool) -> None:
    plans = {point.name: plan(point) for point in points(study)}
    check_same(study, plans)
    check_committed(plans)
    finished = done(plans)
    todo = [point for point in points(study) if point.name not in finished]
    with alone(), hired(jobs if todo else 0) as workers:
        took = seconds_of(study)
        needed = asked(todo, plans, workers[0], Ledger(default_path())) if todo else Asked()
        print("\n".join(forecast(study, plans, todo, needed, took, jobs)), flush=True)
        check_budget(study, len(todo), needed)
        if dry_run or not todo:
            return
        progress = Progress(study, set(finished), workers, took)
        with progress.shown():
            run_points(todo, plans, finished, workers, progress)
    print(progress.summary())
    for point in progress.failed:
        print("\n".join([f"\nfailed: {point.name}, see {log(point)}", *lines(log(point))[-LINES_OF_LOG:]]))
    if progress.failed:
        raise SystemExit(1)


def run_points(
    todo: list[Point], plans: dict[str, Plan], finished: dict[str, str], workers: list[Worker], progress: Progress
) -> None:
    """No stage is run by two workers at once: a point waits while another makes what both need."""
    made = {key for name in finished for key in plans[name].keys.values()}
    left = list(todo)
    while left or progress.running():
        for worker in workers:
            if worker.point is None:
                if point := startable(left, plans, made, progress.running()):
                    left.remove(point)
                    worker.start(point, plans[point.name])
            elif (how := worker.poll()) != "running":
                point, seconds = worker.point, time.monotonic() - worker.started
                if how == "done":
                    worker.collect()
                    made |= set(plans[point.name].keys.values())
                    with SECONDS.open("a") as file:
                        file.write(json.dumps({"point": point.name, "seconds": round(seconds, 1)}) + "\n")
                worker.point = None
                progress.ended(point, how, seconds)
        time.sleep(POLL_SECONDS)


def startable(left: list[Point], plans: dict[str, Plan], made: set[str], running: list[Worker]) -> Point | None:
    making = {key for worker in running if worker.point for key in plans[worker.point.name].keys.values()} - made
    return next((point for point in left if making.isdisjoint(plans[point.name].keys.values())), None)


def forecast(
    study: Study, plans: dict[str, Plan], todo: list[Point], needed: Asked, took: list[float], jobs: int
) -> list[str]:
    to_run = {point.name for point in todo}
    made = {key for name in plans.keys() - to_run for key in plans[name].keys.values()}
    stages = {key for name in to_run for key in plans[name].keys.values()} - made
    return [
        f"study {study.name}: {len(plans)} points, {len(plans) - len(todo)} done, {len(todo)} to run",
        f"stages: at most {len(stages)}, those that points share counted once; "
        f"{sum(len(plans[name].keys) for name in to_run)} if each point ran alone",
        f"the teacher: {needed.requests:,} requests, {needed.requests - needed.missing:,} in the ledger, "
        f"{needed.missing:,} to ask: about {needed.prompt_tokens:,} prompt tokens, at most "
        f"{needed.completion_tokens:,} completion tokens, cost "
        f"{'unknown' if needed.cost is None else f'at most {needed.cost:,.2f}'}",
        f"time: about {in_words(len(todo) * sum(took) / len(took) / jobs)} with {jobs} at once"
        if took
        else "time: not known before the first point is done",
    ]


def check_same(study: Study, plans: dict[str, Plan]) -> None:
    by_key: dict[str, str] = {}
    for name, planned in plans.items():
        if (other := by_key.setdefault(planned.key, name)) != name:
            raise SystemExit(
                f"{STUDIES / study.name}.yaml: got {other} and {name}, which are the same experiment, wanted one of "
                f"them in `leave_out`"
            )


def check_committed(plans: dict[str, Plan]) -> None:
    """An experiment hangs on a commit, so what it reads must be in it."""
    read = sorted({PARAMS, PIPELINE, *(real(path) for planned in plans.values() for path in planned.inputs)})
    if changed := git("status", "--porcelain", "--untracked-files=all", "--", *read).splitlines():
        raise SystemExit(
            f"got changes of {', '.join(line[3:] for line in changed)} that are not committed, wanted them committed: "
            f"each experiment starts from the last commit"
        )


def check_budget(study: Study, num_runs: int, needed: Asked) -> None:
    """Raises SystemExit where the study would take more than its file allows."""
    budget, file = study.file.budget, STUDIES / f"{study.name}.yaml"
    if budget.max_runs and num_runs > budget.max_runs:
        raise SystemExit(f"{file}: budget.max_runs: got {num_runs} points to run, wanted {budget.max_runs} at most")
    if budget.max_cost and needed.cost is None:
        raise SystemExit(
            f"{file}: budget.max_cost: got {budget.max_cost:g} and no prices of the teacher, wanted its prompt_price "
            f"and completion_price in params.yaml, or 0.0 for no limit"
        )
    if budget.max_cost and (needed.cost or 0) > budget.max_cost:
        raise SystemExit(
            f"{file}: budget.max_cost: got {needed.cost:,.2f} that the teacher may cost, wanted {budget.max_cost:g} at "
            f"most"
        )


def seconds_of(study: Study) -> list[float]:
    names = {point.name for point in points(study)}
    rows = [json.loads(line) for line in lines(SECONDS)]
    return [row["seconds"] for row in rows if row["point"] in names]


@contextmanager
def alone() -> Generator[None]:
    """One study at a time in a checkout. The kernel lets the lock go when its process ends, however it ends."""
    HOME.mkdir(parents=True, exist_ok=True)
    with Path(HOME / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SystemExit(
                "got another study that is running in this checkout, wanted none: wait until it ends"
            ) from None
        yield
