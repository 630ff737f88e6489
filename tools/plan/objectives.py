"""What an objective takes beside a plain training: on each GPU, in the machine's memory, on the disk, of money."""

from pathlib import Path
from typing import Any, NamedTuple

from ruamel.yaml import YAML

from stages.rows.topk import BYTES
from stages.train.objective import Objective
from stages.train.objectives.table import OBJECTIVES
from stages.train.params import Params
from tools.plan import shapes
from tools.plan.shapes import Shape

MEMORY_BYTES = 12  # of one remembered token: its id in 64 bits, its log-probability in 32 (stages/train/memory.py)
ROWS = 1_000_000  # that memory, disk and cost are told of


class Held(NamedTuple):
    """Without arguments what a plain training holds, nothing."""

    whole_logits: bool = False  # of all tokens at once, for a loss of our own; else TRL's in tiles
    sequences: int = 1  # of a row
    teacher: Shape | None = None  # whose weights lie on each GPU
    remembered: int = 0  # tokens at each learnt one, in one process's memory
    alone: bool = False  # in one process, without ZeRO: no other has what it saw or drew


PLAIN = Held()


class Teacher(NamedTuple):
    model: str
    prompt_price: float | None  # for a million tokens; None where it is not known
    top_k: int  # tokens whose probabilities are kept


def held(params: Params, teacher: Teacher, on_gpus: bool) -> Held:
    """The CPU's parallelism needs no shape, so that models of other kinds train as well."""
    name = params.train.objective
    of_teacher = shapes.find(teacher.model) if on_gpus and OBJECTIVES[name].kind == "on_policy" else None
    return of_objective(OBJECTIVES[name], params.constants, of_teacher)


def of_objective(objective: Objective, constants: Any, teacher: Shape | None) -> Held:
    return Held(
        objective.losses is not None,
        2 if objective.kind == "pairs" else 1,  # a chosen and a rejected reply; the reference was asked before
        teacher,
        constants.top_k if objective.needs == "memory" else 0,
        objective.needs == "memory" or objective.kind == "on_policy",
    )


def read_teacher(profile: str | None) -> Teacher:
    document = YAML(typ="safe").load(Path("params.yaml"))
    teacher = document["profiles"][profile or document["profile"]]["teacher"]
    return Teacher(teacher["model"], teacher["prompt_price"], document["logits"]["top_k"])


def probability_bytes(tokens: float, k: int) -> float:
    """Of the teacher's k most probable at each learnt token, before compression."""
    return BYTES * k * tokens


def memory_bytes(tokens: float, k: int) -> float:
    """Of what the student itself expected of each learnt token."""
    return MEMORY_BYTES * k * tokens


def pass_cost(tokens: float, price: float | None) -> float | None:
    """Of the teacher's one pass over prompts and targets; None where the price is not known."""
    return None if price is None else price * tokens / 1e6


def in_words(params: Params, teacher: Teacher, holds: Held, context: int) -> list[str]:
    """Sentences on what it takes; of rows as long as they may be, all of whose tokens are learnt, so at most."""
    tokens, found = float(ROWS * context), list[str]()
    if holds.whole_logits:
        found.append("its loss holds the logits of all tokens at once")
    if holds.sequences > 1:
        found.append(f"a row is {holds.sequences} sequences")
    if holds.teacher:
        found.append(
            f"{teacher.model} lies on each GPU too; the time is that of the student's passes, without its replies and "
            f"the teacher's reading"
        )
    if holds.remembered:
        found.append(
            f"one process remembers {holds.remembered} tokens at each learnt one: at most "
            f"{memory_bytes(tokens, holds.remembered) / 1e9:,.1f} GB of the machine's memory for a million rows"
        )
    if OBJECTIVES[params.train.objective].needs == "logits":
        cost = pass_cost(tokens, teacher.prompt_price)
        size = probability_bytes(tokens, teacher.top_k) / 1e9
        found.append(
            f"the teacher's {teacher.top_k} most probable tokens (logits.top_k) are at most {size:,.1f} GB for a "
            f"million rows in data/logits before compression, as much in .potstill/logits, and as much while it "
            f"trains; a pass of the teacher reads at most {tokens / 1e6:,.0f} million tokens for them, cost "
            f"{'unknown' if cost is None else f'at most {cost:,.2f}'}"
        )
    return found
