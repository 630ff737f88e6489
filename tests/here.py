"""A stage in this process: it spares the seconds in which torch, transformers and trl are imported."""

import os
import runpy
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import IO
from unittest.mock import patch

from tests.architecture.closure import ROOT


def run_here(folder: Path, stage: str, *arguments: str) -> tuple[int, str]:
    """Exit status and all that was printed of `python -m stages.<stage>` in the folder."""
    code: int | str = 0
    with tempfile.TemporaryFile("w+", buffering=1, encoding="utf-8") as file:
        with (
            everything_printed_to(file),
            chdir(folder),
            patch.dict(os.environ, DVC_ROOT=str(folder), PYTHONPATH=str(ROOT)),
            patch("sys.argv", [stage, *arguments]),
        ):
            try:
                runpy.run_module(f"stages.{stage}", run_name="__main__")
            except SystemExit as stopped:  # what Python does as a process ends
                code = stopped.code or 0
                if isinstance(code, str):
                    print(code, file=file)
                    code = 1
            except Exception:
                traceback.print_exc(file=file)
                code = 1
        file.seek(0)
        return code, file.read()


@contextmanager
def everything_printed_to(file: IO[str]) -> Iterator[None]:
    """By this process and by those that it starts."""
    kept = {number: os.dup(number) for number in (1, 2)}
    try:
        with redirect_stdout(file), redirect_stderr(file):
            for number in kept:
                os.dup2(file.fileno(), number)
            yield
            file.flush()
    finally:
        for number, copy in kept.items():
            os.dup2(copy, number)
            os.close(copy)
