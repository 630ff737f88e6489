"""One process of a training: `python -m stages.train.worker 8b parallelism.json` under accelerate's launcher, or called where one process does."""

import os
import sys
from pathlib import Path
from typing import Any

from stages.sampling.process_group import die_with_parent
from stages.train import arguments, arrow, saved
from stages.train.parallelism import Parallelism
from stages.train.params import Params, load


def train(student: str, params: Params, parallelism: Parallelism, output: Path, tokenizer: Any) -> None:
    """Train on the files in `output` and save to models/<student>; the log history and what a reloaded student must answer stay there."""
    import torch
    from transformers import AutoModelForCausalLM, EarlyStoppingCallback
    from transformers.trainer_callback import ProgressCallback
    from trl.trainer.sft_trainer import SFTTrainer

    from stages.train import checkpoint
    from stages.train.order import Order, rows_of_step
    from stages.train.progress import LossOnBar, StopOnBadLoss, Throughput

    settings, train_params = params.profile, params.train
    rows, validate = arrow.rows_to_learn(output, settings.packing), arrow.load(output / "validation.arrow")
    num_rows = len(rows)
    steps_per_epoch = -(-num_rows // settings.batch_size)
    # before the model, because ZeRO-3 parts its weights while they load
    args = arguments.to_sft_config(
        params, parallelism, output, not torch.cuda.is_available(), steps_per_epoch, bool(validate)
    )

    class Trainer(SFTTrainer):
        def _get_train_sampler(self, train_dataset: Any = None) -> Order:
            per_pass = parallelism.num_processes * parallelism.rows_per_device
            return Order(num_rows, train_params.seed, per_pass if parallelism.num_processes > 1 else 1)

    try:
        model: Any = AutoModelForCausalLM.from_pretrained(
            params.base.model, **arguments.to_model_arguments(params, parallelism)
        )
    except OSError as error:  # not found, no access, no network, no safetensors
        raise SystemExit(
            f"train-{student}: model {params.base.model} at {params.base.revision}: {error}\n"
            "Check `model` and `revision` in params.yaml, the network and HF_TOKEN."
        ) from None

    def examples_of_step(step: int) -> list[int]:
        numbers = rows_of_step(step, num_rows, settings.batch_size, train_params.seed)
        return sorted({example for number in numbers for example in arrow.examples_in(rows[number], number)})

    trainer: Any = Trainer(
        model=model,
        args=args,
        train_dataset=arrow.with_filler(rows, tokenizer.pad_token_id) if parallelism.num_processes > 1 else rows,
        eval_dataset=validate or None,
        processing_class=tokenizer,
        peft_config=arguments.to_lora_config(params) if settings.method == "lora" else None,
        callbacks=[
            checkpoint.SaveByTime(parallelism),
            StopOnBadLoss(student, train_params.max_loss_jump, examples_of_step, output),
            Throughput(student, settings.method, parallelism),
            *([EarlyStoppingCallback(train_params.patience)] if train_params.patience and validate else []),
        ],
    )
    trainer.remove_callback(ProgressCallback)
    bar = LossOnBar()
    trainer.add_callback(bar)
    resumed = checkpoint.latest(output)
    if resumed:
        checkpoint.fits(resumed, parallelism, student)
        if trainer.accelerator.is_main_process:
            print(f"train-{student}: going on from {resumed.name}", file=sys.stderr)
    try:
        trainer.train(resume_from_checkpoint=str(resumed) if resumed else None)
    except SystemExit:
        bar.close()  # or it would be drawn once more below the reason
        raise
    validation_loss = trainer.evaluate()["eval_loss"] if validate else None
    saved.save(trainer, tokenizer, params, parallelism, Path("models") / student)
    logits = saved.logits(trainer.model_wrapped, arrow.head(output, 1)[0], trainer.accelerator.device)
    if trainer.accelerator.is_main_process:
        saved.write_report(
            output, trainer.state, validation_loss, train_params.keep == "best" and bool(validate), logits
        )


def main(student: str, parallelism_file: Path) -> None:
    die_with_parent()
    params = load(student)
    parallelism = Parallelism.model_validate_json(parallelism_file.read_text())
    output = parallelism_file.parent
    from transformers import AutoTokenizer

    tokenizer: Any = AutoTokenizer.from_pretrained(
        params.base.model, **({} if Path(params.base.model).exists() else {"revision": params.base.revision})
    )
    try:
        train(student, params, parallelism, output, tokenizer)
    except SystemExit as stopped:  # the launcher would bury it in its own report
        if os.environ.get("RANK") == "0":
            (output / "stopped.txt").write_text(str(stopped.code))
        sys.exit(1)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
