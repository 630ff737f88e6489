"""Ask one model every test prompt in each style, greedy: `python -m stages.predict teacher [--dry-run]`."""

import sys
from collections.abc import Iterator
from pathlib import Path

from stages.models.local import check, digest, pin
from stages.predict.params import Params, load
from stages.rows.parquet import write_rows
from stages.rows.prompt import PLAIN, Prompt, stream_prompts
from stages.rows.row import schema, to_row
from stages.sampling.process_group import die_with_parent
from stages.sampling.request import Decoding, Model, Request, to_request
from stages.sampling.runner import Ask

RETENTION = Path("data/prompts/retention.jsonl")


def main(who: str, dry_run: bool) -> None:
    die_with_parent()
    params = load(who)
    questions = Path(f"data/prompts/{params.predict.split}.jsonl")
    if not questions.stat().st_size:
        raise SystemExit(
            f"predict: {questions}: got no questions, wanted some to compare models on; give the data set a "
            f"{params.predict.split} split"
        )
    ask = Ask(to_model(who, params), params.sampling)
    if dry_run:
        ask.estimate(lambda: to_requests(params))
        return
    replies = ask.replies(lambda: to_requests(params))
    rows = (
        to_row(prompt, split, who, style, 0, reply)
        for (prompt, split, style), reply in zip(each_style(params), replies, strict=True)
    )
    write_rows(Path(f"data/predictions/{who}.parquet"), rows, schema("generate"))


def to_model(who: str, params: Params) -> Model:
    """The teacher, a base, or a student that was tuned here, which is asked as its base is."""
    asked, own = params.model, Path("models") / who
    if who.startswith("base-"):
        asked = asked.model_copy(update={"revision": pin(asked.model, asked.revision)})
    if who == "teacher" or who.startswith("base-"):
        if asked.engine != "openai":
            check(asked.model, asked.revision)
        return asked.to_model(params.prompts.date)
    if asked.engine == "openai":
        raise SystemExit(
            f"predict {who}: got engine openai, wanted one that loads {own} on this machine or cluster; see `base` of "
            f"student-{who} in params.yaml"
        )
    tuned = asked.model_copy(update={"model": str(own), "revision": digest(own)})
    return tuned.to_model(params.prompts.date)


def each_style(params: Params) -> Iterator[tuple[Prompt, str, str]]:
    """(prompt, split, style): the questions of the split style by style, then the retention set's, plainly."""
    split = params.predict.split
    for style in params.predict.styles:
        for prompt in stream_prompts(Path(f"data/prompts/{split}.jsonl")):
            if style in prompt.styles(params.predict.styles):
                yield prompt, split, style
    for prompt in stream_prompts(RETENTION):
        yield prompt, "retention", PLAIN


def to_requests(params: Params) -> Iterator[Request]:
    for prompt, split, style in each_style(params):
        yield to_request(prompt, split, style, params.max_tokens, Decoding())


if __name__ == "__main__":
    main(sys.argv[1], "--dry-run" in sys.argv[2:])
