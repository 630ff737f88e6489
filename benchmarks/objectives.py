"""Every objective against plain fine-tuning: `python -m benchmarks.objectives [--seeds 1 2 3] [--rows 500] [--steps 200]`.

The laptop's 8b learns from `rows` examples of a teacher that is asked four times at a high temperature and is sometimes
wrong (its wrong replies are filtered out, REDI gets them as negatives), in `steps` steps of 16 rows for every recipe, so
that all see as many rows. Accuracy on the test questions with a paired bootstrap over questions and seeds, steps a second
relative to plain, the calibration error of the student's answers (15 bins, confidence is the reply's probability), and
the accuracy on the retention set lost against the base. The setting was chosen once, for all recipes.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import torch
from ruamel.yaml import YAML

from stages.evaluate.grade import grade, read_predictions
from stages.rows.prompt import Prompt, read_prompts
from stages.statistics.intervals import compare
from stages.train.objectives.first import calibration_error
from tests.architecture.closure import ROOT
from tests.settings import copy_settings
from tools.recipe import settings

SKIPPED = ("transfer", "dare", "corda-ipm", "corda-kpm")  # where training starts, not what it is towards
STUDENT = "profiles.laptop.student-8b.train"
COMMON = ["generate.temperature=1.2", "generate.num_samples=4", "train.keep=last", "predict.styles=plain"]
MARK = "####"


def run(stage: str, folder: Path, log: Path) -> float:
    """Seconds of the stage."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "DVC_ROOT": str(ROOT), "OMP_NUM_THREADS": "2"}
    start = time.perf_counter()
    with log.open("a") as file:
        command = [sys.executable, "-m", *f"stages.{stage}".split()]
        subprocess.run(command, cwd=folder, env=environment, check=True, stdout=file, stderr=file)
    return time.perf_counter() - start


def prepare(folder: Path, overrides: list[str], rows: int) -> None:
    """The graph up to the rows that are learnt; the replies are kept in the ledger."""
    folder.mkdir()
    copy_settings(folder, *COMMON, f"select.budget.rows={rows}", *overrides)
    for shared in ("data/laptop", "data/retention", "data/sets/laptop-math/rows"):
        (folder / shared).parent.mkdir(parents=True, exist_ok=True)
        source = "data/laptop/problems" if shared.endswith("rows") else shared
        (folder / shared).symlink_to(ROOT / source)
    for stage in ("prompts", "generate", "filter", "score", "select", "logits", "merge"):
        run(stage, folder, folder / "log")


def measure(folder: Path, overrides: list[str], seed: int, steps: int) -> dict[str, Any]:
    """Train and ask the student; rows seen are the same for every recipe."""
    lines = sum(len((folder / f"data/selected/{name}.jsonl").read_text().splitlines()) for name in sources(folder))
    epochs = steps / -(-lines // 16)
    copy_settings(folder, *COMMON, *overrides, f"train.seed={seed}", f"{STUDENT}.num_epochs={epochs:.6f}")
    run("train 8b", folder, folder / "log")
    run("predict 8b", folder, folder / "log")
    report = json.loads((folder / "metrics/train-8b.json").read_text())["train-8b"]
    said = [line for line in (folder / "log").read_text().splitlines() if "tokens in" in line][-1]
    seconds = float(said.split(" tokens in ")[1].split(" s of steps")[0])
    predictions = read_predictions(folder / "data/predictions/8b.parquet")
    test = read_prompts(folder / "data/prompts/test.jsonl")
    retained = [p for p in read_prompts(folder / "data/prompts/retention.jsonl") if p.task != "conversation"]
    right = rights([p for p in predictions if p.split == "test"], test)
    texts = {p.id: p.text for p in predictions if p.split == "test"}
    confidence = confidences(folder / "models/8b", test, texts)
    return {
        "right": right,
        "retained": fmean(rights([p for p in predictions if p.split == "retention"], retained)),
        "ece": calibration_error(np.array(confidence), np.array(right)),
        "steps_per_second": report["steps"] / seconds,
    }


def sources(folder: Path) -> list[str]:
    learns_negatives = YAML(typ="safe").load(folder / "params.yaml")["train"]["objective"] == "redi"
    return ["train", "negatives"] if learns_negatives else ["train"]


def rights(predictions: list[Any], prompts: list[Prompt]) -> list[float]:
    return [float(outcome == "right") for outcome in grade(predictions, prompts, "plain", MARK, False).outcomes]


def confidences(model: Path, prompts: list[Prompt], texts: dict[str, str]) -> list[float]:
    """The probability that the student gives to each of its replies as a whole."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer: Any = AutoTokenizer.from_pretrained(model)
    student: Any = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32).eval()
    found: list[float] = []
    for prompt in prompts:
        messages = [asdict(message) for message in prompt.messages["plain"]]
        served = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
        start = len(tokenizer(served, add_special_tokens=False)["input_ids"])
        ids = tokenizer(served + texts[prompt.id] + "<|eot_id|>", add_special_tokens=False)["input_ids"]
        with torch.inference_mode():
            logprobs_TV = torch.log_softmax(student(input_ids=torch.tensor([ids])).logits[0], -1)
        replied = torch.tensor(ids[start:])
        found.append(logprobs_TV[start - 1 : -1].gather(-1, replied[:, None]).sum().exp().item())
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--rows", type=int, default=500)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--recipes", nargs="+", default=[])
    asked = parser.parse_args()
    torch.set_num_threads(1)
    params = YAML(typ="safe").load(ROOT / "params.yaml")
    names = asked.recipes or sorted(p.stem for p in (ROOT / "recipes").glob("*.yaml") if p.stem not in SKIPPED)
    recipes: dict[str, list[str]] = {"plain": []}
    recipes |= {name: settings(ROOT / f"recipes/{name}.yaml", params)[1::2] for name in names}
    results: dict[str, list[dict[str, Any]]] = {}
    with tempfile.TemporaryDirectory() as top:
        for name, overrides in recipes.items():
            prepare(Path(top) / name, overrides, asked.rows)
            results[name] = [measure(Path(top) / name, overrides, seed, asked.steps) for seed in asked.seeds]
            print(told(name, results[name], results["plain"]), flush=True)


def told(name: str, found: list[dict[str, Any]], plain: list[dict[str, Any]]) -> str:
    """A row of the table: accuracy, difference to plain with its interval, speed, calibration error, retention."""
    mine, theirs = ([value for run in runs for value in run["right"]] for runs in (found, plain))
    difference = compare(mine, theirs, 0.95, 10_000, 0)
    low, high = difference.interval
    speed = fmean(run["steps_per_second"] for run in found) / fmean(run["steps_per_second"] for run in plain)
    seeds = " ".join(f"{fmean(run['right']) * 100:.1f}" for run in found)
    return (
        f"| {name} | {fmean(mine) * 100:.1f} | {seeds} | {difference.difference * 100:+.1f} ({low * 100:+.1f} to "
        f"{high * 100:+.1f}) | {speed:.2f} | {fmean(run['ece'] for run in found):.3f} | "
        f"{fmean(run['retained'] for run in found) * 100:.1f} |"
    )


if __name__ == "__main__":
    main()
