"""What models think of the completions, where params ask for it: `python -m stages.score [--dry-run]`."""

import json
import sys
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import repeat
from pathlib import Path

from stages.models.local import check
from stages.rows.completion import Completion
from stages.rows.prompt import Prompt, stream_prompts
from stages.rows.score import Scores, write_scores
from stages.sampling.ledger.store import Ledger, default_path
from stages.sampling.process_group import die_with_parent
from stages.sampling.request import Model
from stages.sampling.runner import Batch, ask, estimate, replies
from stages.score.embedding import write_embeddings, write_no_embeddings
from stages.score.judge import to_grades, to_requests
from stages.score.pairs import count_lines, pair, stream_completions
from stages.score.params import Model as Section
from stages.score.params import Params, load
from stages.score.perplexity import to_perplexities
from stages.score.report import judge_report, perplexity_report

PROMPTS = Path("data/prompts/train.jsonl")
COMPLETIONS = Path("data/completions/completions.jsonl")
OUT = Path("data/scores")


def main(dry_run: bool) -> None:
    die_with_parent()
    params = load()
    check_models(params)
    count, counts = count_lines(COMPLETIONS), Counter[str]()
    grades, perplexities = repeat(None, count), repeat(None, count)
    if params.judge:
        batch, ledger = estimate_judging(params.judge, params.score.judge_max_tokens)
        if not dry_run:
            ask(batch, params.sampling, ledger)
            grades = to_grades(stream_completions(COMPLETIONS), replies(batch, ledger), counts)
    if dry_run:
        return
    if params.perplexity:
        perplexities = to_perplexities(stream_pairs(), to_model(params.perplexity), params.score.batch_size, count, counts)
    found = array("d"), array("d")
    write_scores(OUT / "scores.jsonl", to_rows(grades, perplexities, *found))
    embed(params, count)
    write_report(params, count, counts, *found)


def check_models(params: Params) -> None:
    """Raise SystemExit where a model that is asked for is not the one that params.yaml pins."""
    pinned = [(model.model, model.revision) for model in (params.judge, params.perplexity) if model and model.engine != "openai"]
    if params.score.embedding != "none":
        pinned.append((params.score.embedding, params.score.embedding_revision))
    for name, revision in pinned:
        check(name, revision)


def to_model(section: Section) -> Model:
    return Model(section.engine, section.model, section.revision, section.precision, section.prompt_price, section.completion_price)


def estimate_judging(judge: Section, max_tokens: int) -> tuple[Batch, Ledger]:
    ledger = Ledger(default_path())
    return estimate(to_model(judge), lambda: to_requests(stream_pairs(), max_tokens), ledger), ledger


def stream_pairs() -> Iterator[tuple[Prompt, Completion]]:
    return pair(stream_prompts(PROMPTS), stream_completions(COMPLETIONS))


def to_rows(grades: Iterable[float | None], perplexities: Iterable[float | None], all_grades: array, all_perplexities: array) -> Iterator[Scores]:
    """A row per completion, in order; what is no None is added to the arrays."""
    for completion, grade, perplexity in zip(stream_completions(COMPLETIONS), grades, perplexities, strict=True):
        if grade is not None:
            all_grades.append(grade)
        if perplexity is not None:
            all_perplexities.append(perplexity)
        yield Scores(id=completion.id, sample=completion.sample, judge=grade, perplexity=perplexity)


def embed(params: Params, count: int) -> None:
    out, score = OUT / "embeddings.npy", params.score
    if score.embedding == "none":
        write_no_embeddings(out)
    else:
        write_embeddings(out, stream_pairs(), count, score.embedding, score.embedding_revision, score.batch_size)


def write_report(params: Params, count: int, counts: Counter[str], grades: array, perplexities: array) -> None:
    report = {"completions": count}
    report |= judge_report(counts, grades) if params.judge else {}
    report |= perplexity_report(counts, perplexities) if params.perplexity else {}
    Path("metrics").mkdir(exist_ok=True)
    Path("metrics/judged.json").write_text(json.dumps({"judged": report}, indent=2) + "\n")
    print(f"score: {report}", file=sys.stderr)


if __name__ == "__main__":
    main("--dry-run" in sys.argv[1:])
