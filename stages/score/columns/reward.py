"""What a reward model gives each target as the reply to its plain prompt: `reward`, in the model's own units.

A reward model is a classifier with one label. It reads prompt and target by its chat template; one without a template
reads question and target as a pair of texts. A text that does not fit into its context has no number: cut, it would
be another reply.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Literal

from pydantic import Field
from tqdm import tqdm

from stages.models import passes
from stages.models.passes import in_batches
from stages.sampling import dated
from stages.sampling.process_group import die_with_parent
from stages.sampling.transformers import resolve_precision
from stages.score.column import Numbers, write_off, write_scores
from stages.score.params import NONE, Section, check_pinned, date, load
from stages.score.rows import Row, count_passed, question, stream_rows


class Settings(Section):
    model: Annotated[str, Field(min_length=1)]  # none, or a reward model's folder or hub id
    revision: str  # its digest or hub commit
    precision: Literal["float32", "bfloat16", "auto"]  # auto: bfloat16 where the hardware has it
    batch_size: Annotated[int, Field(gt=0)]


def main() -> None:
    die_with_parent()
    settings = load("reward", Settings)
    if settings.model == NONE:
        write_off("reward", ["reward"])
        return
    check_pinned("reward", settings.model, settings.revision)
    counts = Counter(too_long=0)
    found = to_rewards(stream_rows(), settings, date(), count_passed(), counts)
    write_scores("reward", ["reward"], stream_rows(), found, counts)


def to_rewards(
    rows: Iterable[Row], settings: Settings, date: str, count: int, counts: Counter[str]
) -> Iterator[Numbers]:
    """Of each row, in order, 4 decimals; None where its text is empty or too long, which `counts` adds up."""
    from transformers import AutoModelForSequenceClassification

    check_has_one_label(settings.model, settings.revision)
    precision = resolve_precision(settings.precision)
    tokenizer, model = passes.load(AutoModelForSequenceClassification, settings.model, settings.revision, precision)
    dated.pin(tokenizer, date)
    config = model.config.get_text_config()
    context = min(tokenizer.model_max_length, config.max_position_embeddings)
    # a decoder reads the reward off the last token that is no padding, so none of a text may be one
    if config.pad_token_id is None and tokenizer.pad_token != tokenizer.eos_token:
        config.pad_token_id = tokenizer.pad_token_id
    batch_size = settings.batch_size if config.pad_token_id is not None else 1

    def fit(row: Row) -> list[int] | None:
        ids = tokenize(row, tokenizer) if row.target.strip() else None
        if ids and len(ids) > context:
            counts["too_long"] += 1
            return None
        return ids

    def compute(batch: list[list[int] | None]) -> list[Numbers]:
        found = iter(of_batch([ids for ids in batch if ids], model, config.pad_token_id))
        return [(round(next(found), 4) if ids else None,) for ids in batch]

    with tqdm(total=count, unit="row", desc="reward", mininterval=1) as progress:
        yield from in_batches(map(fit, rows), lambda ids: len(ids or ()), compute, batch_size, progress)


def check_has_one_label(name: str, revision: str) -> None:
    """Before the weights load: any model would load as a classifier, with a head of random numbers."""
    from transformers import AutoConfig

    try:
        labels = AutoConfig.from_pretrained(name, **passes.source(name, revision)).num_labels
    except (OSError, ValueError) as error:
        raise passes.missing(name, revision, error) from None
    if labels != 1:
        raise SystemExit(
            f"params.yaml: score.reward.model: got {name}, which has {labels} labels, wanted a reward model: a "
            f"classifier with one label, whose config.json says so"
        )


def tokenize(row: Row, tokenizer: Any) -> list[int]:
    if tokenizer.chat_template is None:
        return tokenizer(question(row), row.target)["input_ids"]
    turns = [*row.messages, {"role": "assistant", "content": row.target}]
    text = tokenizer.apply_chat_template(turns, tokenize=False)
    return tokenizer(text, add_special_tokens=False)["input_ids"]


def of_batch(rows: list[list[int]], model: Any, pad_id: int | None) -> list[float]:
    """Padded on the right and masked, so that no row sees its neighbours' length."""
    import torch

    if not rows:
        return []
    width = max(map(len, rows))
    ids = torch.tensor([row + [pad_id or 0] * (width - len(row)) for row in rows], device=model.device)
    mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows], device=model.device)
    with torch.inference_mode():
        return model(input_ids=ids, attention_mask=mask).logits[:, 0].float().tolist()


if __name__ == "__main__":
    main()
