"""How the student will be asked once it is trained: as its base is. What stands against it is said before training."""

import sys

from stages.sampling import merging
from stages.train.params import Params


def check(params: Params, student: str) -> None:
    """Raise where nothing could ask the student; say where it is asked otherwise than it is trained."""
    if params.base.engine == "openai":
        raise SystemExit(
            f"train-{student}: got the engine openai in `base` of student-{student}, wanted one that loads "
            f"models/{student} on this machine or cluster, or nothing could ask the student once it is trained; name "
            f"another engine in params.yaml"
        )
    for sentence in otherwise(params):
        print(f"train-{student}: {sentence}", file=sys.stderr)


def otherwise(params: Params) -> list[str]:
    lora, local_engine = params.profile.lora, params.base.engine.removeprefix("ray-")
    if params.profile.method == "full":
        return []
    found = []
    if lora.quantization == "nf4":
        found.append(
            f"it is trained over nf4 weights, and {params.base.engine} asks it over those that nf4 rounds: replies "
            f"differ by that rounding"
        )
    fault = merging.fault(local_engine, saved_rank(params), lora.dora)
    if fault:
        found.append(f"{fault}: to be asked it is merged into its base, in .potstill/merged, as large as the base")
    return found


def saved_rank(params: Params) -> int:
    """CorDA's adapter has twice the rank once it is plain."""
    return params.profile.lora.rank * (1 if params.profile.lora.init == "zeros" else 2)
