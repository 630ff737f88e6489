"""Train one small Llama from scratch on rows of its own of all five tasks: `python -m data.laptop.pretrain teacher`.

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
from data.laptop.families import FAMILIES, MARK, asked, messages
from data.laptop.families import Row as Shipped
from data.laptop.problems import drill, story
from ruamel.yaml import YAML
from stages.tasks.prompts.table import TASKS
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

FOLDER = Path(__file__).parent
NUM_THREADS = 2
IGNORED = -100

Row = tuple[list[int], list[float]]  # token ids, loss weight of each


def prompt_text(tokenizer: Any, turns: list[dict[str, str]]) -> str:
    return str(tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True))


def draw_texts(rng: random.Random, mix: dict[str, Any], family: dict[str, Any], taken: set[str]) -> tuple[str, list[dict[str, str]], str]:
    """One training row that is in nobody's hands: (style, messages, completion)."""
    task = rng.choices(list(mix["tasks"]), list(mix["tasks"].values()))[0]
    if task != "math":
        return draw_family(rng, task, mix, taken)
    style = "plain" if rng.random() < mix["plain_share"] else "cot"
    limits = family["max_number"], family["max_change"]
    if rng.random() < mix["drill_share"]:
        problem = drill(rng, *limits)
    else:
        weights = mix[f"{style}_step_weights"]
        problem = story(rng, rng.choices(range(1, len(weights) + 1), weights)[0], *limits)
        if problem.question in taken:
            return draw_texts(rng, mix, family, taken)
    answer = f"{MARK} {problem.answer}"
    return style, messages("math", style, {"question": problem.question}), answer if style == "plain" else f"{problem.solution} {answer}"


def draw_family(rng: random.Random, task: str, mix: dict[str, Any], taken: set[str]) -> tuple[str, list[dict[str, str]], str]:
    row = FAMILIES[task](rng, mix["weak"])
    if asked(row) in taken:
        return draw_family(rng, task, mix, taken)
    if row.rich is None or rng.random() < mix["other_plain_share"]:
        return "short" if task in ("nli", "qa") else "long", messages(task, "plain", row.fields), row.plain
    style = "cod" if task == "summarization" else "cot"
    return style, messages(task, style, row.fields), row.rich


def make_rows(tokenizer: Any, rng: random.Random, count: int, mix: dict[str, Any], params: dict[str, Any], taken: set[str]) -> list[Row]:
    drawn = [draw_texts(rng, mix, params["problems"], taken) for _ in range(count)]
    prompts = tokenizer([prompt_text(tokenizer, turns) for _, turns, _ in drawn], add_special_tokens=False)["input_ids"]
    completions = tokenizer([text + tokenizer.eos_token for _, _, text in drawn], add_special_tokens=False)["input_ids"]
    # a bare answer weighs more: it is 3 of some 60 tokens
    weight = {"plain": mix["plain_weight"], "short": 2.0, "long": 1.0, "cot": 1.0, "cod": 1.0}
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
def accuracy(model: Any, tokenizer: Any, task: str, rows: list[dict[str, Any]], style: str) -> float:
    """Share of rows whose reply ends with the answer of the data set, greedy."""
    model.eval()
    texts = [prompt_text(tokenizer, messages(task, style, row)) for row in rows]
    inputs = tokenizer(texts, add_special_tokens=False, padding=True, padding_side="left", return_tensors="pt", return_token_type_ids=False)
    out = model.generate(**inputs, max_new_tokens=90, do_sample=False, pad_token_id=tokenizer.pad_token_id)
    model.train()
    replies = tokenizer.batch_decode(out[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
    wanted = [f"{MARK} {row['answer']}" if "answer" in row else row["messages"][-1]["content"] for row in rows]
    return sum(reply.endswith(answer) for reply, answer in zip(replies, wanted, strict=True)) / len(rows)


def report(model: Any, tokenizer: Any, splits: dict[str, list[dict[str, Any]]], limit: int) -> dict[str, float]:
    """Accuracy on validation by task and style."""
    styles = [
        (task, style) for task in splits for style in TASKS[task].STYLES if (task, style) != ("summarization", "plain")
    ]  # of that one no row tells the reply
    return {f"{task} {style}": accuracy(model, tokenizer, task, splits[task][:limit], style) for task, style in styles}


def main(name: str) -> None:
    torch.set_num_threads(NUM_THREADS)
    params = YAML(typ="safe").load(FOLDER / "params.yaml")
    settings = params[name]
    torch.manual_seed(settings["seed"])
    rng = random.Random(settings["seed"])
    tokenizer = AutoTokenizer.from_pretrained(FOLDER / "tokenizer")
    taken = {json.loads(line)["question"] for path in (FOLDER / "problems").iterdir() for line in path.open()}
    for path in (FOLDER / "families").glob("*/*.jsonl"):
        rows = [json.loads(line) for line in path.open()]
        taken |= {asked(Shipped({name: value for name, value in row.items() if name != "id"}, "", None)) for row in rows}
    validation = {"math": FOLDER / "problems/validation.jsonl"} | {task: FOLDER / "families" / task / "validation.jsonl" for task in FAMILIES}
    splits = {task: [json.loads(line) for line in path.open()] for task, path in validation.items()}
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
                    shares = ", ".join(f"{what} {share:.2f}" for what, share in report(model, tokenizer, splits, 100).items())
                    print(f"{name} step {step}/{num_steps} loss {loss.item():.4f} validation {shares}", file=sys.stderr, flush=True)
    model.to(torch.bfloat16).save_pretrained(FOLDER / "models" / name)
    tokenizer.save_pretrained(FOLDER / "models" / name)
    shares = report(model, tokenizer, splits, 500)
    (FOLDER / "models" / f"{name}.json").write_text(json.dumps({"validation_accuracy": shares}, indent=2) + "\n")
    print(f"{name}: {shares}", file=sys.stderr)


if __name__ == "__main__":
    main(sys.argv[1])
