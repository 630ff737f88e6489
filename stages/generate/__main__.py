"""Ask the teacher every train prompt and keep its raw replies: `python -m stages.generate [--dry-run]`."""

import gc
import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from stages.generate.params import Params, load
from stages.models.local import check, digest
from stages.rows.parquet import write_rows
from stages.rows.prompt import Prompt, stream_prompts
from stages.rows.row import schema, to_row
from stages.sampling import recorded
from stages.sampling.process_group import die_with_parent
from stages.sampling.request import Decoding, Model, Reply, Request, to_request
from stages.sampling.runner import Ask

PROMPTS = Path("data/prompts/train.jsonl")
OUT = Path("data/completions/completions.parquet")
COUNTED = (
    *("prompts", "completions", "stop", "length", "content_filter", "unanswered"),
    *("prompt_tokens", "completion_tokens"),
)


def main(dry_run: bool) -> None:
    die_with_parent()
    gc.set_threshold(50_000)  # looking for garbage at every 700th object, as Python does, is a seventh of a second run
    params = load()
    models = to_models(params)
    asks = {source: Ask(model, params.sampling) for source, model in models.items()}
    if dry_run:
        for number, ask in enumerate(asks.values()):
            ask.estimate(partial(to_requests, params, number))
        return
    # all are asked before the first row is written, so that a kill leaves no half file
    replies = [ask.replies(partial(to_requests, params, number)) for number, ask in enumerate(asks.values())]
    counts = {source: Counter[str]() for source in asks}
    write_rows(OUT, replied(params, replies, counts), schema("generate"))
    write_report(params, models, counts)


def to_models(params: Params) -> dict[str, Model]:
    """By source: the roles that are asked, or the completions that the data set brings along, which go by its name."""
    if params.recorded:
        return {params.dataset: Model("recorded", params.dataset, digest(recorded.PATH), "auto", 0.0, 0.0)}
    for role in params.profile.asked.values():
        if role.engine != "openai":
            check(role.model, role.revision)
    return {name: role.to_model(params.prompts.date) for name, role in params.profile.asked.items()}


def each_sample(params: Params, number: int) -> Iterator[tuple[Prompt, str, int]]:
    """Every prompt `num_samples` times, in prompt order, with the style it is asked in; the samples of a prompt are
    counted on from source to source, of which this is the `number`th."""
    first = number * params.generate.num_samples
    for prompt in stream_prompts(PROMPTS):
        style = prompt.styles(params.generate.styles)[0]
        for sample in range(first, first + params.generate.num_samples):
            yield prompt, style, sample


def to_requests(params: Params, number: int) -> Iterator[Request]:
    how = params.generate
    decoding = Decoding(how.temperature, how.top_p, how.top_k, how.seed)
    for prompt, style, sample in each_sample(params, number):
        yield to_request(prompt, "train", style, params.profile.max_tokens, decoding, sample)


def replied(
    params: Params, replies: list[Iterator[Reply]], counts: dict[str, Counter[str]]
) -> Iterator[dict[str, Any]]:
    """Source by source, in prompt order; `counts` adds up prompts, completions, their ends and tokens."""
    for number, (source, counted) in enumerate(counts.items()):
        yield from to_rows(each_sample(params, number), source, replies[number], counted)


def to_rows(
    samples: Iterable[tuple[Prompt, str, int]], source: str, replies: Iterable[Reply], counts: Counter[str]
) -> Iterator[dict[str, Any]]:
    last = None
    for (prompt, style, sample), reply in zip(samples, replies, strict=True):
        counts["prompts"] += prompt is not last
        counts["completions"] += 1
        counts[reply.finish_reason] += 1
        counts["prompt_tokens"] += reply.prompt_tokens
        counts["completion_tokens"] += reply.completion_tokens
        last = prompt
        yield to_row(prompt, "train", source, style, sample, reply)


def write_report(params: Params, models: dict[str, Model], by_source: dict[str, Counter[str]]) -> None:
    """The sums over the sources, and with several each by itself."""
    each = {source: report_of(models[source], counts) for source, counts in by_source.items()}
    costs = [found["cost"] for found in each.values()]
    total = sum(by_source.values(), Counter[str]())
    report = {name: total[name] for name in COUNTED} | {"prompts": max(found["prompts"] for found in each.values())}
    report["cost"] = None if None in costs else round(sum(costs), 4)
    if len(each) > 1:
        report["sources"] = each
    if params.recorded:  # beyond generate.num_samples of their prompt
        report["recorded_unused"] = count_lines(recorded.PATH) - total["stop"]
    Path("metrics").mkdir(exist_ok=True)
    Path("metrics/generate.json").write_text(json.dumps({"generate": report}, indent=2) + "\n")
    print(f"generate: {report}", file=sys.stderr)


def report_of(model: Model, counts: Counter[str]) -> dict[str, Any]:
    cost = model.cost(counts["prompt_tokens"], counts["completion_tokens"])
    return {name: counts[name] for name in COUNTED} | {"cost": None if cost is None else round(cost, 4)}


def count_lines(path: Path) -> int:
    with path.open("rb") as lines:
        return sum(1 for _ in lines)


if __name__ == "__main__":
    main("--dry-run" in sys.argv[1:])
