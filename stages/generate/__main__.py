"""Ask the teacher every train prompt and keep its raw replies: `python -m stages.generate [--dry-run]`."""

import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from stages.generate.params import Params, load
from stages.models.local import check, digest
from stages.rows.prompt import Prompt, stream_prompts
from stages.rows.row import schema, to_row, write_rows
from stages.sampling import recorded
from stages.sampling.process_group import die_with_parent
from stages.sampling.request import Decoding, Model, Reply, Request, to_request
from stages.sampling.runner import Ask

PROMPTS = Path("data/prompts/train.jsonl")
OUT = Path("data/completions/completions.parquet")


def main(dry_run: bool) -> None:
    die_with_parent()
    params = load()
    ask = Ask(to_model(params), params.sampling)
    if dry_run:
        ask.estimate(lambda: to_requests(params))
        return
    counts = Counter[str]()
    replies = ask.replies(lambda: to_requests(params))
    write_rows(OUT, to_rows(params, ask.model, replies, counts), schema("generate"))
    write_report(params, ask.model, counts)


def to_model(params: Params) -> Model:
    """The teacher, or the completions that the data set brings along, which go by its name."""
    if params.recorded:
        return Model("recorded", params.dataset, digest(recorded.PATH), "auto", 0.0, 0.0)
    teacher = params.profile.teacher
    if teacher.engine != "openai":
        check(teacher.model, teacher.revision)
    return teacher.to_model()


def each_sample(params: Params) -> Iterator[tuple[Prompt, str, int]]:
    """Every prompt `num_samples` times, in prompt order, with the style it is asked in."""
    for prompt in stream_prompts(PROMPTS):
        style = prompt.styles(params.generate.styles)[0]
        for sample in range(params.generate.num_samples):
            yield prompt, style, sample


def to_requests(params: Params) -> Iterator[Request]:
    how = params.generate
    decoding = Decoding(how.temperature, how.top_p, how.top_k, how.seed)
    for prompt, style, sample in each_sample(params):
        yield to_request(prompt, "train", style, params.profile.max_tokens, decoding, sample)


def to_rows(params: Params, model: Model, replies: Iterable[Reply], counts: Counter[str]) -> Iterator[dict[str, Any]]:
    """In prompt order; `counts` adds up prompts, completions, their ends and tokens."""
    for (prompt, style, sample), reply in zip(each_sample(params), replies, strict=True):
        counts["prompts"] += sample == 0
        counts["completions"] += 1
        counts[reply.finish_reason] += 1
        counts["prompt_tokens"] += reply.prompt_tokens
        counts["completion_tokens"] += reply.completion_tokens
        yield to_row(prompt, "train", model.name, style, sample, reply)


def write_report(params: Params, model: Model, counts: Counter[str]) -> None:
    counted = (
        "prompts",
        "completions",
        "stop",
        "length",
        "content_filter",
        "unanswered",
        "prompt_tokens",
        "completion_tokens",
    )
    cost = model.cost(counts["prompt_tokens"], counts["completion_tokens"])
    report = {name: counts[name] for name in counted} | {"cost": None if cost is None else round(cost, 4)}
    if params.recorded:
        report |= {
            "recorded_unused": count_lines(recorded.PATH) - counts["stop"]
        }  # beyond generate.num_samples of their prompt
    Path("metrics").mkdir(exist_ok=True)
    Path("metrics/generate.json").write_text(json.dumps({"generate": report}, indent=2) + "\n")
    print(f"generate: {report}", file=sys.stderr)


def count_lines(path: Path) -> int:
    with path.open("rb") as lines:
        return sum(1 for _ in lines)


if __name__ == "__main__":
    main("--dry-run" in sys.argv[1:])
