"""A pass of a local model over all completions: the model, and batches of like length."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from tqdm import tqdm

from stages.sampling.runner import chunks
from stages.sampling.transformers import resolve_precision

T = TypeVar("T")
V = TypeVar("V")
WINDOW = 4_096  # rows that are read and sorted by length together: what is in memory at a time


def load(kind: Any, name: str, revision: str, precision: str) -> tuple[Any, Any]:
    """Tokenizer, padding on the right, and model, over all GPUs where there are some. `kind` is one of transformers'
    Auto classes.

    Raises SystemExit where they cannot be had.
    """
    import torch
    from transformers import AutoTokenizer

    source: dict[str, Any] = {} if Path(name).exists() else {"revision": revision}
    device_map = "auto" if torch.cuda.is_available() else None
    try:
        tokenizer: Any = AutoTokenizer.from_pretrained(name, padding_side="right", **source)
        model = kind.from_pretrained(
            name,
            dtype=getattr(torch, resolve_precision(precision)),
            device_map=device_map,
            use_safetensors=True,
            **source,
        )
    except (OSError, ValueError) as error:  # not found, no access, no network, no safetensors; a model of another kind
        raise SystemExit(
            f"score: model {name} at {revision}: {error}\nCheck its name and revision in params.yaml, the network and "
            f"HF_TOKEN."
        ) from None
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer, model.eval()


def in_batches(
    rows: Iterable[T],
    length: Callable[[T], int],
    compute: Callable[[list[T]], list[V]],
    batch_size: int,
    progress: tqdm,
) -> Iterator[V]:
    """What `compute` makes of each row, in the order of the rows; it gets batches of rows of like length, long ones
    first."""
    for window in chunks(rows, WINDOW):
        order = sorted(range(len(window)), key=lambda i: -length(window[i]))
        found: dict[int, V] = {}
        for batch in chunks(order, batch_size):
            found |= zip(batch, compute([window[i] for i in batch]), strict=True)
            progress.update(len(batch))
        yield from (found[i] for i in range(len(window)))
