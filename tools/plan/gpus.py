"""Facts of GPUs, from NVIDIA's data sheets; and what is found in this machine."""

import importlib.util
from typing import NamedTuple


class Gpu(NamedTuple):
    memory: float  # bytes
    peak_flops: float  # a second, dense, bfloat16 (float16 where there is none)
    peak_float32: float  # a second, outside tensor cores: torch leaves TF32 off
    link: float  # bytes a second in one direction to the other GPUs: NVLink, or PCIe
    host_link: float  # bytes a second in one direction to the machine's memory: PCIe
    capability: tuple[int, int]  # of CUDA
    bandwidth: float  # bytes a second of its own memory


# GPUs of one size from the slowest on: by memory alone, the first is assumed.
GPUS = {
    "T4": Gpu(16e9, 65e12, 8.1e12, 16e9, 16e9, (7, 5), 320e9),
    "L4": Gpu(24e9, 121e12, 30e12, 32e9, 32e9, (8, 9), 300e9),
    "A10": Gpu(24e9, 125e12, 31e12, 32e9, 32e9, (8, 6), 600e9),
    "RTX-4090": Gpu(24e9, 165e12, 82e12, 32e9, 32e9, (8, 9), 1008e9),
    "V100": Gpu(32e9, 125e12, 15.7e12, 150e9, 16e9, (7, 0), 900e9),
    "A100-40": Gpu(40e9, 312e12, 19.5e12, 300e9, 32e9, (8, 0), 1555e9),
    "L40S": Gpu(48e9, 362e12, 91e12, 32e9, 32e9, (8, 9), 864e9),
    "A100-80": Gpu(80e9, 312e12, 19.5e12, 300e9, 32e9, (8, 0), 2039e9),
    "H100": Gpu(80e9, 989e12, 67e12, 450e9, 64e9, (9, 0), 3350e9),
    "H200": Gpu(141e9, 989e12, 67e12, 450e9, 64e9, (9, 0), 4800e9),
    "B200": Gpu(180e9, 2250e12, 75e12, 900e9, 64e9, (10, 0), 8000e9),
}
MODERN = (8, 0)  # the first with bfloat16 and FlashAttention-2


def named(name: str) -> Gpu:
    if name not in GPUS:
        raise SystemExit(f"plan: --gpu {name}: wanted one of {', '.join(GPUS)}")
    return GPUS[name]


def of_memory(memory: float) -> tuple[str, Gpu]:
    """The slowest GPU of the nearest size, with `memory` bytes."""
    name = min(GPUS, key=lambda known: abs(GPUS[known].memory - memory))
    return name, GPUS[name]._replace(memory=memory)


def found() -> tuple[int, str, Gpu] | None:
    """Number, name and facts of this machine's GPUs; None without any."""
    import torch

    if not torch.cuda.is_available():
        return None
    device = torch.cuda.get_device_properties(0)
    words = {word.removesuffix("GB") for word in device.name.upper().replace(" ", "-").split("-")}
    known = [name for name in GPUS if words.issuperset(name.split("-"))]
    name, facts = (known[-1], GPUS[known[-1]]) if known else of_memory(device.total_memory)
    return (
        torch.cuda.device_count(),
        name,
        facts._replace(memory=device.total_memory, capability=(device.major, device.minor)),
    )


def attention(gpu: Gpu) -> str:
    return "flash_attention_2" if gpu.capability >= MODERN and importlib.util.find_spec("flash_attn") else "sdpa"


def peak(gpu: Gpu, precision: str) -> float:
    """FLOP a second in the training's precision."""
    return gpu.peak_flops if precision == "bfloat16" else gpu.peak_float32


def check_precision(name: str, gpu: Gpu, precision: str) -> None:
    if precision == "bfloat16" and gpu.capability < MODERN:
        have, want = (".".join(map(str, version)) for version in (gpu.capability, MODERN))
        raise SystemExit(
            f"plan: {name} has compute capability {have} and no bfloat16, wanted {want} or more; or set precision: "
            f"float32 in params.yaml"
        )
