"""How many tokens prompts are, before they are sent."""

from pathlib import Path

from huggingface_hub import hf_hub_download  # pyright: ignore[reportUnknownVariableType]
from tokenizers import Tokenizer

from stages.sampling.request import Model

CHARACTERS_PER_TOKEN = (
    4  # of English text; OpenAI's rule of thumb (help.openai.com, "What are tokens and how to count them?")
)


def count_tokens(model: Model, texts: list[str]) -> tuple[int, str]:
    """Tokens of all texts together, without the chat template's few, and how they were counted."""
    tokenizer = find_tokenizer(model)
    if tokenizer is None:
        return sum(map(len, texts)) // CHARACTERS_PER_TOKEN, f"{CHARACTERS_PER_TOKEN} characters each"
    tokenizer.no_padding()  # as a saved tokenizer may have it switched on
    tokenizer.no_truncation()
    return sum(
        len(encoding.ids) for encoding in tokenizer.encode_batch_fast(texts, add_special_tokens=False)
    ), "by the model's tokenizer"


def find_tokenizer(model: Model) -> Tokenizer | None:
    """The model's own, from its folder or from what the hub's cache holds of its revision; None where there is none:
    nothing is fetched for an estimate."""
    if model.engine == "recorded":
        return None
    if Path(model.name).exists():
        return Tokenizer.from_file(str(Path(model.name) / "tokenizer.json"))
    try:
        return Tokenizer.from_file(
            hf_hub_download(model.name, "tokenizer.json", revision=model.revision, local_files_only=True)
        )
    except (OSError, ValueError):  # not in the cache; no hub id at all
        return None
