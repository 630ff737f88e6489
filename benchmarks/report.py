"""The report of a large study: `python -m benchmarks.report [--arms 50 --datasets 4 --seeds 5 --questions 1000]`.

Experiments are made as DVC leaves them (tests/tools/study/made.py), with drawn replies of two students; then
`python -m tools.study report` reads, grades and reports them. Seconds of the clock and of the processor, and the peak
of its memory.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.architecture.closure import ROOT
from tests.tools.study.made import drawn, make_project


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (("arms", 50), ("datasets", 4), ("seeds", 5), ("questions", 1000)):
        parser.add_argument(f"--{name}", type=int, default=default)
    asked = parser.parse_args()
    rows, decays = [64 * 2**i for i in range(5)], [i / 100 for i in range(-(-asked.arms // 5))]
    study: dict[str, Any] = {
        "about": "What is the best arm of many?",
        "datasets": {f"set{i}": "laptop-math" for i in range(asked.datasets)},
        "seeds": list(range(asked.seeds)),
        "common": {},
        "grid": {"select.budget.rows": rows, "train.weight_decay": decays},
        "arms": {},
        "leave_out": [],
        "compare": f"{rows[0]}-{decays[0]}",
        "budget": {"max_runs": 0, "max_cost": 0.0},
    }
    effects = {f"{r}-{d}": i / 3 - 0.6 - d for i, r in enumerate(rows) for d in decays}
    with tempfile.TemporaryDirectory() as folder:
        made = make_project(Path(folder) / "made", study, asked.questions, drawn(effects, asked.questions, 0.1))
        started = time.monotonic()
        command = [sys.executable, "-m", "tools.study", "report", "made"]
        subprocess.run(command, cwd=made.folder, check=True, env=os.environ | {"PYTHONPATH": str(ROOT)})
        seconds, used = time.monotonic() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
        size = (made.folder / "studies/made/report.html").stat().st_size / 1e6
    # of the children, git made the project in a few seconds; its memory is less than the report's
    print(
        f"{len(made.points):,} points of 2 students, {asked.questions:,} questions: {seconds:.1f} s, "
        f"{used.ru_utime + used.ru_stime:.1f} s of the processor, {used.ru_maxrss / 1024:,.0f} MB, page {size:.1f} MB"
    )


if __name__ == "__main__":
    main()
