"""What the command line asks of the planner; what makes no sense is one line."""

import argparse
import math
from pathlib import Path
from typing import Any

from tools.plan import gpus


def read(arguments: list[str], document: dict[str, Any]) -> argparse.Namespace:
    """`document` is params.yaml."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.plan",
        description="Plan the training of a student; what is not named comes from params.yaml.",
    )
    parser.add_argument("student", help="one of `students` in params.yaml")
    parser.add_argument("--gpus", type=int, help="their number, 0 for the CPU; without it those of this machine")
    parser.add_argument("--gpu-memory", type=float, help="GB (1e9 bytes) of each")
    parser.add_argument(
        "--gpu", help=f"their kind, for speed: {', '.join(gpus.GPUS)}; without it the slowest of that memory"
    )
    parser.add_argument("--hostfile", help="of several machines: a line `address slots=8` for each")
    parser.add_argument(
        "--profile",
        help="of params.yaml; without it the selected one, or llama where GPUs are named and laptop is selected",
    )
    parser.add_argument("--model", help="a folder, a config.json or a name, instead of the student's base")
    parser.add_argument("--method", choices=("lora", "full"))
    parser.add_argument("--context", type=int, help="tokens a row")
    parser.add_argument("--batch", type=int, help="rows a step, over all GPUs")
    parser.add_argument("--price", type=float, help="of a GPU for an hour, to print the cost")
    parser.add_argument("--json", action="store_true", help="print the recommended parallelism alone")
    parser.add_argument(
        "--write",
        action="store_true",
        help="keep the recommended parallelism in .potstill, where training takes it from",
    )
    asked = parser.parse_args(arguments)
    fault = first_fault(asked, document)
    if fault:
        raise SystemExit(f"plan: {fault}")
    return asked


def first_fault(asked: argparse.Namespace, document: dict[str, Any]) -> str | None:
    if asked.profile and asked.profile not in document["profiles"]:
        return f"--profile: got {asked.profile}, wanted one of {', '.join(document['profiles'])} in params.yaml"
    if document["profile"] not in document["profiles"]:
        return f"params.yaml: profile: got {document['profile']}, wanted one of {', '.join(document['profiles'])}"
    if asked.gpus is not None and asked.gpus < 0:
        return f"--gpus: got {asked.gpus}, wanted their number, or 0 for the CPU"
    for name in ("gpu_memory", "context", "batch", "price"):
        value = getattr(asked, name)
        if value is not None and not (0 < value < math.inf):
            return f"--{name.replace('_', '-')}: got {value}, wanted a number above 0"
    if asked.hostfile and not Path(asked.hostfile).is_file():
        return f"--hostfile: got no file {asked.hostfile}, wanted one with a line `address slots=8` for each machine"
    if asked.hostfile and not slots(asked.hostfile):
        return f"--hostfile: got no slots in {asked.hostfile}, wanted a line `address slots=8` for each machine"
    return None


def slots(hostfile: str) -> int:
    """GPUs in a DeepSpeed host file."""
    lines = [line.split("#")[0].split() for line in Path(hostfile).read_text().splitlines()]
    return sum(int(part.removeprefix("slots=")) for line in lines for part in line if part.startswith("slots="))
