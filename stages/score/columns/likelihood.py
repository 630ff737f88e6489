"""How likely a model finds each target, put the plain prompt: `python -m stages.score.columns.likelihood teacher`.

Three models can be asked, each for itself: the teacher, the student's base, and another to compare them with. `nll` is
the mean negative log-likelihood per token in nats, so exp(nll) is the perplexity and exp(-nll) the confidence;
`nll_sum` is that of the whole target; `entropy` is the mean entropy of the model's expectations there, in nats. The
tokens are those that training would learn: the text, and what the chat template puts after it to end the turn.
"""

import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Annotated, Any

from pydantic import Field
from tqdm import tqdm

from stages.models import passes
from stages.models.learnt import Tokens
from stages.models.passes import in_batches
from stages.sampling import dated
from stages.sampling.process_group import die_with_parent
from stages.sampling.request import Model
from stages.sampling.transformers import resolve_precision
from stages.score.column import Numbers, write_off, write_scores
from stages.score.params import Section, date, load, loadable
from stages.score.rows import Row, count_passed, stream_rows
from stages.score.tokens import check_words_messages, tokenize

NONE: Numbers = (None, None, None)


class Settings(Section):
    teacher: str  # a role of the profile, or none; so are the next two
    student: str
    reference: str
    batch_size: Annotated[int, Field(gt=0)]  # texts of a pass


def main(use: str) -> None:
    die_with_parent()
    settings = load("likelihood", Settings)
    role = loadable("likelihood", use, getattr(settings, use))
    names = [f"{number}_{use}" for number in ("nll", "nll_sum", "entropy")]
    if not role:
        write_off(f"likelihood-{use}", names)
        return
    counts = Counter(too_long=0)
    found = to_numbers(stream_rows(), role.to_model(date()), settings.batch_size, count_passed(), counts)
    write_scores(f"likelihood-{use}", names, stream_rows(), found, counts)


def to_numbers(
    rows: Iterable[Row], model: Model, batch_size: int, count: int, counts: Counter[str]
) -> Iterator[Numbers]:
    """nll, nll_sum and entropy of each row, in order, 4 decimals; None where its text is empty or does not fit into the
    model's context.

    `counts` adds up the latter as "too_long"; `count` is how many rows there are.
    """
    from transformers import AutoModelForCausalLM

    tokenizer, causal = passes.load(
        AutoModelForCausalLM, model.name, model.revision, resolve_precision(model.precision)
    )
    check_words_messages(tokenizer, "likelihood", model.name)
    dated.pin(tokenizer, model.date)
    context = causal.config.get_text_config().max_position_embeddings

    def fit(row: Row) -> Tokens | None:
        tokens = tokenize(row, tokenizer, "likelihood") if row.target.strip() else None
        if tokens and len(tokens.ids) > context:
            counts["too_long"] += 1
            return None
        return tokens

    def compute(batch: list[Tokens | None]) -> list[Numbers]:
        found = iter(of_batch([row for row in batch if row], causal, tokenizer.pad_token_id))
        return [tuple(round(value, 4) for value in next(found)) if row else NONE for row in batch]

    with tqdm(total=count, unit="row", desc="likelihood", mininterval=1) as progress:
        fitting = (fit(row) for row in rows)
        yield from in_batches(fitting, lambda row: len(row.ids) if row else 0, compute, batch_size, progress)


def of_batch(rows: list[Tokens], model: Any, pad_id: int) -> list[tuple[float, float, float]]:
    """Padded on the right and masked, so that no row sees its neighbours' length."""
    import torch

    if not rows:
        return []
    width, first = max(len(row.ids) for row in rows), min(row.start for row in rows) - 1
    ids = torch.tensor([row.ids + [pad_id] * (width - len(row.ids)) for row in rows], device=model.device)
    mask = torch.tensor([[1] * len(row.ids) + [0] * (width - len(row.ids)) for row in rows], device=model.device)
    found: list[tuple[float, float, float]] = []
    with torch.inference_mode():
        # of the prompts that all rows share in length no logits: they are the most of the memory
        logits = model(input_ids=ids, attention_mask=mask, use_cache=False, logits_to_keep=width - first).logits[
            :, first - width :
        ]
        for row, expected in zip(rows, logits, strict=True):
            logprobs_TV = expected[row.start - 1 - first : len(row.ids) - 1 - first].float().log_softmax(-1)
            learnt_T = torch.tensor(row.ids[row.start :], device=logprobs_TV.device)
            nll_T = -logprobs_TV.gather(-1, learnt_T[:, None])
            entropy_T = -(logprobs_TV.exp() * logprobs_TV).sum(-1)
            found.append((nll_T.mean().item(), nll_T.sum().item(), entropy_T.mean().item()))
    return found


if __name__ == "__main__":
    main(sys.argv[1])
