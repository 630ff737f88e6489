"""Tokens a second of `stages.train` against the same training written with TRL alone, and what packing gains: `python
-m benchmarks.training`.

The first compares whole trainings of the laptop's 8b on its own examples (run `dvc repro` before), turn by turn in one
process.
The second trains the same on real problems of GSM8K (`--gsm8k train.jsonl`), padded and packed.
"""

import argparse
import contextlib
import io
import json
import statistics
import tempfile
from pathlib import Path
from typing import Any

import datasets
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl.trainer.sft_config import SFTConfig
from trl.trainer.sft_trainer import SFTTrainer

from stages.train import arrow, examples, worker
from stages.train.examples import DATA, Tokens
from stages.train.order import epoch_order
from stages.train.params import Params, load
from tools.plan.candidates import on_cpu


def ours(params: Params, learn: list[Tokens], tokenizer: Any, rows_per_device: int) -> float:
    """Seconds of the training's steps, as the trainer counts them."""
    with tempfile.TemporaryDirectory() as name, contextlib.chdir(name), contextlib.redirect_stderr(io.StringIO()):
        folder = Path(name)
        write(folder, learn, params)
        worker.train("8b", params, on_cpu(rows_per_device), folder, tokenizer)
        history = json.loads((folder / "report.json").read_text())["history"]
    return next(entry["train_runtime"] for entry in history if "train_runtime" in entry)


def write(folder: Path, learn: list[Tokens], params: Params) -> int:
    """The files that a training maps; returns the number of its rows."""
    settings = params.profile
    arrow.write(folder / "train.arrow", [list(enumerate(learn))], settings.packing)
    arrow.write(folder / "validation.arrow", [], numbered=False)
    if settings.packing:
        arrow.pack(folder, settings.max_length)
    return len(arrow.rows_to_learn(folder, settings.packing))


def trl_alone(params: Params, rows: list[dict[str, Any]], tokenizer: Any) -> float:
    settings = params.profile
    model: Any = AutoModelForCausalLM.from_pretrained(params.base.model, dtype=torch.float32)
    with (
        tempfile.TemporaryDirectory() as folder,
        contextlib.redirect_stderr(io.StringIO()),
        contextlib.redirect_stdout(io.StringIO()),
    ):
        args = SFTConfig(
            output_dir=folder,
            num_train_epochs=params.profile.num_epochs,
            per_device_train_batch_size=settings.batch_size,
            learning_rate=settings.learning_rate,
            lr_scheduler_type=settings.schedule,
            warmup_steps=params.train.warmup_share,
            max_length=settings.max_length,
            seed=params.train.seed,
            bf16=False,
            use_cpu=True,
            gradient_checkpointing=False,
            save_strategy="no",
            report_to="none",
        )
        data = datasets.Dataset.from_list([{"prompt": row["prompt"], "completion": row["completion"]} for row in rows])
        return (
            SFTTrainer(model=model, args=args, train_dataset=data, processing_class=tokenizer)
            .train()
            .metrics["train_runtime"]
        )


def against_trl(params: Params, num_examples: int, turns: int) -> None:
    tokenizer: Any = AutoTokenizer.from_pretrained(params.base.model)
    rows = next(examples.read_batches(DATA / "train.jsonl", num_examples))
    learn = list(examples.tokenize(rows, tokenizer))
    num_tokens = sum(len(example.input_ids) for example in learn) * params.profile.num_epochs
    pairs = [
        (ours(params, learn, tokenizer, params.profile.batch_size), trl_alone(params, rows, tokenizer))
        for _ in range(turns + 1)
    ][1:]
    mine, theirs = (statistics.median(pair[i] for pair in pairs) for i in (0, 1))
    print(
        f"{num_tokens:.0f} tokens, median of {turns} turns after one to warm up: {num_tokens / mine:.0f} tokens/s, with TRL alone {num_tokens / theirs:.0f}"
    )
    print(f"ratio {theirs / mine:.3f} (of each turn: {', '.join(f'{b / a:.3f}' for a, b in pairs)})")


def packing(params: Params, gsm8k: Path, num_examples: int) -> None:
    tokenizer: Any = AutoTokenizer.from_pretrained(params.base.model)
    problems = [json.loads(line) for line in gsm8k.open(encoding="utf-8")][:num_examples]
    rows = [
        {
            "prompt": [{"role": "user", "content": p["question"]}],
            "completion": [{"role": "assistant", "content": p["answer"]}],
        }
        for p in problems
    ]
    learn = list(examples.tokenize(rows, tokenizer))
    lengths = sorted(len(example.input_ids) for example in learn)
    longest, total = lengths[-1], sum(lengths)
    print(f"{len(learn)} problems of {lengths[len(lengths) // 2]} tokens in the middle and {longest} at most")
    padded = changed(params, max_length=longest, packing=False, batch_size=16)
    # about as many tokens a step; rows of one pass become one long row
    packed = changed(params, max_length=longest, packing=True, batch_size=8)
    seconds = {
        "warm-up": ours(padded, learn, tokenizer, 16),
        "padded": ours(padded, learn, tokenizer, 16),
        "packed": ours(packed, learn, tokenizer, 1),
    }
    order = epoch_order(len(lengths), params.train.seed, 0)
    batches = [[len(learn[i].input_ids) for i in order[start : start + 16]] for start in range(0, len(order), 16)]
    with tempfile.TemporaryDirectory() as folder:
        num_packed = write(Path(folder), learn, packed)
    positions = {"padded": sum(len(batch) * max(batch) for batch in batches), "packed": num_packed * longest}
    for name in ("padded", "packed"):
        print(
            f"{name}: {total / seconds[name]:.0f} tokens/s, {1 - total / positions[name]:.1%} of all positions are filling"
        )
    print(
        f"packing: {positions['padded'] / positions['packed']:.2f} times fewer positions, {seconds['padded'] / seconds['packed']:.2f} times as fast"
    )


def changed(params: Params, **profile: Any) -> Params:
    return params.model_copy(update={"profile": params.profile.model_copy(update=profile | {"num_epochs": 1.0})})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=1600)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--gsm8k", type=Path)
    asked = parser.parse_args()
    params = load("8b")
    base = params.base.model_copy(update={"model": str(Path(params.base.model).resolve())})
    params = params.model_copy(update={"base": base, "profile": params.profile.model_copy(update={"num_epochs": 1.0})})
    against_trl(params, asked.examples, asked.turns)
    if asked.gsm8k:
        packing(params, asked.gsm8k, asked.examples)


if __name__ == "__main__":
    main()
