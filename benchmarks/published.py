"""The planner beside figures that others measured on GPUs: `python -m benchmarks.published`.

It needs no GPU. What a source does not tell of its settings is taken from the script that it names.
"""

from typing import NamedTuple

from stages.train.parallelism import Parallelism
from stages.train.params import Lora, Training
from tools.plan import memory, speed
from tools.plan.gpus import GPUS, Gpu
from tools.plan.shapes import SHAPES, Shape

GIB, GB = 2**30, 1e9
A6000 = Gpu(48e9, 155e12, 38.7e12, 32e9, 32e9, (8, 6), 768e9)  # NVIDIA's data sheet, dense
A100, RTX_4090 = GPUS["A100-80"], GPUS["RTX-4090"]
LLAMA_8B, LLAMA_70B = SHAPES["Llama-3.1-8B"], SHAPES["Llama-3.1-70B"]
# config.json of Qwen/Qwen-7B, -14B, -72B: its intermediate_size is that of gate and up together
QWEN_7B = Shape(151936, 4096, 11008, 32, 32, 32, 128, False, False, 7_721_324_544)
QWEN_14B = Shape(152064, 5120, 13696, 40, 40, 40, 128, False, False, 14_167_290_880)
QWEN_72B = Shape(152064, 8192, 24576, 80, 64, 64, 128, False, False, 72_287_920_128)
ALL = "q_proj k_proj v_proj o_proj gate_proj up_proj down_proj"
TORCHTUNE, QWEN = "torchtune", "Qwen"
BYTES_OF_A_LOGIT = 2 + 4 + 4


class Published(NamedTuple):
    source: str
    what: str
    shape: Shape
    quantization: str
    rank: int
    targets: str
    context: int
    rows: int  # in a pass
    passes: int  # in a step
    gpu: Gpu
    num_gpus: int
    zero: int
    peak: float  # bytes on each GPU
    tokens: float  # a second, over all GPUs
    checkpointing: bool = True


# pytorch/torchtune, README.md, "Memory and training speed" (0031bfb): 2 packed rows of 2,048 tokens, compiled; recipes
# llama3_1/*_lora*.yaml: rank 8 (70B: 16) on all linear layers but k (70B: all of attention), with checkpointing.
# QwenLM/Qwen, README.md, "Profiling of Memory and Speed" (03cd81f): one row, 8 passes, FlashAttention-2; its scripts
# finetune/finetune_*.sh: rank 64 on all linear layers, with checkpointing; 72B over 4 GPUs in all.
CASES = [
    Published(TORCHTUNE, "8B LoRA, A6000", LLAMA_8B, "none", 8, "q_proj v_proj o_proj gate_proj up_proj down_proj", 2048, 2, 1, A6000, 1, 0, 30.3 * GIB, 4699, False),
    Published(TORCHTUNE, "8B LoRA, 4090", LLAMA_8B, "none", 8, "q_proj v_proj o_proj gate_proj up_proj down_proj", 2048, 2, 1, RTX_4090, 1, 0, 16.2 * GIB, 3083),
    Published(TORCHTUNE, "8B QLoRA, 4090", LLAMA_8B, "nf4", 8, "q_proj v_proj o_proj gate_proj up_proj down_proj", 2048, 2, 1, RTX_4090, 1, 0, 7.4 * GIB, 2413),
    Published(TORCHTUNE, "70B LoRA, 8 A100", LLAMA_70B, "none", 16, "q_proj k_proj v_proj o_proj", 2048, 2, 1, A100, 8, 3, 27.6 * GIB, 3497),
    *[
        Published(QWEN, f"7B LoRA, A100, {context}", QWEN_7B, "none", 64, ALL, context, 1, 8, A100, 1, 0, gb * GB, 8 * context / seconds)
        for context, gb, seconds in ((1024, 21.5, 2.8), (2048, 23.8, 5.2), (4096, 29.7, 10.1), (8192, 36.6, 21.3))
    ],
    *[
        Published(QWEN, f"7B QLoRA, A100, {context}", QWEN_7B, "nf4", 64, ALL, context, 1, 8, A100, 1, 0, gb * GB, 8 * context / seconds)
        for context, gb, seconds in ((1024, 12.3, 3.5), (2048, 13.9, 7.0), (8192, 23.5, 22.3))
    ],
    *[
        Published(QWEN, f"14B LoRA, A100, {context}", QWEN_14B, "none", 64, ALL, context, 1, 8, A100, 1, 0, gb * GB, 8 * context / seconds)
        for context, gb, seconds in ((2048, 37.4, 8.4), (8192, 55.2, 36.0))
    ],
    *[
        Published(QWEN, f"72B LoRA, 4 A100, {context}", QWEN_72B, "none", 64, ALL, context, 1, 8, A100, 4, 3, gb / 4 * GB, 4 * 8 * context / seconds)
        for context, gb, seconds in ((2048, 228.8, 45.7), (8192, 289.2, 161.5))
    ],
]  # fmt: skip


def settings_of(case: Published) -> Training:
    lora = Lora.model_validate(
        {
            "rank": case.rank,
            "alpha": 16,
            "dropout": 0.0,
            "targets": case.targets,
            "init": "zeros",
            "dora": False,
            "quantization": case.quantization,
        }
    )
    batch = case.num_gpus * case.rows * case.passes
    return Training(
        num_epochs=1,
        method="lora",
        learning_rate=1e-4,
        schedule="constant",
        batch_size=batch,
        max_length=case.context,
        packing=False,
        precision="bfloat16",
        lora=lora,
    )


def planned(case: Published) -> tuple[float, float]:
    """Bytes on each GPU as the source counts them, and tokens a second over all.

    torchtune counts what torch allocates, without CUDA's context and NCCL's buffers. Qwen's script holds all logits, in
    its precision, in float32 and with their gradient; TRL's fused head, which the planner counts, does not.
    """
    settings = settings_of(case)
    parallelism = Parallelism(
        num_processes=case.num_gpus,
        zero=case.zero,  # pyright: ignore[reportArgumentType]
        offload_optimizer=False,
        offload_parameters=False,
        checkpointing=case.checkpointing,
        attention="flash_attention_2",
        liger=False,
        rows_per_device=case.rows,
        hostfile=None,
        peak_flops=None,
    )
    peak = memory.estimate(case.shape, settings, case.context, parallelism).peak
    if case.source == TORCHTUNE:
        peak -= memory.context_bytes(parallelism)
    else:
        peak += BYTES_OF_A_LOGIT * case.rows * case.context * case.shape.vocabulary
    seconds = sum(speed.step_seconds(case.shape, settings, case.context, settings.batch_size, parallelism, case.gpu))
    return peak, settings.batch_size * case.context / seconds


def main() -> None:
    print("| source | training | GB published | planned | ratio | tokens/s published | planned | ratio |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for case in CASES:
        peak, tokens = planned(case)
        print(
            f"| {case.source} | {case.what} | {case.peak / GB:.1f} | {peak / GB:.1f} | {peak / case.peak:.2f} "
            f"| {case.tokens:,.0f} | {tokens:,.0f} | {tokens / case.tokens:.2f} |"
        )


if __name__ == "__main__":
    main()
