"""What is in the ledger, and what may be done with it: `python -m tools.ledger --help`."""

import argparse
import sqlite3
from pathlib import Path

import pyarrow
import pyarrow.parquet
from rich.console import Console
from rich.table import Table

from stages.sampling.ledger.store import Ledger, default_path

COLUMNS = (
    "key",
    "text",
    "finish_reason",
    "prompt_tokens",
    "completion_tokens",
    "engine",
    "model",
    "revision",
    "served",
    "day",
    "cost",
    "reasoning",
)
BINARY = {"key"}
NUMBERS = {"prompt_tokens": pyarrow.int64(), "completion_tokens": pyarrow.int64(), "cost": pyarrow.float64()}
PARQUET = pyarrow.schema(
    [(name, pyarrow.binary() if name in BINARY else NUMBERS.get(name, pyarrow.string())) for name in COLUMNS]
)
ROWS_PER_BATCH = 50_000


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.ledger", description="The ledger of finished replies.")
    commands = parser.add_subparsers(dest="command", required=True)
    selecting = argparse.ArgumentParser(add_help=False)
    selecting.add_argument("--model", help="replies of this model alone")
    selecting.add_argument("--revision", help="and of this revision")
    commands.add_parser("list", parents=[selecting], help="replies, tokens and cost by model and day")
    commands.add_parser("verify", help="check every page of the file and every reply in it")
    commands.add_parser("export", parents=[selecting], help="write replies to a Parquet file").add_argument(
        "file", type=Path
    )
    commands.add_parser(
        "import", help="take the replies of a Parquet file; a reply that is here already stays"
    ).add_argument("file", type=Path)
    commands.add_parser(
        "delete", parents=[selecting], help="drop the replies of a model, which will be asked and paid for again"
    )
    options = parser.parse_args()
    path = default_path()
    if options.command != "import" and not path.exists():
        raise SystemExit(f"ledger {path}: got no such file, wanted one: nothing has been asked in this checkout yet")
    ledger = Ledger(path)
    match options.command:
        case "list":
            show(ledger, options.model, options.revision)
        case "verify":
            verify(ledger)
        case "export":
            print(f"{export(ledger, options.file, options.model, options.revision)} replies written to {options.file}")
        case "import":
            found, new = take(ledger, options.file)
            print(f"{found} replies in {options.file}, {new} of them new here")
        case "delete":
            if options.model is None:
                raise SystemExit("delete: got no --model, wanted the one whose replies are to go")
            print(f"{delete(ledger, options.model, options.revision)} replies deleted")


def selection(model: str | None, revision: str | None) -> tuple[str, list[str]]:
    """The WHERE clause and its values; empty for all replies."""
    wanted = {name: value for name, value in (("model", model), ("revision", revision)) if value is not None}
    return (" WHERE " + " AND ".join(f"{name} = ?" for name in wanted) if wanted else ""), list(wanted.values())


def show(ledger: Ledger, model: str | None, revision: str | None) -> None:
    where, values = selection(model, revision)
    rows = ledger.connection.execute(
        "SELECT model, revision, engine, day, count(*), sum(prompt_tokens), sum(completion_tokens), total(cost), "
        "sum(cost IS NULL) FROM replies"
        f"{where} GROUP BY model, revision, engine, day ORDER BY model, revision, engine, day",
        values,
    ).fetchall()
    table = Table("model", "revision", "engine", "day", box=None)
    for name in ("replies", "prompt tokens", "completion tokens", "cost"):
        table.add_column(name, justify="right")
    for *who, replies, prompt, completion, cost, unpriced in rows:
        table.add_row(*who, f"{replies:,}", f"{prompt:,}", f"{completion:,}", in_words(cost, unpriced))
    totals = [sum(row[i] for row in rows) for i in (4, 5, 6, 7, 8)]
    table.add_row("all", "", "", "", *(f"{total:,}" for total in totals[:3]), in_words(*totals[3:]))
    # a terminal's width where there is one; into a pipe nothing is shortened
    console = Console()
    (console if console.is_terminal else Console(width=200)).print(table)


def in_words(cost: float, unpriced: int) -> str:
    """`unpriced` replies came while their price was not known."""
    return f"{cost:,.2f}" if not unpriced else "unknown" if not cost else f"{cost:,.2f} and unknown"


def verify(ledger: Ledger) -> None:
    """SQLite's own check of every page, and that every row is a reply."""
    problems = [problem for (problem,) in ledger.connection.execute("PRAGMA integrity_check") if problem != "ok"]
    ((bad,),) = ledger.connection.execute(
        "SELECT count(*) FROM replies WHERE length(key) != 32 OR finish_reason NOT IN ('stop', 'length', "
        "'content_filter') "
        "OR prompt_tokens < 0 OR completion_tokens < 0 OR typeof(text) != 'text'"
    )
    if problems or bad:
        raise SystemExit("\n".join([f"ledger {ledger.path} is damaged: {bad} rows are no replies", *problems]))
    ((count,),) = ledger.connection.execute("SELECT count(*) FROM replies")
    print(f"ledger {ledger.path}: {count:,} replies, all whole")


def export(ledger: Ledger, file: Path, model: str | None, revision: str | None) -> int:
    """In the order of their keys, so that equal selections give equal bytes."""
    where, values = selection(model, revision)
    cursor, count = (
        ledger.connection.execute(f"SELECT {', '.join(COLUMNS)} FROM replies{where} ORDER BY key", values),
        0,
    )
    with pyarrow.parquet.ParquetWriter(file, PARQUET, compression="zstd") as writer:
        while rows := cursor.fetchmany(ROWS_PER_BATCH):
            writer.write_table(
                pyarrow.Table.from_pylist([dict(zip(COLUMNS, row, strict=True)) for row in rows], schema=PARQUET)
            )
            count += len(rows)
    return count


def take(ledger: Ledger, file: Path) -> tuple[int, int]:
    """How many replies the file holds, and how many of them are new."""
    try:
        schema = pyarrow.parquet.read_schema(file)
    except (OSError, pyarrow.ArrowInvalid) as error:
        raise SystemExit(f"import {file}: {error}; wanted a Parquet file that `export` wrote") from None
    if not schema.equals(PARQUET) and not schema.equals(PARQUET.remove(PARQUET.get_field_index("reasoning"))):
        raise SystemExit(
            f"import {file}: got the columns {schema.names}, wanted {list(COLUMNS)}: a file that `export` wrote"
        )
    found = new = 0
    for batch in pyarrow.parquet.ParquetFile(file).iter_batches(ROWS_PER_BATCH):
        rows = [
            tuple(({"reasoning": ""} | row)[name] for name in COLUMNS) for row in batch.to_pylist()
        ]  # earlier exports had no reasoning
        with ledger.transaction(f"only {new} replies were taken"):
            cursor = ledger.connection.executemany(
                "INSERT OR IGNORE INTO replies VALUES (?,?,?,?,?,?,?,?,?,?,?,?)", rows
            )
        found, new = found + len(rows), new + cursor.rowcount
    return found, new


def delete(ledger: Ledger, model: str, revision: str | None) -> int:
    where, values = selection(model, revision)
    with ledger.transaction("nothing was deleted"):
        count = ledger.connection.execute(f"DELETE FROM replies{where}", values).rowcount
    ledger.connection.execute("VACUUM")
    return count


if __name__ == "__main__":
    try:
        main()
    except sqlite3.DatabaseError as error:
        raise SystemExit(f"ledger {default_path()}: {error}") from None
