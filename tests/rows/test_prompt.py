"""The styles in which a prompt is worded."""

import pytest

from stages.rows.prompt import Message, Prompt

MESSAGES = {style: [Message(role="user", content="?")] for style in ("plain", "cot")}
PROMPT = Prompt(id="p", task="math", reference="", solution="", choices=[], messages=MESSAGES, schemas={})


def test_of_the_styles_wanted_it_has_some_in_the_order_wanted() -> None:
    assert PROMPT.styles(["cot", "cod", "plain"]) == ["cot", "plain"]


def test_none_of_them_is_one_clear_error() -> None:
    with pytest.raises(SystemExit, match="styles: got cod, wanted one that the task math has: plain, cot"):
        PROMPT.styles(["cod"])
