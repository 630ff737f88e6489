"""The one place where parameters and the parallelism become arguments of accelerate, DeepSpeed, TRL and PEFT."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from stages.train.machines import addresses
from stages.train.objective import Kind
from stages.train.parallelism import Parallelism
from stages.train.params import Params

# How long processes wait for one that loads or saves weights for all of them. Half an hour, the libraries' own, is less
# than a large model takes from a slow disk.
COLLECTIVE_SECONDS = 2 * 60 * 60


def needs_launcher(parallelism: Parallelism, num_gpus: int) -> bool:
    """One process that sees several GPUs needs it too: the trainer would spread over all of them."""
    return parallelism.num_processes > 1 or parallelism.zero > 0 or num_gpus > 1


def accumulation(params: Params, parallelism: Parallelism) -> int:
    """Forward passes of each process in one step."""
    return params.profile.batch_size // (parallelism.num_processes * parallelism.rows_per_device)


def num_machines(parallelism: Parallelism) -> int:
    return len(addresses(parallelism.hostfile)) if parallelism.hostfile else 1


def num_threads(parallelism: Parallelism) -> int:
    """Of each process, which share this machine's cores; torchrun would give each one thread."""
    return max(1, len(os.sched_getaffinity(0)) * num_machines(parallelism) // parallelism.num_processes)


def launch_command(
    student: str, params: Params, parallelism: Parallelism, parallelism_file: Path, port: int
) -> list[str]:
    """accelerate's launcher with one worker for each process. DeepSpeed's settings are its arguments, no file."""
    command = [
        sys.executable,
        "-m",
        "accelerate.commands.launch",
        "--num_processes",
        str(parallelism.num_processes),
        "--main_process_port",
        str(port),
    ]
    command += [
        "--mixed_precision",
        "bf16" if params.profile.precision == "bfloat16" else "no",
        "--dynamo_backend",
        "no",
    ]
    if parallelism.zero == 0:
        command += ["--num_machines", "1", "--multi_gpu"]  # a CPU too: it means torchrun
    else:
        command += [
            "--use_deepspeed",
            "--zero_stage",
            str(parallelism.zero),
            "--gradient_clipping",
            str(params.train.max_grad_norm),
        ]
        command += ["--gradient_accumulation_steps", str(accumulation(params, parallelism))]
        command += ["--offload_optimizer_device", "cpu" if parallelism.offload_optimizer else "none"]
        command += ["--offload_param_device", "cpu" if parallelism.offload_parameters else "none"]
        command += [
            "--zero3_init_flag",
            str(parallelism.zero == 3).lower(),
            "--zero3_save_16bit_model",
            str(parallelism.zero == 3).lower(),
        ]
        if parallelism.hostfile:
            command += [
                "--num_machines",
                str(num_machines(parallelism)),
                "--machine_rank",
                "0",
                "--deepspeed_hostfile",
                parallelism.hostfile,
                "--deepspeed_multinode_launcher",
                "pdsh",
            ]
        else:
            command += ["--num_machines", "1"]
    return [*command, "-m", "stages.train.worker", student, str(parallelism_file)]


def to_config(kind: Kind) -> Callable[..., Any]:
    """What makes the arguments of TRL's trainer."""
    return {"tokens": to_sft_config, "pairs": to_dpo_config, "on_policy": to_distillation_config}[kind]


def to_sft_config(
    params: Params, parallelism: Parallelism, output: Path, use_cpu: bool, steps_per_epoch: int, validate: bool
) -> Any:
    from trl.trainer.sft_config import SFTConfig

    return SFTConfig(
        **of_every_trainer(params, parallelism, output, use_cpu, steps_per_epoch, validate),
        max_length=None,  # rows come cut and packed
        dataset_kwargs={"skip_prepare_dataset": True},
        packing=params.profile.packing,
        eval_packing=False,
    )


def to_dpo_config(
    params: Params, parallelism: Parallelism, output: Path, use_cpu: bool, steps_per_epoch: int, validate: bool
) -> Any:
    from trl.trainer.dpo_config import DPOConfig

    return DPOConfig(
        **of_every_trainer(params, parallelism, output, use_cpu, steps_per_epoch, validate),
        max_length=None,  # replies come cut
        precompute_ref_log_probs=True,  # they come with the rows
        disable_dropout=False,  # lora.dropout says it
        loss_type=["sigmoid", "sft"],
        loss_weights=[1.0, params.constants.cross_entropy],  # pyright: ignore[reportAttributeAccessIssue]
        beta=params.constants.beta,  # pyright: ignore[reportAttributeAccessIssue]
    )


def to_distillation_config(
    params: Params, parallelism: Parallelism, output: Path, use_cpu: bool, steps_per_epoch: int, validate: bool
) -> Any:
    from trl.trainer.distillation_config import DistillationConfig

    return DistillationConfig(
        **of_every_trainer(params, parallelism, output, use_cpu, steps_per_epoch, validate),
        beta=params.constants.beta,  # pyright: ignore[reportAttributeAccessIssue]
        temperature=params.constants.temperature,  # pyright: ignore[reportAttributeAccessIssue]
        max_completion_length=params.constants.max_new_tokens,  # pyright: ignore[reportAttributeAccessIssue]
    )


def of_every_trainer(
    params: Params, parallelism: Parallelism, output: Path, use_cpu: bool, steps_per_epoch: int, validate: bool
) -> dict[str, Any]:
    train, settings = params.train, params.profile
    keep_best = validate and train.keep == "best"
    return {
        "output_dir": str(output),
        "num_train_epochs": settings.num_epochs,
        "per_device_train_batch_size": parallelism.rows_per_device,
        "per_device_eval_batch_size": 1,  # so that the validation loss is a mean over rows, whatever the processes
        "gradient_accumulation_steps": accumulation(params, parallelism),
        "learning_rate": settings.learning_rate,
        "lr_scheduler_type": settings.schedule,
        "warmup_steps": train.warmup_share,  # below 1 it is a share of the steps
        "weight_decay": train.weight_decay,
        "max_grad_norm": train.max_grad_norm,
        "seed": train.seed,
        "bf16": settings.precision == "bfloat16",
        "gradient_checkpointing": parallelism.checkpointing,
        "use_liger_kernel": parallelism.liger,
        "use_cpu": use_cpu,
        "ddp_find_unused_parameters": False,
        "ddp_timeout": COLLECTIVE_SECONDS,
        "logging_steps": 1,  # averaged in the metrics: the trainer's own mean forgets what came before a resume
        "logging_nan_inf_filter": False,
        "eval_strategy": "steps" if validate else "no",
        "eval_steps": max(1, steps_per_epoch // train.evals_per_epoch),
        "save_strategy": "best" if keep_best else "no",  # and by time, by a callback
        "save_total_limit": 2,
        "load_best_model_at_end": keep_best,
        "metric_for_best_model": "eval_loss" if validate else None,
        "greater_is_better": False,
        "restore_callback_states_from_checkpoint": True,
        "report_to": "none",
        "disable_tqdm": False,
        "trust_remote_code": False,
    }


def to_lora_config(params: Params) -> Any:
    from peft import LoraConfig

    lora = params.profile.lora
    return LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=lora.targets,
        use_dora=lora.dora,
        task_type="CAUSAL_LM",
        revision=params.base.revision,
    )


def to_model_arguments(params: Params, parallelism: Parallelism) -> dict[str, Any]:
    """Of `from_pretrained`. Full tuning keeps its weights in float32 unless DeepSpeed keeps such a copy itself."""
    import torch

    precision = getattr(torch, params.profile.precision)
    in_float32 = params.profile.method == "full" and parallelism.zero == 0
    arguments: dict[str, Any] = {
        "dtype": torch.float32 if in_float32 else precision,
        "attn_implementation": parallelism.attention,
        "use_safetensors": True,
    }
    if params.profile.method == "lora" and params.profile.lora.quantization == "nf4":
        from transformers import BitsAndBytesConfig

        arguments["quantization_config"] = BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=precision,
        )
    if not Path(params.base.model).exists():
        arguments["revision"] = params.base.revision
    return arguments
