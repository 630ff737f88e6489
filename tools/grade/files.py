"""A grader's file: a click is on the disk before it is said to be saved."""

import errno
import os
import re
import unicodedata
from pathlib import Path

from pydantic import ValidationError

from stages.rows.grades import GRADES, Grade

NAME = re.compile(r"[\w-]{1,40}")


def path_of(dataset: str, typed: str) -> Path | None:
    """None where what was typed is no name. Capitals make no other grader, nor does the way an accent is coded."""
    name = unicodedata.normalize("NFC", typed.strip().casefold())
    return GRADES / dataset / f"{name}.jsonl" if NAME.fullmatch(name) else None


def append(path: Path, grades: list[Grade]) -> None:
    """Raises OSError where they cannot be kept, and then keeps none."""
    lines = "".join(f"{grade.model_dump_json()}\n" for grade in grades).encode()
    is_new = not path.exists()
    path.parent.mkdir(parents=True, exist_ok=True)
    file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        mend(file)
        size = os.fstat(file).st_size
        if os.write(file, lines) != len(lines):
            os.ftruncate(file, size)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        os.fsync(file)
    finally:
        os.close(file)
    if is_new:
        folder = os.open(path.parent, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)


def mend(file: int) -> None:
    """Cut off a last line that a crash tore: it was never said to be saved. One that is whole lacks its end only
    because an editor writes none."""
    size = os.fstat(file).st_size
    text = os.pread(file, size, 0)
    start = text.rfind(b"\n") + 1
    if start == len(text):
        return
    try:
        Grade.model_validate_json(text[start:])
    except ValidationError:
        os.ftruncate(file, start)
    else:
        os.pwrite(file, b"\n", size)


def mend_all(dataset: str) -> None:
    for path in (GRADES / dataset).glob("*.jsonl"):
        file = os.open(path, os.O_RDWR)
        try:
            mend(file)
        finally:
            os.close(file)
