"""How far learning each row moves a model the way the held-out rows would: `gradient`, a cosine from -1 to 1:
`python -m stages.score.columns.gradient [--dry-run]`.

That is LESS (arXiv 2402.04333) in its cheap form: no training before, no Adam. The model gets a LoRA adapter as it is
before the first step. Its B is zero there, so the adapter changes nothing yet, A has no gradient, and that of B is the
gradient of the adapted weights seen through A, which is random: dL/dB = dL/dW A^T. The gradient of a row's mean loss is
projected to `dimensions` numbers by a sparse random matrix, one +1 or -1 for each number of the gradient (arXiv
0902.2206), which keeps cosines up to about 1 / sqrt(dimensions). `gradient` is the cosine of that with the mean of the
rows that are held out for validation. It takes a forward and a backward pass for each row: the dearest column.
"""

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import polars as pl
from pydantic import Field
from tqdm import tqdm

from stages.models import passes
from stages.models.learnt import Tokens
from stages.rows.parquet import read_rows
from stages.sampling import dated
from stages.sampling.process_group import die_with_parent
from stages.sampling.request import Model
from stages.sampling.transformers import resolve_precision
from stages.score.column import Numbers, write_off, write_scores
from stages.score.params import Section, date, load, loadable
from stages.score.rows import PATH, Row, stream_rows
from stages.score.tokens import check_words_messages, tokenize

if TYPE_CHECKING:
    import torch

LOOKED_AT = 1_000  # rows, whose tokens are counted for the estimate


class Settings(Section):
    under: str  # a role of the profile, or none
    rank: Annotated[int, Field(gt=0)]  # of the adapter
    dimensions: Annotated[int, Field(gt=0)]
    seed: int  # of A and of the projection


class Projected(NamedTuple):
    """A model with an adapter, and where each number of its B goes."""

    causal: Any
    b: list[Any]
    places: "torch.Tensor"
    signs: "torch.Tensor"


def main(dry_run: bool) -> None:
    die_with_parent()
    settings = load("gradient", Settings)
    role = loadable("gradient", "under", settings.under)
    if not role:
        write_off("gradient", ["gradient"])
        return
    model = role.to_model(date())
    tokenizer = passes.load_tokenizer(model.name, model.revision)
    check_words_messages(tokenizer, "gradient", model.name)
    dated.pin(tokenizer, model.date)
    count, held_out = count_rows(read_rows(PATH, ("reason", "is_validation")))
    print(estimate(model.name, tokenizer, islice(stream_rows(), LOOKED_AT), count, held_out, settings), file=sys.stderr)
    if dry_run:
        return
    counts = Counter(too_long=0)
    with tqdm(total=count, unit="row", desc="gradient", mininterval=1) as progress:
        projected = with_adapter(model, settings)

        def to_vector(row: Row) -> "torch.Tensor | None":
            progress.update()
            tokens = fit(row, tokenizer, projected.causal, counts)
            return project(gradients(tokens, projected), projected, settings.dimensions) if tokens else None

        write_scores("gradient", ["gradient"], stream_rows(), to_numbers(stream_rows, to_vector), counts)


def count_rows(rows: pl.DataFrame) -> tuple[int, int]:
    """Those that pass, and those of them that are held out. Raises SystemExit where there are none of the latter."""
    passed = rows.filter(pl.col("reason").is_null())
    held_out = passed["is_validation"].sum()
    if not held_out:
        raise SystemExit(
            f"params.yaml: filter.validation_share: got none of {len(passed)} rows held out, wanted some, as "
            f"score.gradient compares each row with them"
        )
    return len(passed), int(held_out)


def estimate(name: str, tokenizer: Any, some: Iterable[Row], count: int, held_out: int, settings: Settings) -> str:
    """What it will take, before any weights load, going by the tokens of some of the rows."""
    lengths = [len(tokenize(row, tokenizer, "gradient").ids) for row in some]
    return (
        f"gradient: {name}: {count:,} rows, {held_out:,} of them held out to compare with, about "
        f"{round(sum(lengths) / len(lengths) * count):,} tokens: {count:,} forward and backward passes, a row each, of "
        f"which {settings.dimensions:,} numbers are kept"
    )


def with_adapter(model: Model, settings: Settings) -> Projected:
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    _, causal = passes.load(AutoModelForCausalLM, model.name, model.revision, resolve_precision(model.precision))
    torch.manual_seed(settings.seed)
    lora = LoraConfig(r=settings.rank, lora_alpha=settings.rank, target_modules="all-linear")
    causal = get_peft_model(causal, lora).eval()
    b = [tensor for name, tensor in causal.named_parameters() if "lora_B" in name]
    size, draw = sum(tensor.numel() for tensor in b), torch.Generator().manual_seed(settings.seed)
    places = torch.randint(settings.dimensions, (size,), generator=draw)
    return Projected(causal, b, places, torch.randint(2, (size,), generator=draw) * 2.0 - 1)


def fit(row: Row, tokenizer: Any, causal: Any, counts: Counter[str]) -> Tokens | None:
    """None where the text is empty or does not fit into the model's context, which `counts` adds up."""
    if not row.target.strip():
        return None
    tokens = tokenize(row, tokenizer, "gradient")
    if len(tokens.ids) > causal.config.get_text_config().max_position_embeddings:
        counts["too_long"] += 1
        return None
    return tokens


def gradients(row: Tokens, projected: Projected) -> "torch.Tensor":
    """Of the mean loss of the learnt tokens, all numbers of B one after another, float32."""
    import torch
    import torch.nn.functional as F

    ids_T = torch.tensor(row.ids, device=projected.causal.device)
    learnt = len(row.ids) - row.start
    logits_TV = projected.causal(input_ids=ids_T[None], use_cache=False, logits_to_keep=learnt + 1).logits[
        0, -learnt - 1 : -1
    ]
    loss = F.cross_entropy(logits_TV.float(), ids_T[row.start :].to(logits_TV.device))
    return torch.cat([found.flatten().float().cpu() for found in torch.autograd.grad(loss, projected.b)])


def project(gradient: "torch.Tensor", projected: Projected, dimensions: int) -> "torch.Tensor":
    import torch

    return torch.zeros(dimensions).index_add_(0, projected.places, projected.signs * gradient)


def to_numbers(
    rows: Callable[[], Iterable[Row]], to_vector: Callable[[Row], "torch.Tensor | None"]
) -> Iterator[Numbers]:
    """The cosine of each row's vector with the mean of those held out, 4 decimals; None where there is no vector.

    The rows that are held out come first, and their vectors stay in memory: no row is asked for twice.
    """
    import torch
    import torch.nn.functional as F

    held_out = [to_vector(row) for row in rows() if row.is_validation]
    known = [vector for vector in held_out if vector is not None]
    if not known:
        raise SystemExit(
            f"score.gradient: got {len(held_out)} rows held out of which none fits into the model's context, wanted "
            f"some; name another model in score.gradient.under"
        )
    mean = torch.stack(known).mean(0)
    of_held_out = iter(held_out)
    for row in rows():
        vector = next(of_held_out) if row.is_validation else to_vector(row)
        yield (None if vector is None else round(F.cosine_similarity(vector, mean, dim=0).item(), 4),)


if __name__ == "__main__":
    main("--dry-run" in sys.argv[1:])
