"""Ask one model every test prompt in each style, greedy: `python -m stages.answer teacher`."""

import sys
from dataclasses import asdict
from pathlib import Path

from stages.answer.params import Params, load
from stages.models.local import check, digest
from stages.rows.completion import Completion, write_completions
from stages.rows.prompt import Prompt, read_prompts
from stages.sampling.engine import ask_all
from stages.sampling.ledger import Ledger, default_path
from stages.sampling.parent import die_with_parent
from stages.sampling.request import Model, Request


def main(who: str) -> None:
    die_with_parent()
    params = load(who)
    requests = to_requests(read_prompts(Path(f"data/prompts/{params.answer.split}.jsonl")), params)
    asked, own = params.model, Path("models") / who
    if who == "teacher" or who.startswith("base-"):
        check(asked.model, asked.revision)
        model = Model(asked.engine, asked.model, asked.revision, asked.precision)
    else:
        model = Model(asked.engine, str(own), digest(own), asked.precision)
    replies = ask_all(model, requests, Ledger(default_path()))
    completions = [
        Completion(id=request.prompt_id, style=request.style, sample=request.sample, **asdict(reply)) for request, reply in zip(requests, replies, strict=True)
    ]
    write_completions(Path(f"data/answers/{who}.jsonl"), completions)


def to_requests(prompts: list[Prompt], params: Params) -> list[Request]:
    return [
        Request(
            prompt_id=prompt.id,
            style=style,
            messages=tuple((message.role, message.content) for message in prompt.messages[style]),
            sample=0,
            seed=0,
            max_tokens=getattr(params.max_tokens, style),
            temperature=0.0,
            top_p=1.0,
            top_k=0,
        )
        for style in params.answer.styles
        for prompt in prompts
    ]


if __name__ == "__main__":
    main(sys.argv[1])
