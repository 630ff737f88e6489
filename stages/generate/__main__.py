"""Ask the teacher every train prompt and keep its raw replies: `python -m stages.generate [--dry-run]`."""

import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from stages.generate.params import Params, load
from stages.models.local import check, digest
from stages.rows.completion import Completion, write_completions
from stages.rows.prompt import stream_prompts
from stages.sampling import recorded
from stages.sampling.ledger.store import Ledger, default_path
from stages.sampling.process_group import die_with_parent
from stages.sampling.request import Model, Request
from stages.sampling.runner import Batch, ask, estimate, replies

PROMPTS = Path("data/prompts/train.jsonl")


def main(dry_run: bool) -> None:
    die_with_parent()
    params = load()
    model, ledger = to_model(params), Ledger(default_path())
    batch = estimate(model, lambda: to_requests(params), ledger)
    if dry_run:
        return
    ask(batch, params.sampling, ledger)
    counts: Counter[str] = Counter()
    write_completions(Path("data/completions/completions.jsonl"), to_completions(batch, ledger, counts))
    report = {"prompts": len(batch.keys) // params.generate.num_samples, "completions": len(batch.keys)}
    report |= {name: counts[name] for name in ("stop", "length", "content_filter", "unanswered", "prompt_tokens", "completion_tokens")}
    cost = model.cost(counts["prompt_tokens"], counts["completion_tokens"])
    report |= {"cost": None if cost is None else round(cost, 4)}
    if params.recorded:
        report |= {"recorded_unused": count_lines(recorded.PATH) - counts["stop"]}  # beyond generate.num_samples of their prompt
    Path("metrics").mkdir(exist_ok=True)
    Path("metrics/generate.json").write_text(json.dumps({"generate": report}, indent=2) + "\n")
    print(f"generate: {report}", file=sys.stderr)


def count_lines(path: Path) -> int:
    with path.open("rb") as lines:
        return sum(1 for _ in lines)


def to_model(params: Params) -> Model:
    """The teacher, or the completions that the data set brings along, which go by its name."""
    if params.recorded:
        return Model("recorded", params.dataset, digest(recorded.PATH), "auto", 0.0, 0.0)
    teacher = params.profile.teacher
    if teacher.engine != "openai":
        check(teacher.model, teacher.revision)
    return Model(teacher.engine, teacher.model, teacher.revision, teacher.precision, teacher.prompt_price, teacher.completion_price)


def to_requests(params: Params) -> Iterator[Request]:
    """Every prompt `num_samples` times, in prompt order."""
    sampling = params.generate
    for prompt in stream_prompts(PROMPTS):
        style = prompt.style(params.style)
        messages = tuple((message.role, message.content) for message in prompt.messages[style])
        schema = json.dumps(prompt.schemas[style]) if style in prompt.schemas else ""
        for sample in range(sampling.num_samples):
            yield Request(
                split="train",
                prompt_id=prompt.id,
                style=style,
                messages=messages,
                sample=sample,
                seed=sampling.seed,
                max_tokens=getattr(params.profile.max_tokens, style),
                temperature=sampling.temperature,
                top_p=sampling.top_p,
                top_k=sampling.top_k,
                schema=schema,
            )


def to_completions(batch: Batch, ledger: Ledger, counts: Counter[str]) -> Iterator[Completion]:
    """The replies in prompt order; `counts` adds up their ends and tokens."""
    for place, reply in replies(batch, ledger):
        counts[reply.finish_reason] += 1
        counts["prompt_tokens"] += reply.prompt_tokens
        counts["completion_tokens"] += reply.completion_tokens
        yield Completion(
            split=place.split,
            id=place.prompt_id,
            style=place.style,
            sample=place.sample,
            text=reply.text,
            reasoning=reply.reasoning,
            finish_reason=reply.finish_reason,
            error=reply.error,
            prompt_tokens=reply.prompt_tokens,
            completion_tokens=reply.completion_tokens,
        )


if __name__ == "__main__":
    main("--dry-run" in sys.argv[1:])
