"""A pass of a local model over many rows: the model and its tokenizer, and batches of like length."""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from tqdm import tqdm

T = TypeVar("T")
V = TypeVar("V")
RESERVED = "<|finetune_right_pad_id|>"  # of Llama 3.1 and later, to pad with
WINDOW = 4_096  # rows that are read and sorted by length together: what is in memory at a time


def load(kind: Any, name: str, revision: str, precision: str) -> tuple[Any, Any]:
    """Tokenizer, padding on the right, and model, over all GPUs where there are some. `kind` is one of transformers'
    Auto classes, `precision` the name of a dtype.

    Raises SystemExit where they cannot be had.
    """
    import torch

    tokenizer = load_tokenizer(name, revision)
    device_map = "auto" if torch.cuda.is_available() else None
    try:
        model = kind.from_pretrained(
            name, dtype=getattr(torch, precision), device_map=device_map, use_safetensors=True, **source(name, revision)
        )
    except (OSError, ValueError) as error:  # not found, no access, no network, no safetensors; a model of another kind
        raise missing(name, revision, error) from None
    return tokenizer, model.eval()


def load_tokenizer(name: str, revision: str) -> Any:
    """Padding on the right. Raises SystemExit where it cannot be had."""
    from transformers import AutoTokenizer

    try:
        tokenizer: Any = AutoTokenizer.from_pretrained(name, padding_side="right", **source(name, revision))
    except (OSError, ValueError) as error:
        raise missing(name, revision, error) from None
    set_pad(tokenizer)
    return tokenizer


def set_pad(tokenizer: Any) -> None:
    """Let it pad, where its files name no token for that: by the one that it has in reserve, as Llama 3.1's, or else by
    the one that ends texts."""
    if tokenizer.pad_token is None:
        tokenizer.pad_token = RESERVED if RESERVED in tokenizer.get_vocab() else tokenizer.eos_token


def check_same(stage: str, teacher: str, of_teacher: Any, student: str, of_student: Any, remedy: str) -> None:
    """Raises SystemExit, with `remedy` last, unless both tokenizers have the same tokens under the same ids.

    Probabilities are learnt by token id, so the teacher's ids must mean to the student what they mean to the teacher.
    """
    ours, theirs = of_teacher.get_vocab(), of_student.get_vocab()
    if ours == theirs:
        return
    different = sorted(ours.items() ^ theirs.items(), key=lambda pair: (pair[1], pair[0]))
    tokens = {token for token, _ in different}
    first = different[0][0]
    raise SystemExit(
        f"{stage}: got a tokenizer of {teacher} ({len(ours)} tokens) that is not that of {student} ({len(theirs)}): "
        f"{len(tokens)} tokens differ, the first {first!r} ({id_of(first, ours)} to {teacher}, "
        f"{id_of(first, theirs)} to {student}), wanted the same ids, by which probabilities are learnt; {remedy}"
    )


def id_of(token: str, vocabulary: dict[str, int]) -> str:
    return str(vocabulary.get(token, "none"))


def size(tokenizer: Any) -> int:
    """Ids below it have a token."""
    return max(tokenizer.get_vocab().values()) + 1


def source(name: str, revision: str) -> dict[str, Any]:
    return {} if Path(name).exists() else {"revision": revision}


def missing(name: str, revision: str, error: Exception) -> SystemExit:
    return SystemExit(
        f"model {name} at {revision}: {error}\nCheck its name and revision in params.yaml, the network and HF_TOKEN."
    )


def in_batches(
    rows: Iterable[T],
    length: Callable[[T], int],
    compute: Callable[[list[T]], list[V]],
    batch_size: int,
    progress: tqdm,
) -> Iterator[V]:
    """What `compute` makes of each row, in the order of the rows; it gets batches of rows of like length, long ones
    first."""
    stream = iter(rows)
    while window := list(islice(stream, WINDOW)):
        order = sorted(range(len(window)), key=lambda i: -length(window[i]))
        found: dict[int, V] = {}
        for start in range(0, len(order), batch_size):
            batch = order[start : start + batch_size]
            found |= zip(batch, compute([window[i] for i in batch]), strict=True)
            progress.update(len(batch))
        yield from (found[i] for i in range(len(window)))
