"""What must hold before the weights load: each failure is one sentence, found in seconds."""

import importlib.util
import shutil
import sysconfig
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from stages.train.examples import DATA, IGNORED, Tokens, tokenize
from stages.train.objectives.table import OBJECTIVES
from stages.train.parallelism import Parallelism
from stages.train.params import Params

NUM_KEPT = 3  # checkpoints on the disk at once: the last, the best, and the one being written
MODERN = (8, 0)  # CUDA capability of the A100: the first with bfloat16, and with FlashAttention-2


def tokens(rows: Sequence[dict[str, Any]], split: str, first_line: int, tokenizer: Any, student: str) -> list[Tokens]:
    """A split's rows from line `first_line` as token ids; raises where the student would be served a prompt that it
    never saw."""
    if not tokenizer.chat_template:
        raise SystemExit(
            f"train-{student}: the model's tokenizer has no chat template, wanted one, for it words prompts; add it "
            f"to its folder"
        )
    found: list[Tokens] = []
    try:
        for example in tokenize(rows, tokenizer):
            found.append(example)
    except ValueError as parted:
        raise SystemExit(
            f"train-{student}: the chat template words the prompt of line {first_line + len(found)} of "
            f"{DATA / split}.jsonl otherwise "
            f"when an answer follows ({parted}), so the student would be served prompts it never saw; use a template "
            f"that begins both alike"
        ) from None
    return found


def overlong(lengths: Sequence[int], split: str, max_length: int, policy: str, student: str) -> int:
    """How many of a split's rows have more than `max_length` tokens; raises unless the policy is to truncate them."""
    count = sum(length > max_length for length in lengths)
    if count and policy == "error":
        raise SystemExit(
            f"train-{student}: {count} of {len(lengths)} examples in {DATA / split}.jsonl have more than {max_length} "
            f"tokens (the longest {max(lengths)}); "
            f"raise max_length, or set train.overlong: truncate in params.yaml"
        )
    return count


def loss_mask(examples: Sequence[Tokens], split: str, first_line: int, stop_ids: set[int], student: str) -> None:
    """Every example must teach something, and where to stop."""
    for number, example in enumerate(examples, first_line):
        where = f"train-{student}: line {number} of {DATA / split}.jsonl"
        if example.labels.count(IGNORED) == len(example.labels):
            raise SystemExit(f"{where} has an empty loss mask, so nothing would be learnt from its target")
        if stop_ids.isdisjoint(example.labels):
            raise SystemExit(
                f"{where} has no end token {sorted(stop_ids)} in its loss mask, so the student would never learn to "
                f"stop; "
                "give the model a chat template that ends turns with the end token"
            )


def one_step(num_rows: int, params: Params, student: str) -> None:
    if num_rows < params.profile.batch_size:
        rows = "packed rows" if params.profile.packing else "examples"
        raise SystemExit(
            f"train-{student}: got {num_rows} {rows}, wanted at least one step of {params.profile.batch_size}; "
            f"make more examples, or lower train.batch_size of student-{student} in params.yaml"
        )


class Machine(NamedTuple):
    capability: tuple[int, int] | None  # of the GPUs; None without one
    num_gpus: int
    free_bytes: int  # on the disk of the checkpoints
    packages: frozenset[str]  # of the optional ones, those that are installed
    has_compiler: bool  # and the headers for what it compiles


def look(folder: Path) -> Machine:
    import torch

    optional = ("deepspeed", "flash_attn", "liger_kernel", "bitsandbytes")
    on_disk = next(path for path in (folder, *folder.parents) if path.exists())
    return Machine(
        torch.cuda.get_device_capability() if torch.cuda.is_available() else None,
        torch.cuda.device_count(),
        shutil.disk_usage(on_disk).free,
        frozenset(name for name in optional if importlib.util.find_spec(name)),
        bool(shutil.which("g++")) and (Path(sysconfig.get_path("include")) / "Python.h").exists(),
    )


def machine(params: Params, parallelism: Parallelism, found: Machine, student: str) -> None:
    """The parallelism must be one that this machine can execute. On several machines only this one is looked at."""
    fault = first_fault(params, parallelism, found)
    if fault:
        raise SystemExit(
            f"train-{student}: {fault}, or let `python -m tools.plan {student} --write` write "
            f".potstill/parallelism-{student}.json anew"
        )


