"""What a rule of selection is worth: `python -m benchmarks.selection [--shares 0.1 0.25 0.5] [--rules NAME ...]`.

A pool of mixed quality: the replies of the laptop's teacher and of its 70b at a high temperature, wrong ones kept; every
tenth row has another problem's target; and of the problems with four steps only every fifth is there. The laptop's 8b
learns from the rows that a rule keeps of it, for five epochs, and is compared with one that learns from as many rows
drawn at random and with one that learns from all: accuracy on 500 questions asked plainly, three seeds of training and
drawing, with a paired bootstrap over seeds and questions. It writes review/selection.csv, which
`dvc plots show review/selection.csv -t selection -x accuracy -y rule` draws. Results are kept in the folder as they
come, and what is there is not measured again: remove it after a change of code.
"""

import argparse
import csv
from pathlib import Path
from statistics import fmean
from subprocess import CalledProcessError
from typing import Any, NamedTuple

import polars as pl
import torch

from benchmarks.students import LOG, Runs, difference, in_folder, in_points, run
from stages.models.local import digest
from stages.rows.parquet import read_rows, writing
from stages.rows.row import schema
from stages.statistics.rows import position
from tests.architecture.closure import ROOT
from tests.settings import copy_settings

ENCODER = "data/laptop/models/base-8b"
POOL = [
    *("generate.ask='teacher base-70b'", "generate.temperature=1.2", "generate.num_samples=2", "filter.verify=none"),
    *("train.keep=last", "predict.styles=plain", "score.shape.measure=true"),
    *("score.likelihood.teacher=teacher", "score.likelihood.student=base-8b", "score.likelihood.reference=base-8b"),
    *(f"score.embedding.model={ENCODER}", f"score.embedding.revision='{digest(ROOT / ENCODER)}'"),
    *("score.space.topics=20", "score.gradient.under=base-8b"),
]
KEYS = ("id", "source", "sample")
COLUMNS = (
    *("likelihood teacher", "likelihood student", "likelihood reference"),
    *("embedding", "space", "shape", "gradient"),
)
LONG = 5  # sentences of a problem with four steps
FILES = Path(".potstill/benchmark-selection")
OUT = Path("review/selection.csv")


class Rule(NamedTuple):
    overrides: list[str]  # beside the budget
    is_subset: bool = True  # it can keep a share of the rows; else it weighs or marks all of them


RULES = {
    "random": Rule([]),
    "teacher's likelihood": Rule(["select.budget.order=-nll_teacher"]),
    "student's surprise": Rule(["select.budget.order=nll_student"]),
    "mini-plm (25)": Rule(["select.budget.order='nll_reference - nll_teacher'"]),
    "llkd (46)": Rule(["select.per_class.numbers='exp(-nll_teacher); entropy_student'"]),
    "kmq (44)": Rule(
        [
            *("select.budget.order='exp(-nll_teacher)'", "select.budget.draw=weighted"),
            *("select.budget.domain=topic", "select.budget.split=size"),
        ]
    ),
    "ddk (18)": Rule(["select.budget.domain=topic", "select.budget.split=gap"]),
    "farthest neighbours (34)": Rule(["select.budget.order='0.9350 * knn - 0.00008257 * tokens'"]),
    "gradient (24)": Rule(["select.budget.order=gradient"]),
    "best teacher (31)": Rule(["select.sources.use=best"]),
    "no repetition (9)": Rule(["select.where='repetition < 0.3'"]),
    "gold where unsure (22)": Rule(["select.unsure.confidence=0.2", "select.unsure.then=gold"]),
    "weighted teachers (31)": Rule(["select.sources.use=weighted"], is_subset=False),
    "tags (7)": Rule(["select.tag.bad='nll_teacher > 1.0'"], is_subset=False),
}


def prepare_pool(folder: Path, overrides: list[str]) -> None:
    """The pool and its numbers, once; the overrides only select."""
    if (folder / "whole").exists():
        copy_settings(folder, *overrides)
    else:
        in_folder(folder, overrides)
        for stage in ("prompts", "generate", "filter"):
            run(stage, folder)
        spoil(folder / "data/filtered/rows.parquet")
        run("merge", folder)
        for column in COLUMNS:
            run(f"score.columns.{column}", folder)
        (folder / "whole").touch()
    for stage in ("select", "logits"):
        run(stage, folder)


def spoil(path: Path) -> None:
    """Another problem's target in every tenth row to train on, and four of five problems with four steps taken out."""
    rows = read_rows(path, tuple(schema("filter"))).with_row_index("row")
    long = rows["question"].str.count_matches(r"\.") >= LONG
    kept = pl.Series([position(f"kept/{id}") for id in rows["id"]]) < 0.2
    is_to_train = rows["reason"].is_null() & ~rows["is_validation"]
    rows = rows.with_columns(reason=pl.when(is_to_train & long & ~kept).then(pl.lit("taken out")).otherwise("reason"))
    drawn = pl.Series([position(f"spoilt/{id}/{source}/{sample}") for id, source, sample in rows.select(KEYS).rows()])
    spoilt = rows.filter(pl.col("reason").is_null() & ~pl.col("is_validation") & (drawn < 0.1)).select(
        "row", "id", "target"
    )
    # half of them further on, so that a row gets the target of another problem
    others = pl.concat([spoilt[len(spoilt) // 2 :], spoilt[: len(spoilt) // 2]])
    wrong = spoilt.with_columns(target=others["target"]).filter(others["id"] != spoilt["id"]).select("row", "target")
    with writing(path, schema("filter")) as write:
        write(rows.update(wrong, on="row"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shares", type=float, nargs="+", default=[0.1, 0.25, 0.5])
    parser.add_argument("--rules", nargs="+", default=list(RULES))
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--folder", type=Path, default=ROOT / FILES)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    runs = Runs(asked.folder, "test", prepare_pool)

    def get(name: str, num_rows: int) -> list[dict[str, Any]]:
        overrides = [*POOL, *RULES[name].overrides, f"select.budget.rows={num_rows}"]
        return [runs.get(name, [*overrides, f"select.budget.seed={seed}"], seed, None) for seed in asked.seeds]

    whole = get("random", 0)
    lines: list[tuple[object, ...]] = [("all", whole[0]["rows"], accuracy(whole), *[""] * 4)]
    print(f"| all | {whole[0]['rows']:,} | {accuracy(whole) * 100:.1f} | | |", flush=True)
    for name in asked.rules:
        for share in asked.shares if RULES[name].is_subset else [0.0]:
            try:
                found = get(name, int(share * whole[0]["rows"]))
            except CalledProcessError as failed:
                print(f"| {name} | {failed.cmd[-1]} failed: {asked.folder / LOG} |", flush=True)
                continue
            # a rule may leave fewer rows than the budget
            random = get("random", found[0]["rows"]) if RULES[name].is_subset else whole
            to_random, to_all = difference(found, random), difference(found, whole)
            print(
                f"| {name} | {found[0]['rows']:,} | {accuracy(found) * 100:.1f} | {in_points(to_random)} | "
                f"{in_points(to_all)} |",
                flush=True,
            )
            lines.append((name, found[0]["rows"], accuracy(found), *to_random[1:], *to_all[1:]))
            write(lines)


def write(lines: list[tuple[object, ...]]) -> None:
    OUT.parent.mkdir(exist_ok=True)
    head = ("rule", "rows", "accuracy", "random_low", "random_high", "all_low", "all_high")
    with OUT.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([head, *lines])


def accuracy(runs: list[dict[str, Any]]) -> float:
    return fmean(fmean(run["right"]) for run in runs)


if __name__ == "__main__":
    main()
