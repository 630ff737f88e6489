"""A conversation as token ids, and which of them are learnt: the reply, and what ends its turn."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple


class Tokens(NamedTuple):
    """Ids of prompt and completion; the completion's begin at `start`."""

    ids: list[int]
    start: int


def tokenize(
    prompts: Sequence[Sequence[Mapping[str, str]]], targets: Sequence[str], tokenizer: Any
) -> Iterator[Tokens]:
    """Each prompt exactly as it would be served, then its target.

    Raises ValueError with the text where they part, if the chat template words a prompt otherwise once an answer
    follows: then it is unclear where the completion begins.
    """
    answered = [
        [*prompt, {"role": "assistant", "content": target}] for prompt, target in zip(prompts, targets, strict=True)
    ]
    texts = [
        *tokenizer.apply_chat_template(list(prompts), add_generation_prompt=True, tokenize=False),
        *tokenizer.apply_chat_template(answered, tokenize=False),
    ]
    # all texts at once, which a tokenizer takes on all cores
    ids = tokenizer(texts, add_special_tokens=False, return_attention_mask=False)["input_ids"]
    for served, whole in zip(ids[: len(prompts)], ids[len(prompts) :], strict=True):
        if whole[: len(served)] != served:
            shorter = min(len(served), len(whole))
            common = next((i for i, (a, b) in enumerate(zip(served, whole, strict=False)) if a != b), shorter)
            raise ValueError(
                f"the prompt as {tokenizer.decode(served[common:])!r}, and with an answer as "
                f"{tokenizer.decode(whole[common : common + 20])!r}"
            )
        yield Tokens(whole, len(served))
