"""Ask one model every test prompt in each style, greedy: `python -m stages.predict teacher [--dry-run]`."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

from stages.models.local import check, digest
from stages.predict.params import Params, load
from stages.rows.completion import Completion, write_completions
from stages.rows.prompt import PLAIN, Prompt, stream_prompts
from stages.sampling.ledger.store import Ledger, default_path
from stages.sampling.process_group import die_with_parent
from stages.sampling.request import Model, Request
from stages.sampling.runner import Batch, ask, estimate, replies

RETENTION = Path("data/prompts/retention.jsonl")


def main(who: str, dry_run: bool) -> None:
    die_with_parent()
    params = load(who)
    questions = Path(f"data/prompts/{params.predict.split}.jsonl")
    if not questions.stat().st_size:
        raise SystemExit(f"predict: {questions}: got no questions, wanted some to compare models on; give the data set a {params.predict.split} split")
    ledger = Ledger(default_path())
    batch = estimate(to_model(who, params), lambda: to_requests(params), ledger)
    if dry_run:
        return
    ask(batch, params.sampling, ledger)
    write_completions(Path(f"data/predictions/{who}.jsonl"), to_completions(batch, ledger))


def to_model(who: str, params: Params) -> Model:
    """The teacher, a base, or a student that was tuned here, which is asked as its base is."""
    asked, own = params.model, Path("models") / who
    if who == "teacher" or who.startswith("base-"):
        if asked.engine != "openai":
            check(asked.model, asked.revision)
        return Model(asked.engine, asked.model, asked.revision, asked.precision, asked.prompt_price, asked.completion_price)
    if asked.engine == "openai":
        raise SystemExit(f"predict {who}: got engine openai, wanted one that loads {own} on this machine or cluster; see base-{who} in params.yaml")
    return Model(asked.engine, str(own), digest(own), asked.precision, asked.prompt_price, asked.completion_price)


def to_requests(params: Params) -> Iterator[Request]:
    """The questions of the split in each style, then the retention set's, plainly."""
    for how in params.predict.styles:
        for prompt in stream_prompts(Path(f"data/prompts/{params.predict.split}.jsonl")):
            style = prompt.style(how)
            if how == "plain" or style != PLAIN or PLAIN not in params.predict.styles:  # where plain is the only style, it is asked once
                yield to_request(prompt, params.predict.split, style, params)
    for prompt in stream_prompts(RETENTION):
        yield to_request(prompt, "retention", PLAIN, params)


def to_request(prompt: Prompt, split: str, style: str, params: Params) -> Request:
    return Request(
        split=split,
        prompt_id=prompt.id,
        style=style,
        messages=tuple((message.role, message.content) for message in prompt.messages[style]),
        sample=0,
        seed=0,
        max_tokens=getattr(params.max_tokens, style),
        temperature=0.0,
        top_p=1.0,
        top_k=0,
        schema=json.dumps(prompt.schemas[style]) if style in prompt.schemas else "",
    )


def to_completions(batch: Batch, ledger: Ledger) -> Iterator[Completion]:
    for place, reply in replies(batch, ledger):
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
    main(sys.argv[1], "--dry-run" in sys.argv[2:])
