"""One process of a training: `python -m stages.train.worker 8b parallelism.json` under accelerate's launcher.

Where one process does, `train` is called instead.
"""

import os
import sys
from functools import partial
from pathlib import Path
from typing import Any

from stages.sampling.process_group import die_with_parent
from stages.train import arguments, arrow, base, brought, examples, live, pairing, saved, start, weights
from stages.train.objective import Objective, Validated
from stages.train.objectives.table import OBJECTIVES
from stages.train.parallelism import Parallelism
from stages.train.params import Params, load


def train(student: str, params: Params, parallelism: Parallelism, output: Path, tokenizer: Any) -> None:
    """Train on the files in `output`, and save there: the student, the log history, and what a reloaded student must
    answer."""
    import torch
    from transformers import EarlyStoppingCallback

    from stages.train import checkpoint
    from stages.train.lesson import KeepLesson
    from stages.train.progress import StopOnBadLoss, Throughput, loss_on_bar

    settings, train_params, objective = params.profile, params.train, OBJECTIVES[params.train.objective]
    rows, validate = rows_to_learn(objective, params, output), arrow.load(output / "validation.arrow")
    steps_per_epoch = -(-len(rows) // settings.batch_size)
    on_cpu, shared = not torch.cuda.is_available(), parallelism.num_processes > 1
    # before the model, because ZeRO-3 parts its weights while they load
    args = arguments.to_config(objective.kind)(params, parallelism, output, on_cpu, steps_per_epoch, bool(validate))
    of_step = partial(lines_of_step, rows, params)
    brings = brought.read(output, "train")
    lesson, model = begin(objective, params, output, brings), base.load(params, parallelism, student)
    trainer = to_trainer(
        params,
        parallelism,
        student,
        lesson,
        brings,
        len(rows),
        model=model,
        args=args,
        train_dataset=arrow.with_filler(rows, tokenizer.pad_token_id) if shared else rows,
        eval_dataset=validate or None,
        processing_class=tokenizer,
        peft_config=start.adapter(model, params, output, args.device, student),
        callbacks=[
            KeepLesson(lesson),
            checkpoint.SaveByTime(parallelism),
            StopOnBadLoss(student, objective.loss_fault, train_params.max_loss_jump, of_step, output),
            Throughput(student, settings.method, parallelism),
            *live.callbacks(output),
            *([EarlyStoppingCallback(train_params.patience)] if train_params.patience and validate else []),
        ],
    )
    weights.checkpoint_from_one(trainer, parallelism)
    if trainer.accelerator.is_main_process:
        start.keep(trainer.model, params, output)
    resumed = checkpoint.agreed_latest(output, student)
    if resumed:
        checkpoint.fits(resumed, parallelism, student)
        lesson.load(resumed)
        if trainer.accelerator.is_main_process:
            print(f"train-{student}: going on from {resumed.name}", file=sys.stderr)
    with loss_on_bar(trainer):
        trainer.train(resume_from_checkpoint=str(resumed) if resumed else None)
    validation_loss = trainer.evaluate()["eval_loss"] if validate else None
    weights.save(trainer, tokenizer, params, parallelism, output / saved.STUDENT)
    if trainer.accelerator.is_main_process:
        start.make_plain(output / saved.STUDENT, params, output, student)
    logits_TV = saved.logits(trainer.model_wrapped, arrow.head(output, 1)[0], trainer.accelerator.device)
    if trainer.accelerator.is_main_process:
        kept_best = train_params.keep == "best" and bool(validate)
        saved.write_report(output, trainer.state, validation_loss, kept_best, logits_TV)


def rows_to_learn(objective: Objective, params: Params, output: Path) -> Any:
    return pairing.load(output) if objective.kind == "pairs" else arrow.rows_to_learn(output, params.profile.packing)


def to_trainer(
    params: Params,
    parallelism: Parallelism,
    student: str,
    lesson: Any,
    brings: brought.Brought | None,
    num_rows: int,
    **settings: Any,
) -> Any:
    """TRL's of the objective's kind, with its rows in our order; `settings` are what it takes itself."""
    from stages.train.order import Order, StepOrder

    rows_in_pass = parallelism.num_processes * parallelism.rows_per_device
    order = Order(num_rows, params.train.seed, rows_in_pass if parallelism.num_processes > 1 else 1)
    match lesson.objective.kind:
        case "pairs":
            from stages.train.pairs import PairsTrainer

            return PairsTrainer(order, **settings)
        case "on_policy":
            from stages.train.on_policy import OnPolicyTrainer

            passes = arguments.accumulation(params, parallelism)
            steps = StepOrder(num_rows, params.train.seed, params.profile.batch_size, passes)
            return OnPolicyTrainer(steps, teacher_model=base.load_teacher(params, parallelism, student), **settings)
        case _:
            from stages.train.trainer import Trainer

            return Trainer(lesson, order, brings, **settings)


def begin(objective: Objective, params: Params, output: Path, brings: brought.Brought | None) -> Any:
    """The objective before its first step."""
    from stages.train.lesson import Lesson
    from stages.train.memory import Memory

    state, memory = {}, None
    if objective.begin:
        state = objective.begin(params.constants, validated(output))
    if objective.needs == "memory":
        assert brings
        memory = Memory(brings.labels_S, params.constants.top_k)  # pyright: ignore[reportAttributeAccessIssue]
    return Lesson(objective, params.constants, state, memory)


def validated(output: Path) -> Validated:
    """What the teacher expected of the rows to validate on."""
    found = brought.read(output, "validation")
    return Validated(found.ids_SK, found.logprobs_SK, found.labels_S) if found else Validated(*[()] * 3)


def examples_of_step(rows: Any, params: Params, step: int) -> list[int]:
    """Numbers of the examples, counted from 0, in an optimizer step, counted from 1."""
    from stages.train.order import rows_of_step

    numbers = rows_of_step(step, len(rows), params.profile.batch_size, params.train.seed)
    return sorted({example for number in numbers for example in arrow.examples_in(rows[number], number)})


def lines_of_step(rows: Any, params: Params, step: int) -> str:
    with (examples.DATA / "train.jsonl").open("rb") as lines:
        return examples.lines(examples_of_step(rows, params, step), sum(1 for _ in lines))


def main(student: str, parallelism_file: Path) -> None:
    die_with_parent()
    params = start.pinned(load(student))
    parallelism = Parallelism.model_validate_json(parallelism_file.read_text())
    output = parallelism_file.parent
    try:
        if parallelism.hostfile:  # the other machines have not got the weights yet
            base.fetch(params, student)
        train(student, params, parallelism, output, base.read_tokenizer(params, student))
    except SystemExit as stopped:  # the launcher would bury it in its own report
        if os.environ.get("RANK") == "0":
            (output / "stopped.txt").write_text(str(stopped.code))
        sys.exit(1)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
