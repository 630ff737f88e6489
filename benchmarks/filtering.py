"""What the filter is worth to a student: `python -m benchmarks.filtering [--seeds 1 2] [-S generate.temperature=1.5
...]`.

Each arm is the whole graph as an experiment (`dvc exp run --temp`), with the same teacher's replies from the ledger:
filtered as params.yaml has it; unfiltered, every rule that can be switched off is; and as many rows as the filter
keeps,
drawn at random from the unfiltered. A seed is that of training and of the draw. About 5 minutes an experiment on 2
cores.
"""

import argparse
import json
import subprocess
from statistics import fmean

from dvc.api import read

OFF = [
    *(
        "filter.verify=none",
        "filter.reply.refusal=false",
        "filter.reply.language=false",
        "filter.reply.repetition=1.0",
        "filter.reply.word_length=0",
    ),
    *(
        "filter.reply.echo=1.0",
        "filter.reply.leak_words=0",
        "filter.reply.scaffolding=false",
        "filter.answer.contradiction=false",
    ),
    *("filter.answer.overlong=0.0", "filter.duplicates.exact=false", "filter.duplicates.near=1.0"),
]


def experiment(name: str, overrides: list[str]) -> dict[str, float]:
    """Rows learnt from, and the share of the test questions that each student answers right, asked plainly."""
    sets = [part for override in overrides for part in ("-S", override)]
    subprocess.run(["dvc", "exp", "remove", "--quiet", name], check=False, stderr=subprocess.DEVNULL)
    subprocess.run(["dvc", "exp", "run", "--temp", "--quiet", "-n", name, *sets], check=True)
    evaluate, filtered = (json.loads(read(f"metrics/{stage}.json", rev=name)) for stage in ("evaluate", "select"))
    return {
        "rows": filtered["select"]["kept"],
        "train": filtered["select"]["train"],
        "8b": evaluate["8b"]["plain"],
        "70b": evaluate["70b"]["plain"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2])
    parser.add_argument("-S", dest="overrides", action="append", default=[], metavar="PARAM=VALUE")
    asked = parser.parse_args()
    results: dict[str, list[dict[str, float]]] = {"filtered": [], "unfiltered": [], "random": []}
    for seed in asked.seeds:
        common = [*asked.overrides, f"train.seed={seed}", f"select.budget.seed={seed}"]
        filtered = experiment(f"filtered-{seed}", common)
        results["filtered"].append(filtered)
        results["unfiltered"].append(experiment(f"unfiltered-{seed}", [*common, *OFF]))
        results["random"].append(
            experiment(f"random-{seed}", [*common, *OFF, f"select.budget.rows={filtered['train']}"])
        )
        print(f"seed {seed}: {results}", flush=True)
    print(
        "| examples | rows | "
        + " | ".join(f"{student}, seed {seed}" for student in ("8b", "70b") for seed in asked.seeds)
        + " | mean |"
    )
    print("| --- " * (3 + 2 * len(asked.seeds)) + "|")
    for arm, runs in results.items():
        scores = [run[student] * 100 for student in ("8b", "70b") for run in runs]
        print(
            f"| {arm} | {runs[0]['rows']:,.0f} | "
            + " | ".join(f"{score:.1f}" for score in scores)
            + f" | {fmean(scores):.1f} |"
        )


if __name__ == "__main__":
    main()
