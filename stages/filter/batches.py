"""The rows that are judged, in batches: completions beside their prompts, in bounded memory."""

import io
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.json

SIZE = 20_000  # rows of a batch: some 40 MB with their prompts
NUM_BYTES = 1 << 26  # of a batch's lines
PLAIN = "plain"
MESSAGES = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))
COMPLETION = pa.schema(
    [
        ("id", pa.string()),
        ("style", pa.string()),
        ("sample", pa.int64()),
        ("text", pa.string()),
        ("reasoning", pa.string()),
        ("finish_reason", pa.string()),
        ("error", pa.string()),
        ("completion_tokens", pa.int64()),
    ]
)


def completions_with_prompts(prompts: Path, completions: Path, size: int) -> Iterator[pl.DataFrame]:
    """Each completion with what the filter needs of its prompt, `row` counting from 0. `generate` writes completions in the
    order of the prompts, so only the prompts of one batch are held."""
    coming = prompt_frames(prompts, size)
    held = next(coming, None)
    if held is None:
        raise SystemExit(f"filter: {prompts}: got no prompts, wanted at least one; run `dvc repro prompts`")
    start = 0
    for batch in read_batches(completions, COMPLETION, size):
        batch = batch.rename({"reasoning": "thoughts"})  # noqa: PLW2901 - what a reading finds is called reasoning
        while not batch["id"].is_in(held["id"].implode()).all():
            more = next(coming, None)
            if more is None:
                stranger = batch.filter(~pl.col("id").is_in(held["id"].implode()))["id"][0]
                raise SystemExit(
                    f"filter: {completions}: got a completion of prompt {stranger!r}, wanted the prompts of {prompts} in their order; run `dvc repro generate`"
                )
            held = pl.concat([held, more])
        yield batch.join(held, on="id", how="left", maintain_order="left").with_row_index("row", start)
        start += len(batch)
        held = held.slice(held["id"].index_of(batch["id"][-1]) or 0)


def prompts_alone(prompts: Path, size: int) -> Iterator[pl.DataFrame]:
    """The prompts as rows of their own, in the same columns: the control has no completions."""
    start = 0
    for batch in prompt_frames(prompts, size):
        none = dict.fromkeys(("text", "thoughts", "error"), pl.lit(""))
        none |= {"style": pl.lit(PLAIN), "sample": pl.lit(0, pl.Int64), "finish_reason": pl.lit("stop"), "completion_tokens": pl.lit(0, pl.Int64)}
        yield batch.with_columns(**none).with_row_index("row", start)
        start += len(batch)


def prompt_frames(path: Path, size: int) -> Iterator[pl.DataFrame]:
    """id, task, reference, solution, choices, prompt (the plain messages), question (all turns but the
    system's) and instruction (the system's of every style)."""
    with path.open(encoding="utf-8") as lines:
        first = lines.readline()
    styles = list(json.loads(first)["messages"]) if first else [PLAIN]
    messages = pa.struct([(style, MESSAGES) for style in styles])
    strings = [(name, pa.string()) for name in ("id", "task", "reference", "solution")]
    schema = pa.schema([*strings, ("choices", pa.list_(pa.string())), ("messages", messages)])
    for batch in read_batches(path, schema, size):
        plain = pl.col("messages").struct.field(PLAIN)
        every = pl.concat_list([pl.col("messages").struct.field(style) for style in styles])
        yield batch.select(
            *("id", "task", "reference", "solution", "choices"),
            prompt=plain,
            question=contents(plain, pl.element().struct.field("role") != "system"),
            instruction=contents(every, pl.element().struct.field("role") == "system"),
        )


def contents(messages: pl.Expr, which: pl.Expr) -> pl.Expr:
    """What these messages say, in order."""
    return messages.list.filter(which).list.eval(pl.element().struct.field("content")).list.join("\n")


def read_batches(path: Path, schema: pa.Schema, size: int) -> Iterator[pl.DataFrame]:
    """The rows of a JSONL file, at most `size` and some NUM_BYTES at a time; pyarrow reads nested ones three times as fast as polars."""
    options = pyarrow.json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore")
    with path.open("rb") as lines:
        for block in blocks(lines, size):
            try:
                table = pyarrow.json.read_json(io.BytesIO(block), pyarrow.json.ReadOptions(block_size=len(block)), options)
            except pa.ArrowInvalid as error:
                raise SystemExit(f"filter: {path}: got a line that is no such row ({error}), wanted what the stage before wrote; run `dvc repro`") from None
            yield pl.DataFrame(pl.from_arrow(table))


def blocks(lines: Iterable[bytes], size: int) -> Iterator[bytes]:
    held: list[bytes] = []
    num_bytes = 0
    for line in lines:
        held.append(line)
        num_bytes += len(line)
        if len(held) == size or num_bytes > NUM_BYTES:
            yield b"".join(held)
            held, num_bytes = [], 0
    if held:
        yield b"".join(held)
