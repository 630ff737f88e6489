"""Read each reply, and say of every row whether it is sound, by the rules in rules.py: `python -m stages.filter`."""

import json
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

import polars as pl

from stages.filter.agreement import votes
from stages.filter.card import card
from stages.filter.contamination import SCHEMA as LEAK
from stages.filter.likely_mark import likely_mark
from stages.filter.params import Params, load
from stages.filter.processes import read_and_apply_rules
from stages.filter.report import report
from stages.filter.rules import apply_cross_row_rules
from stages.rows.parquet import writing
from stages.rows.row import schema

OUT = Path("data/filtered")
SCRATCH = Path(".potstill/filter")  # the rows with their texts, while the stage runs
NUM_LOOKED_AT = 1_000  # replies, for the mark that they seem to have


def main() -> None:
    params = load()
    shutil.rmtree(SCRATCH, ignore_errors=True)
    SCRATCH.mkdir(parents=True)
    log = timed()
    rows = votes(read_and_apply_rules(params, SCRATCH))
    log(f"{len(rows):,} rows read, {len(rows) - rows['reason'].null_count():,} rejected by themselves")
    sound = rows.filter(pl.col("reason").is_null())
    passed, rejected, found = apply_cross_row_rules(sound, params, SCRATCH, log)
    leaked = found.get("contaminated", pl.DataFrame(schema=LEAK))
    rows = rows.with_columns(
        reason=rows.select("row", "reason").update(rejected.select("row", "reason"), on="row")["reason"]
    )
    rows = rows.join(passed.select("row", "cluster"), on="row", how="left", maintain_order="left")
    told = report(rows, leaked, params)
    if told["passed"] + sum(told["rejected"].values()) != told["rows"]:
        raise AssertionError(f"{told['rows']} rows in, {told['passed']} passed and {told['rejected']} rejected")
    write_rows(rows, rejected)
    named = leaked.join(rows.select("row", "id", "sample"), on="row", how="left", maintain_order="left")
    named.select("id", "sample", "rule", "where", "test_id", "matched").write_ndjson(OUT / "leaks.jsonl")
    (OUT / "README.md").write_text(card(told, params))
    Path("metrics").mkdir(exist_ok=True)
    Path("metrics/filter.json").write_text(json.dumps({"filter": told}, indent=2) + "\n")
    hint = mark_hint(params) if told["rejected"]["unreadable"] == told["rows"] else ""
    shutil.rmtree(SCRATCH)
    log("written")
    print(f"filter: {json.dumps(told)}", file=sys.stderr)
    if not told["passed"]:
        reasons = {reason: count for reason, count in told["rejected"].items() if count}
        raise SystemExit(
            f"filter: got no sound row of {told['rows']} (rejected {reasons}), wanted at least one; {hint}"
            "look at them with `python -m tools.show`, and at `filter` in params.yaml"
        )


def mark_hint(params: Params) -> str:
    """What may be wrong where not one reply can be read."""
    mark = likely_mark(pl.read_parquet(min(SCRATCH.glob("*.parquet")), columns=["text"], n_rows=NUM_LOOKED_AT)["text"])
    if mark is None or mark == params.completion_format:
        return ""
    return (
        f"the replies seem to mark their answer with {mark!r}, and {params.format_param} is "
        f"{params.completion_format!r}; "
    )


def write_rows(rows: pl.DataFrame, rejected: pl.DataFrame) -> None:
    """All of them, rejected or not, part by part in their order."""
    compared = rows.select("row", "votes", "agreement", "majority", "cluster")
    with writing(OUT / "rows.parquet", schema("filter")) as write:
        for path in sorted(SCRATCH.glob("*.parquet")):
            part = pl.read_parquet(path).update(rejected, on="row")
            write(part.join(compared, on="row", how="left", maintain_order="left"))


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
