"""How unexpected each target is to a model that was put the plain prompt.

Perplexity is exp of the mean negative log-likelihood per token. The tokens are those that training would learn: the
text, and
what the chat template puts after it to end the turn.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from tqdm import tqdm

from stages.models import learnt
from stages.models.learnt import Tokens
from stages.models.passes import in_batches, load
from stages.sampling.request import Model
from stages.sampling.transformers import resolve_precision
from stages.score.rows import Row


def to_perplexities(
    rows: Iterable[Row], model: Model, batch_size: int, count: int, counts: Counter[str]
) -> Iterator[float | None]:
    """One per row, in order, 4 decimals; None where its text is empty or does not fit into the model's context.

    `counts` adds up the latter as "too_long"; `count` is how many rows there are.
    """
    from transformers import AutoModelForCausalLM

    tokenizer, causal = load(AutoModelForCausalLM, model.name, model.revision, resolve_precision(model.precision))
    if tokenizer.chat_template is None:
        raise SystemExit(
            f"score.perplexity: model {model.name}: its tokenizer has no chat template, wanted one that words "
            f"messages; name an instruct model"
        )
    context = causal.config.get_text_config().max_position_embeddings

    def fit(row: Row) -> Tokens | None:
        tokens = tokenize(row, tokenizer) if row.target.strip() else None
        if tokens and len(tokens.ids) > context:
            counts["too_long"] += 1
            return None
        return tokens

    def compute(batch: list[Tokens | None]) -> list[float | None]:
        found = iter(batch_perplexities([row for row in batch if row], causal, tokenizer.pad_token_id))
        return [round(next(found), 4) if row else None for row in batch]

    with tqdm(total=count, unit="row", desc="perplexity", mininterval=1) as progress:
        fitting = (fit(row) for row in rows)
        yield from in_batches(fitting, lambda row: len(row.ids) if row else 0, compute, batch_size, progress)


def tokenize(row: Row, tokenizer: Any) -> Tokens:
    """The plain prompt, then the target. Raises SystemExit where it is unclear where the target begins."""
    try:
        return next(learnt.tokenize([row.messages], [row.target], tokenizer))
    except ValueError as parted:
        raise SystemExit(
            f"score.perplexity: prompt {row.id}: got a chat template that words {parted}, wanted the same words; name "
            f"another model in params.yaml"
        ) from None


def batch_perplexities(rows: list[Tokens], model: Any, pad_id: int) -> list[float]:
    """Padded on the right and masked, so that no row sees its neighbours' length."""
    import torch
    import torch.nn.functional as F

    if not rows:
        return []
    width, first = max(len(row.ids) for row in rows), min(row.start for row in rows) - 1
    ids = torch.tensor([row.ids + [pad_id] * (width - len(row.ids)) for row in rows], device=model.device)
    mask = torch.tensor([[1] * len(row.ids) + [0] * (width - len(row.ids)) for row in rows], device=model.device)
    with torch.inference_mode():
        # of the prompts that all rows share in length no logits: they are the most of the memory
        logits = model(input_ids=ids, attention_mask=mask, use_cache=False, logits_to_keep=width - first).logits[
            :, first - width :
        ]
        losses = [
            F.cross_entropy(
                expected[row.start - 1 - first : len(row.ids) - 1 - first].float(),
                torch.tensor(row.ids[row.start :], device=expected.device),
            )
            for row, expected in zip(rows, logits, strict=True)
        ]
    return [loss.exp().item() for loss in losses]