def first_fault(params: Params, parallelism: Parallelism, found: Machine) -> str | None:
    settings, old = params.profile, found.capability is not None and found.capability < MODERN
    parted = settings.method == "lora" and settings.lora.init != "zeros"
    nf4 = settings.method == "lora" and settings.lora.quantization == "nf4"
    wanted = {
        "deepspeed": parallelism.zero > 0,
        "flash_attn": parallelism.attention == "flash_attention_2",
        "liger_kernel": parallelism.liger,
        "bitsandbytes": nf4,
    }
    missing = [name for name, needed in wanted.items() if needed and name not in found.packages]
    in_one_pass = parallelism.num_processes * parallelism.rows_per_device
    if missing:
        return (
            f"the parallelism or the parameters want {', '.join(missing)}, which is not installed: install it (pip "
            f"install -e '.[gpu]')"
        )
    if OBJECTIVES[params.train.objective].needs == "memory" and parallelism.num_processes > 1:
        return (
            f"{params.train.objective} remembers what one process saw, got {parallelism.num_processes}: set "
            f"num_processes to 1, or another train.objective in params.yaml"
        )
    if settings.batch_size % in_one_pass:
        return (
            f"batch_size is {settings.batch_size}, which {parallelism.num_processes} processes of "
            f"{parallelism.rows_per_device} rows cannot share evenly: "
            "change batch_size in params.yaml"
        )
    if found.num_gpus and parallelism.hostfile is None and parallelism.num_processes > found.num_gpus:
        return f"got {found.num_gpus} GPUs, wanted {parallelism.num_processes}, one for each process: set num_processes"
    if old and settings.precision == "bfloat16":
        return (
            f"GPUs of CUDA capability {found.capability} have no bfloat16, wanted {MODERN} or later: set precision: "
            f"float32 in params.yaml"
        )
    if parallelism.attention == "flash_attention_2" and (
        old or found.capability is None or settings.precision != "bfloat16"
    ):
        return (
            "FlashAttention-2 needs a GPU of CUDA capability (8, 0) or later and precision bfloat16: set attention "
            "to sdpa"
        )
    if nf4 and parallelism.zero == 3:
        return "nf4 weights cannot be parted by ZeRO-3: set zero to 2 or less"
    if parted and parallelism.zero == 3:
        return f"init {settings.lora.init} needs whole weights, which ZeRO-3 parts: set zero to 2 or less"
    if parallelism.zero == 0 and (
        parallelism.offload_optimizer or parallelism.offload_parameters or parallelism.hostfile
    ):
        return "offload and several machines need ZeRO, got zero 0: set zero"
    if parallelism.offload_parameters and parallelism.zero != 3:
        return f"only ZeRO-3 can offload weights, got zero {parallelism.zero}: set zero to 3"
    if parallelism.zero and not found.has_compiler and (parallelism.offload_optimizer or not found.num_gpus):
        return (
            "DeepSpeed compiles what it runs on a CPU, an offloaded optimizer too, and there is no g++ with Python's "
            "headers: install them (apt install g++ python3-dev)"
        )
    return None


def disk_space(checkpoint_bytes: float, found: Machine, folder: Path, student: str) -> None:
    needed = NUM_KEPT * checkpoint_bytes
    if needed > found.free_bytes:
        raise SystemExit(
            f"train-{student}: got {found.free_bytes / 1e9:.1f} GB free at {folder}, wanted {needed / 1e9:.1f} GB for "
            f"{NUM_KEPT} checkpoints; "
            "free some, or link .potstill/checkpoints to a larger disk"
        )


def checkpoint_bytes(params: Params) -> float:
    """Of one checkpoint, at most: 16 bytes a trained parameter (weights, a float32 copy of them, Adam's two states).
    Loads no weights."""
    import torch
    from peft import get_peft_model
    from transformers import AutoConfig, AutoModelForCausalLM

    from stages.train.arguments import to_lora_config

    source = {} if Path(params.base.model).exists() else {"revision": params.base.revision}
    with torch.device("meta"):
        model: Any = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(params.base.model, **source))
        if params.profile.method == "lora":
            model = get_peft_model(model, to_lora_config(params))
    return 16.0 * sum(p.numel() for p in model.parameters() if p.requires_grad)
