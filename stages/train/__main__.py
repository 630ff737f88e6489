"""Tune one student on the examples with plain supervised fine-tuning: `python -m stages.train 8b`."""

import csv
import ctypes
import json
import os
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

from stages.models.local import check
from stages.train.params import Params, load

DATA = Path("data/filtered")
# Seconds between checkpoints. It changes no result, so it is no parameter.
CHECKPOINT_SECONDS = float(os.environ.get("POTSTILL_CHECKPOINT_SECONDS", "600"))


def main(student: str) -> None:
    params = load(student)
    check(params.base.model, params.base.revision)
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: die with the dvc that started this
    # after the parameters, because these imports take seconds
    import datasets
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.trainer_callback import ProgressCallback
    from trl.trainer.sft_trainer import SFTTrainer

    from stages.train import checkpoint, guard
    from stages.train.progress import LossOnBar

    base, settings = params.base, params.profile
    source: dict[str, Any] = {} if Path(base.model).exists() else {"revision": base.revision}
    try:
        tokenizer: Any = AutoTokenizer.from_pretrained(base.model, **source)
        model: Any = AutoModelForCausalLM.from_pretrained(base.model, dtype=getattr(torch, settings.precision), use_safetensors=True, **source)
    except OSError as error:  # not found, no access, no network, no safetensors
        raise SystemExit(
            f"train-{student}: model {base.model} at {base.revision}: {error}\nCheck `model` and `revision` in params.yaml, the network and HF_TOKEN."
        ) from None
    train, validation = read_rows(DATA / "train.jsonl"), read_rows(DATA / "validation.jsonl")
    lengths = [len(tokenizer.apply_chat_template(row["prompt"] + row["completion"], return_dict=False)) for row in train]
    num_truncated = guard.overlong(lengths, settings.max_length, params.train.overlong, student)
    output = checkpoint.folder(student, params, [DATA / "train.jsonl", DATA / "validation.jsonl"])
    trainer: Any = SFTTrainer(
        model=model,
        args=to_sft_config(params, output, use_cpu=not torch.cuda.is_available()),
        train_dataset=datasets.Dataset.from_list(train),
        eval_dataset=datasets.Dataset.from_list(validation) if validation else None,
        processing_class=tokenizer,
        peft_config=to_lora_config(params) if params.train.method == "lora" else None,
        callbacks=[checkpoint.SaveByTime(CHECKPOINT_SECONDS)],
    )
    trainer.remove_callback(ProgressCallback)
    trainer.add_callback(LossOnBar)
    stop_ids = model.generation_config.eos_token_id or tokenizer.eos_token_id
    guard.loss_mask(trainer.train_dataset, {stop_ids} if isinstance(stop_ids, int) else set(stop_ids), num_truncated, student)
    resumed = checkpoint.latest(output)
    if resumed:
        print(f"train-{student}: going on from {resumed.name}", file=sys.stderr)
    trainer.train(resume_from_checkpoint=str(resumed) if resumed else None)
    loss = trainer.evaluate()["eval_loss"] if validation else None
    out = Path("models") / student
    trainer.model.save_pretrained(out, safe_serialization=True)
    tokenizer.save_pretrained(out)
    curve = loss_curve(trainer.state.log_history, params.train.log_every_steps)
    write_metrics(student, curve, {"examples": len(train), "truncated": num_truncated, "validation_loss": loss})
    shutil.rmtree(output)


def read_rows(path: Path) -> list[dict[str, Any]]:
    rows = [json.loads(line) for line in path.open(encoding="utf-8")]
    return [{"prompt": row["prompt"], "completion": row["completion"]} for row in rows]


def to_sft_config(params: Params, output: Path, use_cpu: bool) -> Any:
    from trl.trainer.sft_config import SFTConfig

    train, settings = params.train, params.profile
    return SFTConfig(
        output_dir=str(output),
        num_train_epochs=params.student.num_epochs,
        per_device_train_batch_size=settings.batch_size // int(os.environ.get("WORLD_SIZE", "1")),
        learning_rate=settings.learning_rate,
        lr_scheduler_type=settings.schedule,
        warmup_steps=train.warmup_share,  # below 1 it is a share of the steps
        weight_decay=train.weight_decay,
        max_grad_norm=train.max_grad_norm,
        max_length=settings.max_length,
        seed=train.seed,
        bf16=settings.precision == "bfloat16",
        gradient_checkpointing=not use_cpu,
        use_cpu=use_cpu,
        logging_steps=1,  # averaged in `write_metrics`: the trainer's own mean forgets what came before a resume
        save_strategy="no",  # SaveByTime does it
        save_total_limit=2,
        eval_strategy="no",
        report_to="none",
        trust_remote_code=False,
    )


def to_lora_config(params: Params) -> Any:
    from peft import LoraConfig

    lora = params.profile.lora
    return LoraConfig(
        r=lora.rank, lora_alpha=lora.alpha, lora_dropout=lora.dropout, target_modules=lora.targets, task_type="CAUSAL_LM", revision=params.base.revision
    )


def write_metrics(student: str, curve: list[tuple[int, float]], counts: dict[str, Any]) -> None:
    """metrics/train-8b.json and the loss curve; no durations, which differ from run to run."""
    report = {**counts, "steps": curve[-1][0], "loss": curve[-1][1]}
    rounded = {name: round(value, 4) if isinstance(value, float) else value for name, value in report.items() if value is not None}
    Path("metrics").mkdir(exist_ok=True)
    Path(f"metrics/train-{student}.json").write_text(json.dumps({f"train-{student}": rounded}, indent=2) + "\n")
    with Path(f"metrics/train-{student}.csv").open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([("step", "loss"), *((step, round(loss, 4)) for step, loss in curve)])


def loss_curve(history: list[dict[str, float]], every: int) -> list[tuple[int, float]]:
    """(last step, mean loss) of each `every` steps, from a log that holds every step."""
    steps = [(int(entry["step"]), entry["loss"]) for entry in history if "loss" in entry]
    chunks = [steps[i : i + every] for i in range(0, len(steps), every)]
    return [(chunk[-1][0], sum(loss for _, loss in chunk) / len(chunk)) for chunk in chunks]


if __name__ == "__main__":
    main(sys.argv[1])
