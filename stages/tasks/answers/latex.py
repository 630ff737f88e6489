"""LaTeX -> a number, by math-verify, in a process of its own.

math-verify guards itself against endless expressions with signals, which work in a main thread alone; here they are
off,
and a process that takes too long is killed.
"""

import atexit
import logging
import multiprocessing
from fractions import Fraction
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

from stages.tasks.answers.number import canonical

TIMEOUT_SECONDS = 10.0
START_SECONDS = 120.0  # the child imports sympy
worker: list[tuple[BaseProcess, Connection]] = []


def evaluate(words: str) -> str | None:
    """The canonical form of the one expression in the words; None where there is none, or it takes too long."""
    if not worker:
        worker.append(start())
    _, connection = worker[0]
    connection.send(words)
    if connection.poll(TIMEOUT_SECONDS):
        return connection.recv()
    stop()
    return None


def start() -> tuple[BaseProcess, Connection]:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=serve, args=(theirs,), daemon=True)
    process.start()
    if not ours.poll(START_SECONDS):
        raise SystemExit("math-verify did not start; reinstall with `make setup`")
    ours.recv()
    return process, ours


@atexit.register
def stop() -> None:
    while worker:
        process, connection = worker.pop()
        process.kill()
        process.join()
        connection.close()


def serve(connection: Connection) -> None:
    """Runs in the child: an expression in, its canonical form out."""
    from math_verify import ExprExtractionConfig, LatexExtractionConfig, parse

    logging.getLogger("math_verify").setLevel(logging.ERROR)  # it warns that its time-outs are off
    configs = [LatexExtractionConfig(), ExprExtractionConfig()]
    connection.send("ready")
    while True:
        try:
            words = connection.recv()
        except EOFError:
            return
        try:
            found = parse(
                words if "\\boxed" in words or "$" in words else f"${words}$",
                configs,
                parsing_timeout=None,  # pyright: ignore[reportArgumentType]
                fallback_mode="no_fallback",
            )
            connection.send(to_text(found[0]) if found else None)
        except Exception:  # whatever sympy makes of it: it is unreadable
            connection.send(None)


def to_text(expression: object) -> str | None:
    """A rational in the form of a plain number, another constant as sympy writes it; None for what is no number."""
    import sympy

    if not isinstance(expression, sympy.Basic):
        return None
    value = (
        sympy.nsimplify(expression, rational=True)
        if expression.is_Float or expression.is_Rational
        else sympy.simplify(expression)
    )
    if value.is_Rational:
        return canonical(Fraction(int(value.p), int(value.q)))  # pyright: ignore[reportAttributeAccessIssue]
    return str(value) if value.is_number and value.is_finite else None
