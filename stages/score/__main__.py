"""What models think of the rows that pass the filter, where params ask for it: `python -m stages.score [--dry-run]`."""

import json
import sys
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import repeat
from pathlib import Path
from typing import Any

from stages.models.local import check, pin
from stages.rows.parquet import write_rows
from stages.rows.row import KEY, own_schema
from stages.sampling.process_group import die_with_parent
from stages.sampling.role import Role
from stages.sampling.runner import Ask
from stages.score.embedding import write_embeddings, write_no_embeddings
from stages.score.judge import to_grades, to_requests
from stages.score.params import Params, load
from stages.score.perplexity import to_perplexities
from stages.score.report import judge_report, perplexity_report
from stages.score.rows import count_passed, stream_rows

ROWS = Path("data/filtered/rows.parquet")
OUT = Path("data/scores")
SCORES = [name for name in own_schema("score") if name not in KEY]


def main(dry_run: bool) -> None:
    die_with_parent()
    params = load()
    params = params.model_copy(update={"judge": pinned(params.judge), "perplexity": pinned(params.perplexity)})
    check_models(params)
    count, counts = count_passed(ROWS), Counter[str]()
    columns = dict[str, Iterable[float | None]]()
    if params.judge:
        ask, max_tokens = Ask(params.judge.to_model(), params.sampling), params.score.judge_max_tokens
        if dry_run:
            ask.estimate(lambda: to_requests(stream_rows(ROWS), max_tokens))
            return
        columns["s_judge"] = to_grades(ask.replies(lambda: to_requests(stream_rows(ROWS), max_tokens)), counts)
    if dry_run:
        return
    if params.perplexity:
        model, batch_size = params.perplexity.to_model(), params.score.batch_size
        columns["s_perplexity"] = to_perplexities(stream_rows(ROWS), model, batch_size, count, counts)
    found = {name: array("d") for name in SCORES}
    write_rows(OUT / "scores.parquet", to_scores(columns, count, found), own_schema("score"))
    embed(params, count)
    write_report(params, count, counts, found)


def check_models(params: Params) -> None:
    """Raise SystemExit where a model that is asked for is not the one that params.yaml pins."""
    pinned = [
        (role.model, role.revision) for role in (params.judge, params.perplexity) if role and role.engine != "openai"
    ]
    if params.score.embedding != "none":
        pinned.append((params.score.embedding, params.score.embedding_revision))
    for name, revision in pinned:
        check(name, revision)


def pinned(role: Role | None) -> Role | None:
    """The model with its revision, which of a merged one is its digest."""
    return role and role.model_copy(update={"revision": pin(role.model, role.revision)})


def to_scores(
    columns: dict[str, Iterable[float | None]], count: int, found: dict[str, array]
) -> Iterator[dict[str, Any]]:
    """The columns of `score` for each row, in order, null where nobody was asked; the others go into `found`."""
    every = [columns.get(name, repeat(None, count)) for name in SCORES]
    for row, *values in zip(stream_rows(ROWS), *every, strict=True):
        scores = dict(zip(SCORES, values, strict=True))
        for name, value in scores.items():
            if value is not None:
                found[name].append(value)
        yield {name: getattr(row, name) for name in KEY} | scores


def embed(params: Params, count: int) -> None:
    out, score = OUT / "embeddings.npy", params.score
    if score.embedding == "none":
        write_no_embeddings(out)
    else:
        write_embeddings(out, stream_rows(ROWS), count, score.embedding, score.embedding_revision, score.batch_size)


def write_report(params: Params, count: int, counts: Counter[str], found: dict[str, array]) -> None:
    report: dict[str, Any] = {"rows": count}
    report |= judge_report(counts, found["s_judge"]) if params.judge else {}
    report |= perplexity_report(counts, found["s_perplexity"]) if params.perplexity else {}
    Path("metrics").mkdir(exist_ok=True)
    Path("metrics/score.json").write_text(json.dumps({"score": report}, indent=2) + "\n")
    print(f"score: {report}", file=sys.stderr)


if __name__ == "__main__":
    main("--dry-run" in sys.argv[1:])
