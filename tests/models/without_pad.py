"""Copies of laptop models whose tokenizer names no token to pad with, as Llama 3.1's does not."""

import json
import shutil
from pathlib import Path
from typing import Any


def without_pad(source: Path, folder: Path, reserved: bool = True) -> Path:
    """A copy in `folder`. Unless `reserved`, the vocabulary has no token in reserve either."""
    shutil.copytree(source, folder, dirs_exist_ok=True)
    for name in ("tokenizer_config.json", "config.json", "generation_config.json"):
        edit(folder / name, lambda told: [told.pop(key) for key in ("pad_token", "pad_token_id") if key in told])
    edit(folder / "tokenizer.json", lambda told: told.update(padding=None))
    if not reserved:
        edit(folder / "tokenizer.json", rename)
    return folder


def edit(file: Path, change: Any) -> None:
    if file.exists():
        told = json.loads(file.read_text())
        change(told)
        file.write_text(json.dumps(told))


def rename(told: dict[str, Any]) -> None:
    """The token that is in reserve, to one that is not known for padding."""
    (token,) = (one for one in told["added_tokens"] if one["content"] == "<|finetune_right_pad_id|>")
    token["content"] = "<|reserved_special_token_0|>"
    vocabulary = told["model"]["vocab"]
    if "<|finetune_right_pad_id|>" in vocabulary:
        vocabulary[token["content"]] = vocabulary.pop("<|finetune_right_pad_id|>")
