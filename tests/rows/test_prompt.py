"""The styles in which a prompt is worded, and its file."""

from pathlib import Path

import pytest
from msgspec import ValidationError
from msgspec.structs import replace

from stages.rows.prompt import Message, Prompt, read_prompts, write_prompts

MESSAGES = {style: [Message(role="user", content="?")] for style in ("plain", "cot")}
PROMPT = Prompt(id="p", task="math", reference="", solution="", choices=[], messages=MESSAGES, schemas={})


def test_of_the_styles_wanted_it_has_some_in_the_order_wanted() -> None:
    assert PROMPT.styles(["cot", "cod", "plain"]) == ["cot", "plain"]


def test_none_of_them_is_one_clear_error() -> None:
    with pytest.raises(SystemExit, match="styles: got cod, wanted one that the task math has: plain, cot"):
        PROMPT.styles(["cod"])


def test_what_is_written_is_a_line_of_json_each_and_read_back(tmp_path: Path) -> None:
    path, held = tmp_path / "new/train.jsonl", {"plain": {"type": "object", "maximum": 0.5}}
    prompts = [replace(PROMPT, reference="é\u2028", choices=["a", "b"]), replace(PROMPT, id="q", schemas=held)]
    write_prompts(path, prompts)
    assert path.read_text(encoding="utf-8").split("\n")[0] == (
        '{"id":"p","task":"math","reference":"é\u2028","solution":"","choices":["a","b"],"messages":{"plain":'
        '[{"role":"user","content":"?"}],"cot":[{"role":"user","content":"?"}]},"schemas":{}}'
    )
    assert read_prompts(path) == prompts


def test_a_key_that_no_prompt_has_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    write_prompts(path, [PROMPT])
    path.write_text(path.read_text().replace('"solution"', '"soluton"'))
    with pytest.raises(ValidationError, match="unknown field `soluton`"):
        read_prompts(path)
