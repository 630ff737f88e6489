"""Every recipe against plain fine-tuning: `python -m benchmarks.objectives [--arms NAME ...] [--equal tokens time]`.

The laptop's 8b learns from 2,000 examples of a teacher that is asked four times at a high temperature and is sometimes
wrong (its wrong replies are filtered out; REDI and DPO get them as negatives). Each recipe trains twice for each seed:
in as many steps of 16 rows as plain, so that all see as many tokens, and in as many as take the time of what it is
compared to, where a step takes longer or shorter. Steps are measured once, by the clock: keep a core free. A line for
each training tells the steps, accuracy on 500 questions asked plainly with a paired bootstrap over seeds and questions,
the calibration error of the student's answers (15 bins, confidence is the reply's probability), and accuracy on the
retention set. The setting was chosen once for all recipes, by plain's accuracy on the validation questions
(`--split validation --arms plain`). Results and students are kept in the folder as they come, and what is there is not
measured again: remove it after a change of code.
"""

import argparse
from pathlib import Path
from statistics import fmean
from subprocess import CalledProcessError
from typing import Any, NamedTuple

import torch
from ruamel.yaml import YAML

from benchmarks.students import LOG, STUDENT, Runs, difference, in_points
from stages.models.local import digest
from tests.architecture.closure import ROOT
from tools.recipe import settings

BASE = "data/laptop/models/base-8b"
COMMON = ["generate.temperature=1.2", "generate.num_samples=4", "train.keep=last", "predict.styles=plain"]
TRAINING = {"train", "objectives", "logits", "profiles"}  # sections of params.yaml
FROM_STUDENTS = ("from plain", "dare", "from answers", "transfer")
ALIKE = 0.15  # times that differ by less are the same; one measured twice differs by up to 0.1
STEPS_TO_MEASURE = 200
EQUAL = ["tokens", "time"]


class Arm(NamedTuple):
    overrides: list[str]
    baseline: str = "plain"  # the arm that it is compared to


def recipe_arms(params: dict[str, Any]) -> dict[str, Arm]:
    """Plain, LoRA, and every recipe about training that names no models which somebody else has tuned."""
    paths = [path for path in sorted((ROOT / "recipes").glob("*.yaml")) if path.stem not in FROM_STUDENTS]
    about_training = [path for path in paths if TRAINING & set(YAML(typ="safe").load(path))]
    recipes = {path.stem: Arm(settings(path, params)[1::2]) for path in about_training}
    lora = Arm([f"{STUDENT}.train.method=lora"])
    return {
        "plain": Arm([]),
        "lora": lora,
        **{name: arm._replace(baseline="lora") if "corda" in name else arm for name, arm in recipes.items()},
        "answers": Arm(["filter.target=answer"]),  # the newer base of `transfer`
    }


def start_arms(students: Path) -> dict[str, Arm]:
    """Arms that start from students of the arms above, each beside the same without its merge."""
    one, other, newer = (students / name for name in ("plain-1", "plain-2", "answers-1"))
    merged = [f"{STUDENT}.base.model=models/merged", f"{STUDENT}.base.revision=merged", f"merge.base={at(ROOT / BASE)}"]
    dare = ["merge.method=dare", f"merge.models='{at(one)} {at(other)}'", "merge.weights='0.5 0.5'", "merge.drop=0.9"]
    transfer = ["merge.method=transfer", f"merge.models={at(one)}", f"merge.onto={at(newer)}"]
    return {
        "from plain": Arm(starting(one)),
        "dare": Arm([*merged, *dare], "from plain"),
        "from answers": Arm(starting(newer)),
        "transfer": Arm([*merged, *transfer], "from answers"),
    }


def at(model: Path) -> str:
    return f"{model}@{digest(model)}"


def starting(model: Path) -> list[str]:
    return [f"{STUDENT}.base.model={model}", f"{STUDENT}.base.revision='{digest(model)}'"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--arms", nargs="+", default=[])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--equal", choices=EQUAL, nargs="+", default=EQUAL)
    parser.add_argument("--split", default="test")
    parser.add_argument("--folder", type=Path, default=ROOT / ".potstill/benchmark-objectives")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    runs = Runs(asked.folder, asked.split)
    common = [*COMMON, f"select.budget.rows={asked.rows}"]
    known = recipe_arms(YAML(typ="safe").load(ROOT / "params.yaml"))
    names = asked.arms or [*known, *FROM_STUDENTS]

    def get(name: str, seed: int, steps: int) -> dict[str, Any]:
        return runs.get(name, [*common, *known[name].overrides], seed, steps)

    def seconds(name: str) -> float:
        return runs.seconds(name, [*common, *known[name].overrides], STEPS_TO_MEASURE)

    for equal in asked.equal:
        for name in names:
            if name in FROM_STUDENTS:
                known |= start_arms(asked.folder / "students")
            baseline = known[name].baseline
            try:
                steps = asked.steps
                if equal == "time":
                    times = seconds(name) / seconds(baseline)
                    print(f"| {name} | a step takes {times:.2f} times that of {baseline} |", flush=True)
                    if abs(times - 1) < ALIKE:
                        continue
                    steps = max(1, round(asked.steps / times))
                theirs = [get(baseline, seed, asked.steps) for seed in asked.seeds]
                mine = [get(name, seed, steps) for seed in asked.seeds]
                print(told(name, baseline, equal, steps, mine, theirs), flush=True)
            except CalledProcessError as failed:
                print(f"| {name} | {failed.cmd[-1]} failed: {asked.folder / LOG} |", flush=True)


def told(
    name: str, baseline: str, equal: str, steps: int, mine: list[dict[str, Any]], theirs: list[dict[str, Any]]
) -> str:
    """A row of the table: accuracy, by seed, difference to its baseline, calibration error, retention."""
    seeds = " ".join(f"{fmean(run['right']) * 100:.1f}" for run in mine)
    right = fmean(fmean(run["right"]) for run in mine)
    ece, retained = (fmean(run[key] for run in mine) for key in ("ece", "retained"))
    return (
        f"| {name} | {baseline} | {equal} | {steps} | {right * 100:.1f} | {seeds} | "
        f"{in_points(difference(mine, theirs))} | {ece:.3f} | {retained * 100:.1f} |"
    )


if __name__ == "__main__":
    main()
