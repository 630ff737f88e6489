"""What is learnt, as the teacher's tokens: its own prompt, then the target."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from stages.models import learnt
from stages.models.learnt import Tokens

SELECTED = Path("data/selected")
PROMPTS = Path("data/prompts/train.jsonl")
SPLITS = ("train", "validation")
AT_ONCE = 1_000  # rows that are tokenised together: enough to keep all cores busy

Messages = Sequence[Mapping[str, str]]


class Example(NamedTuple):
    """A row that is learnt: what the student is asked, what the teacher was asked in the row's style, the target."""

    split: str
    id: str
    style: str
    sample: int
    plain: Messages
    asked: Messages
    target: str


class Scored(NamedTuple):
    """An example as the teacher's ids; those from `start` on are learnt."""

    example: Example
    ids: list[int]
    start: int


class Counts(NamedTuple):
    rows: int
    tokens: int  # that are learnt
    rows_to_ask: dict[str, int]  # of each teacher
    tokens_to_read: dict[str, int]  # by it, of prompts and targets of those rows


def stream_examples() -> Iterator[Example]:
    """Those of train, then those of validation, each in the order of its file, where a prompt may come up again."""
    places = places_of_prompts()
    with PROMPTS.open("rb") as prompts:
        for split in SPLITS:
            for row in read_rows(SELECTED / f"{split}.jsonl"):
                if row["id"] not in places:
                    raise SystemExit(
                        f"logits: {PROMPTS}: got no prompt {row['id']}, which {SELECTED / split}.jsonl has, wanted the "
                        f"prompts of all its rows; run `dvc repro select`"
                    )
                prompts.seek(places[row["id"]])
                messages = json.loads(prompts.readline())["messages"]
                if row["style"] not in messages:
                    raise SystemExit(
                        f"logits: {PROMPTS}: got the prompt {row['id']} in the styles {', '.join(messages)}, wanted "
                        f"{row['style']} too, in which its reply was asked; run `dvc repro select`"
                    )
                asked, (completion,) = messages[row["style"]], row["completion"]
                yield Example(
                    split, row["id"], row["style"], row["sample"], row["prompt"], asked, completion["content"]
                )


def places_of_prompts() -> dict[str, int]:
    """Where in the file each begins, in bytes."""
    found, place = dict[str, int](), 0
    with PROMPTS.open("rb") as lines:
        for line in lines:
            found[json.loads(line)["id"]] = place
            place += len(line)
    return found


def read_rows(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def tokenize(examples: Iterable[Example], tokenizer: Any, who: str) -> Iterator[Scored]:
    """As `who`, a teacher, is put them."""
    for some in chunks(examples):
        for example, (ids, start) in zip(some, tokens_of(some, tokenizer, who, is_student=False), strict=True):
            yield Scored(example, ids, start)


def tokens_of(some: Sequence[Example], tokenizer: Any, who: str, is_student: bool) -> list[Tokens]:
    prompts = [example.plain if is_student else example.asked for example in some]
    found: list[Tokens] = []
    try:
        for tokens in learnt.tokenize(prompts, [example.target for example in some], tokenizer):
            found.append(tokens)
    except ValueError as parted:
        raise SystemExit(
            f"logits: {who}, {place(some[len(found)])}: got a chat template that words {parted}, wanted the same "
            f"words; name a model with another template in params.yaml"
        ) from None
    return found


def check_learnt(
    examples: Iterable[Example],
    teachers: dict[str, Any],
    students: dict[str, Any],
    to_ask: Mapping[str, Callable[[Tokens], bool]],
) -> Counts:
    """`teachers` and `students` are tokenizers by name, `to_ask` tells of each teacher's rows which it is asked.

    Raises SystemExit unless a row's learnt tokens are the same ids for all of them: otherwise the teacher's
    probabilities would be those of other tokens.
    """
    rows, tokens, asked, read = 0, 0, dict.fromkeys(teachers, 0), dict.fromkeys(teachers, 0)
    for some in chunks(examples):
        first, *others = (
            (name, tokens_of(some, tokenizer, name, is_student))
            for tokenizers, is_student in ((teachers, False), (students, True))
            for name, tokenizer in tokenizers.items()
        )
        for name, found in (first, *others):
            for example, (ids, start), of_other in zip(some, first[1], found, strict=True):
                check_same(example, first[0], ids[start:], name, of_other.ids[of_other.start :])
            if name in teachers:
                lengths = [len(one.ids) for one in found if to_ask[name](one)]
                asked[name] += len(lengths)
                read[name] += sum(lengths)
        rows += len(some)
        tokens += sum(len(ids) - start for ids, start in first[1])
    return Counts(rows, tokens, asked, read)


def check_same(example: Example, teacher: str, expected: list[int], name: str, got: list[int]) -> None:
    if got != expected:
        shorter = min(len(got), len(expected))
        part = next((i for i, (a, b) in enumerate(zip(got, expected, strict=False)) if a != b), shorter)
        raise SystemExit(
            f"logits: {place(example)}: got {len(got)} learnt tokens of {name}, from number {part} on "
            f"{got[part : part + 5]}, wanted the {len(expected)} of {teacher}, there {expected[part : part + 5]}: "
            f"their chat templates end a turn differently, or their tokenizers split the text otherwise; name others "
            f"in params.yaml, or set logits.top_k to 0"
        )


def place(example: Example) -> str:
    return f"{example.split} row {example.id} sample {example.sample}"


def chunks(examples: Iterable[Example]) -> Iterator[list[Example]]:
    stream = iter(examples)
    while some := list(islice(stream, AT_ONCE)):
        yield some
