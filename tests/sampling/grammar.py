"""Which reply a JSON schema lets a model write: by llguidance, which vLLM holds replies to schemas with."""

from functools import cache
from typing import Any

import orjson
from llguidance import LLMatcher, LLTokenizer


@cache
def tokenizer() -> LLTokenizer:
    """A token is a byte."""
    return LLTokenizer("byte")


def accepts(schema: bytes | str, text: str) -> bool:
    """Whether the grammar of the schema, as its bytes stand, lets a model write the whole text, and end there."""
    matcher = LLMatcher(
        tokenizer(), LLMatcher.grammar_from_json_schema(schema if isinstance(schema, str) else schema.decode())
    )
    tokens = tokenizer().tokenize_str(text)
    return matcher.try_consume_tokens(tokens) == len(tokens) and matcher.is_accepting()


def reply_held_to(schema: dict[str, Any], answer: Any) -> str:
    """The reply with two keys, reasoning and answer, in the one order that the schema's grammar lets through."""
    reasoning_first = orjson.dumps({"reasoning": "I add them.", "answer": answer}).decode()
    answer_first = orjson.dumps({"answer": answer, "reasoning": "I add them."}).decode()
    (held,) = [text for text in (reasoning_first, answer_first) if accepts(orjson.dumps(schema), text)]
    return held
