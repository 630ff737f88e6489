"""The probabilities of a model on this machine, by the transformers library."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import numpy as np
from tqdm import tqdm

from stages.logits.examples import Scored, place
from stages.logits.found import Found
from stages.models.passes import in_batches, load
from stages.sampling.request import Model
from stages.sampling.transformers import resolve_precision

# Rows that are sorted by length, asked and kept together: the last digits of a row depend on its neighbours in a pass,
# and a run that goes on behind them makes the same passes as one that was never stopped.
AT_ONCE = 512


def ask(
    rows: Iterable[Scored], count: int, model: Model, k: int, vocabulary: int, batch_size: int
) -> Iterator[list[tuple[Scored, Found]]]:
    """In order. Raises SystemExit at a row that does not fit into the model's context."""
    from transformers import AutoModelForCausalLM

    tokenizer, causal = load(AutoModelForCausalLM, model.name, model.revision, resolve_precision(model.precision))
    context = causal.config.get_text_config().max_position_embeddings

    def compute(batch: list[Scored]) -> list[Found]:
        return of_batch(batch, causal, tokenizer.pad_token_id, k, vocabulary)

    with tqdm(total=count, unit="row", desc=f"logits: {model.name}", mininterval=1) as progress:
        fitting = (check_fits(row, context, model) for row in rows)
        while some := list(islice(fitting, AT_ONCE)):
            found = in_batches(some, lambda row: len(row.ids), compute, batch_size, progress)
            yield list(zip(some, found, strict=True))


def check_fits(row: Scored, context: int, model: Model) -> Scored:
    if len(row.ids) > context:
        raise SystemExit(
            f"logits: {place(row.example)}: got {len(row.ids)} tokens of prompt and target, wanted at most {context}, "
            f"the context of {model.name}; name another in logits.teachers, or lower prompts.max_words in params.yaml"
        )
    return row


def of_batch(rows: list[Scored], model: Any, pad_id: int, k: int, vocabulary: int) -> list[Found]:
    """Padded on the right and masked, so that no row sees its neighbours' length."""
    import torch

    width, first = max(len(row.ids) for row in rows), min(row.start for row in rows) - 1
    ids = torch.tensor([row.ids + [pad_id] * (width - len(row.ids)) for row in rows], device=model.device)
    mask = torch.tensor([[1] * len(row.ids) + [0] * (width - len(row.ids)) for row in rows], device=model.device)
    with torch.inference_mode():
        # of the prompts that all rows share in length no logits: they are the most of the memory
        logits_BTV = model(input_ids=ids, attention_mask=mask, use_cache=False, logits_to_keep=width - first).logits
        return [
            top(logits_TV[row.start - 1 - first : len(row.ids) - 1 - first], k, vocabulary)
            for row, logits_TV in zip(rows, logits_BTV[:, first - width :], strict=True)
        ]


def top(logits_TV: Any, k: int, vocabulary: int) -> Found:
    """Of the whole softmax; ids from `vocabulary` on pad the weights to a round number and are no tokens."""
    found = logits_TV.float().log_softmax(-1)[:, :vocabulary].topk(k)
    return Found(found.indices.cpu().numpy().astype(np.int32), found.values.cpu().numpy())
