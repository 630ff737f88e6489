"""Turn completions into examples, every row accounted for: `python -m stages.filter`."""

import csv
import json
import sys
from collections import Counter
from pathlib import Path

from stages.filter.params import load
from stages.filter.rules import REASONS, Judged, drop_duplicates, from_reference, is_validation, judge
from stages.rows.completion import read_completions
from stages.rows.example import Example, Rejected, write_rows
from stages.rows.prompt import read_prompts

OUT = Path("data/filtered")


def main() -> None:
    params = load()
    prompts = {prompt.id: prompt for prompt in read_prompts(Path("data/prompts/train.jsonl"))}
    judged: list[Judged] = []
    if params.filter.labels == "teacher":
        completions = read_completions(Path("data/completions/completions.jsonl"))
        judged = [judge(completion, prompts[completion.id], params) for completion in completions]
        outcomes = [row.outcome for row in judged]
    else:
        outcomes = [from_reference(prompt, params) for prompt in prompts.values()]
    examples, duplicates = drop_duplicates([row for row in outcomes if isinstance(row, Example)])
    rejected = [row for row in outcomes if isinstance(row, Rejected)] + duplicates
    if len(examples) + len(rejected) != len(outcomes):
        raise AssertionError(f"{len(outcomes)} rows in, {len(examples)} kept and {len(rejected)} rejected")
    reasons = Counter(row.reason for row in rejected)
    if not examples:
        raise SystemExit(f"filter: all {len(outcomes)} rows were rejected ({dict(reasons)}), wanted at least one to learn from; see `filter` in params.yaml")
    held_out = [is_validation(row.id, params.filter.validation_share) for row in examples]
    train = [row for row, held in zip(examples, held_out, strict=True) if not held]
    validation = [row for row, held in zip(examples, held_out, strict=True) if held]
    write_rows(OUT / "train.jsonl", train)
    write_rows(OUT / "validation.jsonl", validation)
    write_rows(OUT / "rejected.jsonl", sorted(rejected, key=lambda row: (row.id, row.sample)))
    counts = {"rows": len(outcomes), "kept": len(examples), "train": len(train), "validation": len(validation)}
    read = [row.is_right for row in judged if row.is_right is not None]
    agreement = {"teacher_agreement": round(sum(read) / len(read), 4)} if read else {}
    report = {**counts, "rejected": {reason: reasons[reason] for reason in REASONS}, **agreement}
    Path("metrics").mkdir(exist_ok=True)
    Path("metrics/filter.json").write_text(json.dumps({"filter": report}, indent=2) + "\n")
    with Path("metrics/rejected.csv").open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([("reason", "rows"), ("kept", len(examples)), *((reason, reasons[reason]) for reason in REASONS)])
    print(f"filter: {report}", file=sys.stderr)


if __name__ == "__main__":
    main()
