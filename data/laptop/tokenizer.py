"""A byte-level BPE tokenizer for the five tasks, with Llama-3's special tokens and chat template.

One token a digit and one a word (a leading space may ride on either), so that numbers are spelt
alike wherever they stand.
"""

import random
from pathlib import Path

from data.laptop.families import FAMILIES, messages
from data.laptop.problems import draw
from ruamel.yaml import YAML
from stages.tasks.prompts.table import TASKS
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

FOLDER = Path(__file__).parent
BEGIN, END, HEADER, HEADER_END, END_OF_TURN, PAD = (
    "<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "<|finetune_right_pad_id|>",
)  # fmt: skip
CHAT_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}"
    "{{ '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n' + message['content'] | trim + '<|eot_id|>' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}"
)


def main() -> None:
    params = YAML(typ="safe").load(FOLDER / "params.yaml")
    family = params["problems"]
    problems = draw(
        random.Random(params["tokenizer"]["seed"]), params["tokenizer"]["num_problems"], set(),
        family["step_weights"], family["max_number"], family["max_change"],
    )  # fmt: skip
    corpus = [f"{p.question}\n\n{p.solution} #### {p.answer}" for p in problems]
    rng = random.Random(params["tokenizer"]["seed"])
    for task, draw_row in FAMILIES.items():
        for _ in range(params["tokenizer"]["num_rows"]):
            row = draw_row(rng, False)
            corpus += [turn["content"] for turn in messages(task, "plain", row.fields)] + [row.plain, row.rich or ""]
    # the prompts' wording and the roles, so that none falls apart into letters
    for task in ("math", *FAMILIES):
        fields = {"question": "", "premise": "", "hypothesis": "", "choices": ["", ""], "article": ""}
        for style in TASKS[task].STYLES:
            corpus += [turn["content"] for turn in messages(task, style, fields)] * 1000 if task != "conversation" else []
    corpus += ["system", "user", "assistant"] * 1000
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(r" ?\p{N}| ?\p{L}+| ?[^\s\p{L}\p{N}]+|\s+"), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ])  # fmt: skip
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=params["tokenizer"]["vocab_size"], show_progress=False,
        special_tokens=[BEGIN, END, HEADER, HEADER_END, END_OF_TURN, PAD], initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )  # fmt: skip
    tokenizer.train_from_iterator(corpus, trainer)
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token=BEGIN, eos_token=END_OF_TURN, pad_token=PAD,
        model_max_length=params["tokenizer"]["context"], clean_up_tokenization_spaces=False,
    )  # fmt: skip
    wrapped.chat_template = CHAT_TEMPLATE
    wrapped.save_pretrained(FOLDER / "tokenizer")


if __name__ == "__main__":
    main()
