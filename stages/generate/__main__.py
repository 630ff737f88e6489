"""Ask the teacher every train prompt and keep its raw replies: `python -m stages.generate`."""

import json
import sys
from collections import Counter
from dataclasses import asdict
from pathlib import Path

from stages.generate.params import Params, load
from stages.models.local import check, digest
from stages.rows.completion import Completion, write_completions
from stages.rows.prompt import Prompt, read_prompts
from stages.sampling.engine import ask_all
from stages.sampling.ledger import Ledger, default_path
from stages.sampling.parent import die_with_parent
from stages.sampling.request import Model, Request

PROMPTS = Path("data/prompts/train.jsonl")
RECORDED = Path("data/prompts/recorded.jsonl")


def main() -> None:
    die_with_parent()
    params = load()
    requests = to_requests(read_prompts(PROMPTS), params)
    teacher = params.profile.teacher
    if params.recorded:
        model = Model("recorded", str(RECORDED), digest(RECORDED), "auto")
    else:
        check(teacher.model, teacher.revision)
        model = Model(teacher.engine, teacher.model, teacher.revision, teacher.precision)
    replies = ask_all(model, requests, Ledger(default_path()))
    completions = [
        Completion(id=request.prompt_id, style=request.style, sample=request.sample, **asdict(reply)) for request, reply in zip(requests, replies, strict=True)
    ]
    write_completions(Path("data/completions/completions.jsonl"), completions)
    ends = Counter(completion.finish_reason for completion in completions)
    counts = {"prompts": len(completions) // params.generate.num_samples, "completions": len(completions)}
    counts |= {reason: ends[reason] for reason in ("stop", "length", "unanswered")}
    counts |= {"completion_tokens": sum(completion.completion_tokens for completion in completions)}
    Path("metrics").mkdir(exist_ok=True)
    Path("metrics/generate.json").write_text(json.dumps({"generate": counts}, indent=2) + "\n")
    print(f"generate: {counts}", file=sys.stderr)


def to_requests(prompts: list[Prompt], params: Params) -> list[Request]:
    """Every prompt `num_samples` times, in prompt order."""
    sampling = params.generate
    return [
        Request(
            prompt_id=prompt.id,
            style=params.style,
            messages=tuple((message.role, message.content) for message in prompt.messages[params.style]),
            sample=sample,
            seed=sampling.seed,
            max_tokens=getattr(params.profile.max_tokens, params.style),
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            top_k=sampling.top_k,
        )
        for prompt in prompts
        for sample in range(sampling.num_samples)
    ]


if __name__ == "__main__":
    main()
