"""How far an article entails its summary, by a classifier of the hub: SummaC-ZS (Laban et al., arXiv 2111.09525).

Each sentence of the summary is held against windows of the article: the most that one of them entails it counts, and
the mean over the sentences is the summary's.
"""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from tqdm import tqdm

from stages.grade.cases import Single
from stages.grade.wording import source
from stages.models import passes
from stages.sampling.role import Role
from stages.sampling.transformers import resolve_precision

SENTENCE = re.compile(r"(?<=[.!?])[\"'”’)]*\s+|\n+")
OVERLAP = 64  # tokens that two windows share
BATCH_SIZE = 32  # windows of a pass; it changes the speed alone


class Window(NamedTuple):
    number: int  # of the sentence
    inputs: dict[str, list[int]]  # of the model


def entailments(singles: list[Single], role: Role) -> list[float | None]:
    """Of each reply, 0 to 1, 4 decimals; None where it cannot be read."""
    import torch
    from transformers import AutoModelForSequenceClassification

    label = entailing(role)
    precision = resolve_precision(role.precision)
    tokenizer, model = passes.load(AutoModelForSequenceClassification, role.model, role.revision, precision)
    config = model.config.get_text_config()
    # the positions of RoBERTa and its kin begin after the padding's
    unused = config.pad_token_id + 1 if "roberta" in config.model_type else 0
    context = min(tokenizer.model_max_length, config.max_position_embeddings - unused)
    sentences = [(number, text) for number, single in enumerate(singles) for text in split(single.reply or "")]
    articles = [source(singles[number].prompt) for number, _ in sentences]
    best = [0.0] * len(sentences)

    def windows() -> Iterator[Window]:
        for number, ((_, sentence), article) in enumerate(zip(sentences, articles, strict=True)):
            yield from windows_of(number, article, sentence, tokenizer, context)

    def compute(batch: list[Window]) -> list[tuple[int, float]]:
        inputs = tokenizer.pad([window.inputs for window in batch], return_tensors="pt").to(model.device)
        with torch.inference_mode():
            found = model(**inputs).logits.float().softmax(-1)[:, label].tolist()
        return [(window.number, value) for window, value in zip(batch, found, strict=True)]

    with tqdm(unit="window", desc="nli", mininterval=1) as progress:
        for number, value in passes.in_batches(
            windows(), lambda it: len(it.inputs["input_ids"]), compute, BATCH_SIZE, progress
        ):
            best[number] = max(best[number], value)
    by_reply: list[list[float]] = [[] for _ in singles]
    for (number, _), value in zip(sentences, best, strict=True):
        by_reply[number].append(value)
    return [round(sum(values) / len(values), 4) if values else None for values in by_reply]


def entailing(role: Role) -> int:
    """The label that says so. Before the weights load: any model would load, with a head of random numbers."""
    from transformers import AutoConfig

    where = passes.source(role.model, role.revision)
    try:
        labels: Any = AutoConfig.from_pretrained(role.model, **where).id2label
    except (OSError, ValueError) as error:
        raise passes.missing(role.model, role.revision, error) from None
    found = [number for number, label in labels.items() if label.casefold().startswith("entail")]
    if len(found) != 1:
        raise SystemExit(
            f"params.yaml: roles.nli of the profile: got {role.model}, whose labels are {', '.join(labels.values())}, "
            f"wanted a classifier with one label that begins with entail"
        )
    return int(found[0])


def split(text: str) -> list[str]:
    """Its sentences."""
    return [part.strip() for part in SENTENCE.split(text) if any(map(str.isalnum, part))]


def windows_of(number: int, article: str, sentence: str, tokenizer: Any, context: int) -> list[Window]:
    """The sentence, cut to half of the context, beside as much of the article as fits, until all of it was there."""
    kept = tokenizer(sentence, add_special_tokens=False, truncation=True, max_length=context // 2)["input_ids"]
    room = context - len(kept) - tokenizer.num_special_tokens_to_add(pair=True)
    stride = min(OVERLAP, room // 2)
    found = tokenizer(
        article,
        tokenizer.decode(kept),
        truncation="only_first",
        max_length=context,
        stride=stride,
        return_overflowing_tokens=True,
    )
    names = [name for name in tokenizer.model_input_names if name in found]
    return [Window(number, {name: found[name][i] for name in names}) for i in range(len(found["input_ids"]))]
