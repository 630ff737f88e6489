"""Rows read and ruled one by one, batch by batch in processes: their texts go to disk, what is compared stays in
memory."""

import multiprocessing
import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from difflib import SequenceMatcher
from itertools import islice
from pathlib import Path

import polars as pl

from stages.filter.measures import REPEATED, measure
from stages.filter.params import Params
from stages.filter.reading import read_batch
from stages.filter.row_rules import SCAFFOLDING
from stages.filter.rules import apply_row_rules
from stages.rows.parquet import batches
from stages.rows.prompt import PLAIN
from stages.rows.row import schema
from stages.sampling.process_group import die_with_parent
from stages.tasks.answers.refusal import PATTERN
from stages.tasks.answers.table import TASKS

COMPLETIONS = Path("data/completions/completions.parquet")
COMPARABLE = [
    task for task, parser in TASKS.items() if parser.is_right
]  # tasks in which two answers are the same or not
PUNCTUATION = r"[\s.,;:!?\"'“”‘’]+"  # signs such as "-" are meant
READ = tuple(schema("generate"))
JUDGED = (
    "answer",
    "is_right",
    "target",
    "short",
    "words",
    "characters",
    "private",
    "is_validation",
    "reason",
    "detail",
    "evidence",
)


def read_and_apply_rules(params: Params, scratch: Path) -> pl.DataFrame:
    """The table of all rows in their order. It holds no texts: those are in the parts in `scratch`, with each row's
    `row`."""
    tables = list(in_processes(numbered(COMPLETIONS, params.filter.labels), params, scratch))
    if not tables:
        raise SystemExit(f"filter: {COMPLETIONS}: got no rows, wanted at least one; run `dvc repro generate`")
    return pl.concat(tables)


def numbered(path: Path, labels: str) -> Iterator[pl.DataFrame]:
    """The rows, batch by batch, `row` counting from 0; for the control each prompt once, without its reply."""
    start = 0
    for batch in batches(path, READ):
        rows = without_replies(batch) if labels == "reference" else batch
        yield rows.with_row_index("row", start)
        start += len(rows)


def without_replies(batch: pl.DataFrame) -> pl.DataFrame:
    none = dict.fromkeys(("text", "reasoning", "error"), pl.lit(""))
    tokens = pl.lit(0, pl.Int64)
    return batch.filter(pl.col("sample") == 0).with_columns(
        **none, style=pl.lit(PLAIN), finish_reason=pl.lit("stop"), prompt_tokens=tokens, completion_tokens=tokens
    )


def in_processes(rows: Iterator[pl.DataFrame], params: Params, scratch: Path) -> Iterator[pl.DataFrame]:
    """In order. A single batch is not worth the start of a process; more are handed out two ahead, so that they do not
    pile up."""
    first = list(islice(rows, 2))
    if len(first) < 2:
        yield from (apply_to_part(batch, params, scratch) for batch in first)
        return
    num_processes = len(os.sched_getaffinity(0))
    with ProcessPoolExecutor(num_processes, multiprocessing.get_context("spawn"), initializer=die_with_parent) as pool:
        waiting: list[Future[pl.DataFrame]] = [pool.submit(apply_to_part, batch, params, scratch) for batch in first]
        for batch in rows:
            if len(waiting) > 2 * num_processes:
                yield waiting.pop(0).result()
            waiting.append(pool.submit(apply_to_part, batch, params, scratch))
        yield from (future.result() for future in waiting)


def apply_to_part(batch: pl.DataFrame, params: Params, scratch: Path) -> pl.DataFrame:
    """Writes the batch with its verdicts as one part, returns what rows are compared by."""
    ruled = apply_row_rules(measure(read_batch(batch.rename({"reasoning": "thoughts"}), params), params), params)
    ruled = ruled.with_columns(
        evidence=evidence(ruled),
        words=pl.col("words").cast(pl.Int64),
        characters=pl.col("target").str.len_chars().cast(pl.Int64),
    )
    part = batch.hstack(ruled.select(JUDGED))
    part.write_parquet(scratch / f"{batch['row'][0]:09}.parquet", compression="lz4", statistics=False)
    numbers = pl.col("question").str.extract_all(r"\d+(?:[.,]\d+)*").list.sort().list.join(" ")
    return ruled.select(
        *("row", "id", "style", "sample", "task", "reason", "is_right", "words"),
        vote=pl.when(pl.col("task").is_in(COMPARABLE)).then(pl.col("answer")),
        has_private=pl.col("private").is_not_null(),
        same=pl.concat_str("question", "target", separator="\n")
        .str.to_lowercase()
        .str.replace_all(PUNCTUATION, " ")
        .hash(seed=0),
        kind=pl.struct(pl.when(pl.col("task").is_in(COMPARABLE)).then("answer"), numbers).hash(seed=0),
    )


def evidence(ruled: pl.DataFrame) -> pl.Series:
    """The text that shows the fault, "" where the words of `detail` say it all."""
    found = ruled.select(
        pl.when(pl.col("reason") == "refusal")
        .then(pl.col("said").str.extract(f"(?i)({PATTERN})").str.strip_chars())
        .when(pl.col("reason") == "scaffolding")
        .then(pl.col("said").str.extract(f"({SCAFFOLDING})"))
        .when(pl.col("reason") == "outside_labels")
        .then(pl.col("outside"))
        .otherwise(pl.lit(""))
        .alias("evidence")
    ).to_series()
    looked_for = ruled.with_row_index("at").filter(pl.col("reason").is_in(["degenerate", "leak"]))
    rows = looked_for.select(
        "at", "reason", "said", "instruction", pl.col("detail").str.starts_with("a word")
    ).iter_rows()
    texts = [
        (at, longest_run(said, told) if reason == "leak" else repeated(said, is_word))
        for at, reason, said, told, is_word in rows
    ]
    return found.scatter([at for at, _ in texts], [text for _, text in texts]) if texts else found


def repeated(text: str, is_word: bool) -> str:
    """The words that come most often in a row of REPEATED, or the one endless word."""
    words = text.split()
    if is_word:
        return max(words, key=len)
    runs = Counter(" ".join(words[i : i + REPEATED]) for i in range(len(words) - REPEATED + 1))
    return runs.most_common(1)[0][0]


def longest_run(text: str, instruction: str) -> str:
    """The longest run of words in the text that stands in the instruction, as the text has it."""
    words, told = text.split(), instruction.split()
    folded = [[word.casefold().strip(".,;:!?\"'()") for word in some] for some in (words, told)]
    match = SequenceMatcher(None, *folded, autojunk=False).find_longest_match()
    return " ".join(words[match.a : match.a + match.size])
