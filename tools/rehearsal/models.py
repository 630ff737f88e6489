"""Tiny models of Llama-3.1's form: its config's fields, its special tokens and template, no pad token, several end
tokens. They learn to reply in JSON for a minute, so that the teacher's replies can be read."""

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

BEGIN, END, END_OF_MESSAGE, END_OF_TURN = "<|begin_of_text|>", "<|end_of_text|>", "<|eom_id|>", "<|eot_id|>"
SPECIAL = [
    BEGIN,
    END,
    "<|reserved_special_token_0|>",
    "<|reserved_special_token_1|>",
    "<|finetune_right_pad_id|>",
    "<|reserved_special_token_2|>",
    "<|start_header_id|>",
    "<|end_header_id|>",
    END_OF_MESSAGE,
    END_OF_TURN,
    "<|python_tag|>",
]  # in the order of Llama-3.1's tokenizer.json
# Llama-3.1's, without tools: the system turn names two dates, and every turn ends in <|eot_id|>.
CHAT_TEMPLATE = (
    "{{- bos_token }}{%- if date_string is not defined %}{%- set date_string = '26 Jul 2024' %}{%- endif %}"
    "{%- if messages[0]['role'] == 'system' %}{%- set system_message = messages[0]['content'] | trim %}"
    "{%- set messages = messages[1:] %}{%- else %}{%- set system_message = '' %}{%- endif %}"
    "{{- '<|start_header_id|>system<|end_header_id|>\\n\\nCutting Knowledge Date: December 2023\\nToday Date: ' }}"
    "{{- date_string + '\\n\\n' + system_message + '<|eot_id|>' }}"
    "{%- for message in messages %}{{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n' }}"
    "{{- message['content'] | trim + '<|eot_id|>' }}{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{%- endif %}"
)
VOCABULARY = 2048  # words before the special ones
CONTEXT = 4096
ROWS = 16  # a step


def tokenizer(texts: list[str]) -> PreTrainedTokenizerFast:
    """Byte-level BPE that parts a text as Llama-3's does."""
    pattern = (
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|"
        r"\s+(?!\S)|\s+"
    )
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(pattern), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    made.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=VOCABULARY, show_progress=False, initial_alphabet=alphabet)
    made.train_from_iterator(texts, trainer)
    made.add_special_tokens(SPECIAL)
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=made,
        bos_token=BEGIN,
        eos_token=END_OF_TURN,
        model_max_length=CONTEXT,
        clean_up_tokenization_spaces=False,
    )
    wrapped.chat_template = CHAT_TEMPLATE
    return wrapped


def config(tokens: Any, hidden: int, layers: int, tied: bool) -> LlamaConfig:
    ends = tokens.convert_tokens_to_ids([END, END_OF_MESSAGE, END_OF_TURN])
    return LlamaConfig(
        vocab_size=len(tokens),
        hidden_size=hidden,
        intermediate_size=3 * hidden,
        num_hidden_layers=layers,
        num_attention_heads=hidden // 32,  # vLLM on a CPU has no kernels for heads under 32
        num_key_value_heads=hidden // 64,
        head_dim=32,
        max_position_embeddings=CONTEXT,
        rope_parameters={
            "rope_type": "llama3",
            "rope_theta": 500000.0,
            "factor": 8.0,
            "low_freq_factor": 1.0,
            "high_freq_factor": 4.0,
            "original_max_position_embeddings": CONTEXT // 16,
        },
        tie_word_embeddings=tied,
        bos_token_id=tokens.bos_token_id,
        eos_token_id=ends,
        pad_token_id=None,
    )


def replies(prompts: list[dict[str, Any]], solutions: dict[str, dict[str, str]]) -> Iterator[tuple[list[Any], str]]:
    """(messages, reply in JSON) of each prompt in each style."""
    for prompt in prompts:
        row = solutions[prompt["id"]]
        for style, messages in prompt["messages"].items():
            reply = {"answer": row["answer"]} if style == "plain" else {"reasoning": row["solution"], **row}
            yield messages, json.dumps({key: reply[key] for key in ("reasoning", "answer") if key in reply})


def make(folder: Path, tokens: Any, rows: list[tuple[list[Any], str]], shape: LlamaConfig, steps: int) -> None:
    """A model of this shape that has seen `steps` batches of the rows; in bfloat16, as Llama-3.1 is published."""
    torch.manual_seed(0)
    model, rng = LlamaForCausalLM(shape), random.Random(0)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.0)
    model.train()
    for step in range(steps):
        ids, labels = batch(tokens, rng.sample(rows, ROWS))
        for group in optimizer.param_groups:
            group["lr"] = 2e-3 * min(1.0, (step + 1) / 20, (steps - step) / (steps / 2))
        loss: Any = model(input_ids=ids, labels=labels).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        if step % 50 == 0 or step == steps - 1:
            print(f"{folder}: step {step}, loss {loss.item():.2f}", flush=True)
    model.generation_config = GenerationConfig(
        bos_token_id=shape.bos_token_id, eos_token_id=shape.eos_token_id, do_sample=True, temperature=0.6, top_p=0.9
    )
    model.to(torch.bfloat16).save_pretrained(folder)  # pyright: ignore[reportArgumentType]
    tokens.save_pretrained(folder)


def batch(tokens: Any, rows: list[tuple[list[Any], str]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Padded on the right, where no token before sees it."""
    ids = [
        tokens.apply_chat_template([*messages, {"role": "assistant", "content": reply}], return_dict=False)
        for messages, reply in rows
    ]
    longest = max(map(len, ids))
    padded = torch.tensor([[*one, *[0] * (longest - len(one))] for one in ids])
    labels = torch.tensor([[*one, *[-100] * (longest - len(one))] for one in ids])
    return padded, labels
