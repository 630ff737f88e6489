"""Completions with their prompts, streamed: there may be too many for memory."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from stages.rows.completion import Completion
from stages.rows.prompt import PLAIN, Prompt


def stream_completions(path: Path) -> Iterator[Completion]:
    with path.open(encoding="utf-8") as lines:
        yield from map(Completion.model_validate_json, lines)


def count_lines(path: Path) -> int:
    with path.open("rb") as lines:
        return sum(1 for _ in lines)


def pair(prompts: Iterable[Prompt], completions: Iterable[Completion]) -> Iterator[tuple[Prompt, Completion]]:
    """Every completion with its prompt. Both come in the order of the prompts, so that one prompt is held at a time.

    Raises SystemExit where they do not: then they are not of the same run.
    """
    ahead, prompt = iter(prompts), None
    for completion in completions:
        while prompt is None or prompt.id != completion.id:
            prompt = next(ahead, None)
            if prompt is None:
                raise SystemExit(
                    f"score: completion {completion.id} sample {completion.sample}: got no such prompt after those of the completions before, "
                    "wanted completions in the order of their prompts; run `dvc repro generate`"
                )
        yield prompt, completion


def question(prompt: Prompt) -> str:
    """What the user says, with the conversation before it, and without the system prompt, which words the format of the reply."""
    turns = [message for message in prompt.messages[PLAIN] if message.role != "system"]
    if len(turns) == 1:
        return turns[0].content
    return "\n\n".join(f"{turn.role.capitalize()}: {turn.content}" for turn in turns)
