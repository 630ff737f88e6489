"""Turn completions into examples, every row accounted for: `python -m stages.filter`."""

import json
import shutil
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

import polars as pl

from stages.filter.agreement import votes
from stages.filter.card import card
from stages.filter.cross_row_rules import apply
from stages.filter.likely_mark import likely_mark
from stages.filter.params import Params, load
from stages.filter.processes import read_and_apply_rules
from stages.filter.report import report, write_report
from stages.filter.rules import RULES

OUT = Path("data/filtered")
SCORES = Path("data/scores/scores.jsonl")
SCRATCH = Path(".potstill/filter")  # the rows' texts, while the stage runs
FILES = ("train", "validation", "rejected", "private")  # private: what params only want reported
NUM_LOOKED_AT = 1_000  # replies, for the mark that they seem to have
GROUPS = {rule.reason: rule.group for rule in RULES}


def main() -> None:
    params = load()
    shutil.rmtree(SCRATCH, ignore_errors=True)
    SCRATCH.mkdir(parents=True)
    log = timed()
    rows = votes(with_scores(read_and_apply_rules(params, SCRATCH), params))
    log(f"{len(rows):,} rows read, {len(rows) - rows['reason'].null_count():,} rejected by themselves")
    found, leaked = apply(rows.filter(pl.col("reason").is_null()), params, SCRATCH, log)
    verdicts = rows.select("row", "reason").update(found.select("row", "reason"), on="row")
    rows = rows.with_columns(reason=verdicts["reason"])
    told = report(rows, leaked, params)
    if told["kept"] + sum(told["rejected"].values()) != told["rows"]:
        raise AssertionError(f"{told['rows']} rows in, {told['kept']} kept and {told['rejected']} rejected")
    write_rows(found)
    hint = mark_hint(params) if told["rejected"]["unreadable"] == told["rows"] else ""
    named = leaked.join(rows.select("row", "id", "sample"), on="row", how="left", maintain_order="left")
    named.select("id", "sample", "rule", "where", "test_id", "matched").write_ndjson(OUT / "leaks.jsonl")
    write_report(told, Path("metrics"))
    (OUT / "README.md").write_text(card(told, params))
    shutil.rmtree(SCRATCH)
    log("written")
    print(f"filter: {json.dumps(told)}", file=sys.stderr)
    if not told["train"]:
        reasons = {reason: count for reason, count in told["rejected"].items() if count}
        raise SystemExit(
            f"filter: got no row of {told['rows']} to train on ({told['validation']} to validate, rejected {reasons}), wanted at least one; {hint}"
            "look at them with `python -m tools.show`, and at `filter` in params.yaml"
        )


def with_scores(rows: pl.DataFrame, params: Params) -> pl.DataFrame:
    """What `score` had models say of each completion, `embedding` the row of its vector; nothing of the control's rows, which are no completions."""
    if params.filter.labels == "reference":
        return rows.with_columns(judge=pl.lit(None, pl.Float64), perplexity=pl.lit(None, pl.Float64))
    schema = {"id": pl.String, "sample": pl.Int64, "judge": pl.Float64, "perplexity": pl.Float64}
    scores = pl.scan_ndjson(SCORES, schema=schema).collect().with_row_index("embedding")
    twice = scores.filter(pl.struct("id", "sample").is_duplicated())
    unscored, strangers = (one.join(other, on=["id", "sample"], how="anti", maintain_order="left") for one, other in ((rows, scores), (scores, rows)))
    for some, fault in ((twice, "stands there twice"), (unscored, "is a completion and not there"), (strangers, "is no completion")):
        if len(some):
            raise SystemExit(
                f"filter: {SCORES}: got {len(scores)} rows of which {some['id'][0]} sample {some['sample'][0]} {fault}, "
                f"wanted one for each of {len(rows)} completions; run `dvc repro score`"
            )
    return rows.join(scores, on=["id", "sample"], how="left", maintain_order="left")


def mark_hint(params: Params) -> str:
    """What may be wrong where not one reply can be read."""
    mark = likely_mark(pl.read_parquet(min(SCRATCH.glob("*.parquet")), columns=["text"], n_rows=NUM_LOOKED_AT)["text"])
    if mark is None or mark == params.completion_format:
        return ""
    return f"the replies seem to mark their answer with {mark!r}, and {params.format_param} is {params.completion_format!r}; "


def write_rows(found: pl.DataFrame) -> None:
    """Part by part, in the order of the rows."""
    OUT.mkdir(parents=True, exist_ok=True)
    with ExitStack() as files:
        train, validation, rejected, private = (files.enter_context((OUT / f"{name}.jsonl").open("wb")) for name in FILES)
        for path in sorted(SCRATCH.glob("*.parquet")):
            part = pl.read_parquet(path).update(found, on="row")
            kept, lost = part.filter(pl.col("reason").is_null()), part.filter(pl.col("reason").is_not_null())
            write_examples(kept.filter(~pl.col("is_validation")), train)
            write_examples(kept.filter("is_validation"), validation)
            group = pl.col("reason").replace_strict(GROUPS)
            lost.select("id", "sample", group.alias("rule"), "reason", "detail", "evidence", "question", "reference", "text").write_ndjson(rejected)
            kept.filter(pl.col("private").is_not_null()).select("id", "sample", "private").write_ndjson(private)


def write_examples(rows: pl.DataFrame, file: BinaryIO) -> None:
    """As stages/rows/example.py has them."""
    target = pl.struct(role=pl.lit("assistant"), content="target")
    rows.select("id", "sample", "prompt", completion=pl.concat_list(target)).write_ndjson(file)


def timed() -> Callable[[str], None]:
    """A log whose lines begin with the seconds since the last one."""
    last = [time.monotonic()]

    def log(what: str) -> None:
        now = time.monotonic()
        print(f"filter: {now - last[0]:6.1f} s  {what}", file=sys.stderr)
        last[0] = now

    return log


if __name__ == "__main__":
    main()
