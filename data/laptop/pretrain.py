"""Train one small Llama from scratch on problems of its own: `python -m data.laptop.pretrain teacher`.

The matrices are trained with Muon, embeddings and norms with AdamW. Loss on the completion, with a
small weight on the prompt; the answer of a plain row weighs more, because it is 3 of some 60 tokens.
Byte-deterministic for equal parameters, processor and number of threads.
"""

import json
import random
import sys
from pathlib import Path
from typing import Any

import torch
from ruamel.yaml import YAML
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

from data.laptop.problems import drill, story
from stages.tasks.math.prompt import instruction

FOLDER = Path(__file__).parent
NUM_THREADS = 2
IGNORED = -100
STYLES = ("plain", "cot")

Row = tuple[list[int], list[float]]  # token ids, loss weight of each


def prompt_text(tokenizer: Any, style: str, question: str) -> str:
    messages = [
        {"role": "system", "content": instruction(style, "terse", "####", max_words=0)},
        {"role": "user", "content": question},
    ]
    return str(tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True))


def draw_texts(rng: random.Random, mix: dict[str, Any], family: dict[str, Any], taken: set[str]) -> tuple[str, str, str]:
    """One training row: (style, question, completion)."""
    style = "plain" if rng.random() < mix["plain_share"] else "cot"
    limits = family["max_number"], family["max_change"]
    if rng.random() < mix["drill_share"]:
        problem = drill(rng, *limits)
    else:
        weights = mix[f"{style}_step_weights"]
        problem = story(rng, rng.choices(range(1, len(weights) + 1), weights)[0], *limits)
        if problem.question in taken:
            return draw_texts(rng, mix, family, taken)
    answer = f"#### {problem.answer}"
    return style, problem.question, answer if style == "plain" else f"{problem.solution} {answer}"


def make_rows(tokenizer: Any, rng: random.Random, count: int, mix: dict[str, Any], params: dict[str, Any], taken: set[str]) -> list[Row]:
    drawn = [draw_texts(rng, mix, params["problems"], taken) for _ in range(count)]
    prompts = tokenizer([prompt_text(tokenizer, s, q) for s, q, _ in drawn], add_special_tokens=False)["input_ids"]
    completions = tokenizer([text + tokenizer.eos_token for _, _, text in drawn], add_special_tokens=False)["input_ids"]
    weight = {"plain": mix["plain_weight"], "cot": 1.0}
    return [(p + c, [mix["prompt_weight"]] * len(p) + [weight[style]] * len(c)) for (style, _, _), p, c in zip(drawn, prompts, completions, strict=True)]


def batches(rows: list[Row], size: int, rng: random.Random) -> list[list[Row]]:
    """Rows of like length together, the batches in random order."""
    rng.shuffle(rows)
    chunks = [sorted(rows[i : i + 40 * size], key=lambda row: len(row[0])) for i in range(0, len(rows), 40 * size)]
    found = [chunk[i : i + size] for chunk in chunks for i in range(0, len(chunk) - size + 1, size)]
    rng.shuffle(found)
    return found


def weighted_loss(model: Any, batch: list[Row]) -> torch.Tensor:
    width = max(len(ids) for ids, _ in batch)
    ids = torch.tensor([ids + [0] * (width - len(ids)) for ids, _ in batch])
    weights = torch.tensor([w + [0.0] * (width - len(w)) for _, w in batch])[:, 1:]
    logits = model(input_ids=ids, use_cache=False).logits[:, :-1]
    losses = torch.nn.functional.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten(), reduction="none")
    return (losses * weights.flatten()).sum() / weights.sum()


def learning_rate_factor(step: int, num_steps: int) -> float:
    """100 steps of warm-up, flat to 70 %, then linear to 2 %."""
    if step < 100:
        return (step + 1) / 100
    return min(1.0, 0.02 + 0.98 * (num_steps - step) / (0.3 * num_steps))


@torch.no_grad()
def accuracy(model: Any, tokenizer: Any, rows: list[dict[str, Any]], style: str) -> float:
    """Share of problems whose reply ends with the right answer, greedy."""
    model.eval()
    texts = [prompt_text(tokenizer, style, row["question"]) for row in rows]
    inputs = tokenizer(texts, add_special_tokens=False, padding=True, padding_side="left", return_tensors="pt", return_token_type_ids=False)
    out = model.generate(**inputs, max_new_tokens=60, do_sample=False, pad_token_id=tokenizer.pad_token_id)
    model.train()
    replies = tokenizer.batch_decode(out[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
    return sum(r.endswith(f"#### {row['answer']}") for r, row in zip(replies, rows, strict=True)) / len(rows)


def main(name: str) -> None:
    torch.set_num_threads(NUM_THREADS)
    params = YAML(typ="safe").load(FOLDER / "params.yaml")
    settings = params[name]
    torch.manual_seed(settings["seed"])
    rng = random.Random(settings["seed"])
    tokenizer = AutoTokenizer.from_pretrained(FOLDER / "tokenizer")
    splits = {s: [json.loads(line) for line in (FOLDER / "problems" / f"{s}.jsonl").open()] for s in params["problems"]["count"]}
    taken = {row["question"] for rows in splits.values() for row in rows}
    model: Any = LlamaForCausalLM(LlamaConfig(
        **settings["shape"], head_dim=32, vocab_size=len(tokenizer), max_position_embeddings=params["tokenizer"]["context"],
        tie_word_embeddings=True, bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id,
    ))  # fmt: skip
    print(f"{name}: {model.num_parameters():,} parameters", file=sys.stderr)
    matrices = [p for n, p in model.named_parameters() if p.ndim == 2 and "embed" not in n]
    others = [p for n, p in model.named_parameters() if p.ndim != 2 or "embed" in n]
    optimizers = [
        torch.optim.Muon(matrices, lr=settings["learning_rate"], weight_decay=0.05, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(others, lr=settings["learning_rate"], weight_decay=0.0, betas=(0.9, 0.95)),
    ]
    num_steps, step = sum(phase["num_steps"] for phase in settings["curriculum"]), 0
    for phase in settings["curriculum"]:
        rows = make_rows(tokenizer, rng, phase["num_rows"], settings["mix"] | phase["mix"], params, taken)
        last = step + phase["num_steps"]
        while step < last:
            for batch in batches(rows, settings["batch_size"], rng)[: last - step]:
                for optimizer in optimizers:
                    for group in optimizer.param_groups:
                        group["lr"] = settings["learning_rate"] * learning_rate_factor(step, num_steps)
                loss = weighted_loss(model, batch)
                loss.backward()
                torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                for optimizer in optimizers:
                    optimizer.step()
                    optimizer.zero_grad()
                step += 1
                if step % settings["report_every"] == 0:
                    shares = [f"{style} {accuracy(model, tokenizer, splits['validation'][:200], style):.3f}" for style in STYLES]
                    print(f"{name} step {step}/{num_steps} loss {loss.item():.4f} validation {' '.join(shares)}", file=sys.stderr, flush=True)
    model.to(torch.bfloat16).save_pretrained(FOLDER / "models" / name)
    tokenizer.save_pretrained(FOLDER / "models" / name)
    shares = {style: accuracy(model, tokenizer, splits["validation"], style) for style in STYLES}
    (FOLDER / "models" / f"{name}.json").write_text(json.dumps({"validation_accuracy": shares}, indent=2) + "\n")
    print(f"{name}: {shares}", file=sys.stderr)


if __name__ == "__main__":
    main(sys.argv[1])
