"""A row as the tokens of a model that can learn it: the plain prompt, then the target."""

from typing import Any

from stages.models import learnt
from stages.models.learnt import Tokens
from stages.score.rows import Row


def check_words_messages(tokenizer: Any, column: str, model: str) -> None:
    if tokenizer.chat_template is None:
        raise SystemExit(
            f"score.{column}: model {model}: its tokenizer has no chat template, wanted one that words "
            f"messages; name an instruct model"
        )


def tokenize(row: Row, tokenizer: Any, column: str) -> Tokens:
    """Raises SystemExit where it is unclear where the target begins."""
    try:
        return next(learnt.tokenize([row.messages], [row.target], tokenizer))
    except ValueError as parted:
        raise SystemExit(
            f"score.{column}: prompt {row.id}: got a chat template that words {parted}, wanted the same words; name "
            f"another model in params.yaml"
        ) from None
