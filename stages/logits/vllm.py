"""The probabilities of a model on this machine's GPUs, by vLLM: those of the prompt, to which the target belongs."""

# vllm is not installed where the checks run
# pyright: reportMissingImports=false, reportAttributeAccessIssue=false

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from stages.logits.examples import Scored, place
from stages.logits.found import Found, to_found
from stages.sampling.request import Model
from stages.sampling.vllm import start

AT_ONCE = 1_024  # rows that are handed over together; their probabilities are Python objects until they come back


def ask(rows: Iterable[Scored], model: Model, k: int, llm: Any = None) -> Iterator[list[tuple[Scored, Found]]]:
    """In order. Raises SystemExit at a row that leaves no room in the model's context."""
    try:
        # without max_logprobs vLLM gives 20 at most
        llm = llm or start(model, max_logprobs=k)
    except (OSError, ValueError) as error:  # no such model, no access; a model or machine that vLLM does not support
        raise SystemExit(f"engine {model.engine}, model {model.name} at {model.revision}: {error}") from None
    from vllm import SamplingParams

    # a reply of one token, the shortest that vLLM gives
    params, stream = SamplingParams(max_tokens=1, prompt_logprobs=k, detokenize=False), iter(rows)
    context = llm.model_config.max_model_len
    while some := list(islice(stream, AT_ONCE)):
        for row in some:
            if len(row.ids) >= context:
                raise SystemExit(
                    f"logits: {place(row.example)}: got {len(row.ids)} tokens of prompt and target, wanted fewer than "
                    f"{context}, the context of {model.name}; name another in logits.teachers of params.yaml"
                )
        outputs = llm.generate([{"prompt_token_ids": row.ids} for row in some], params, use_tqdm=False)
        yield [(row, read(row, output.prompt_logprobs, k, model)) for row, output in zip(some, outputs, strict=True)]


def read(row: Scored, prompt_logprobs: Any, k: int, model: Model) -> Found:
    listed = [
        {token: one.logprob for token, one in position.items()} for position in (prompt_logprobs or [])[row.start :]
    ]
    try:
        return to_found(listed, row.ids[row.start :], k)
    except ValueError as error:
        raise SystemExit(
            f"logits: {place(row.example)}: got from vLLM, model {model.name}, {error}, wanted {k} and its own at "
            f"each; lower logits.top_k in params.yaml"
        ) from None
