"""A column that a model is asked for, row by row, through the ledger: once for each row, greedily."""

from collections.abc import Callable, Iterable, Iterator
from typing import Annotated, Any, NamedTuple

from pydantic import Field

from stages.sampling.request import Decoding, Model, Reply, Request, to_request
from stages.sampling.runner import Ask
from stages.score.params import Section, asked, date, limits
from stages.score.rows import Row, stream_rows


class Settings(Section):
    by: str  # a role of the profile, or none
    max_tokens: Annotated[int, Field(gt=0)]


class Message(NamedTuple):
    role: str
    content: str


class Question(NamedTuple):
    """What is asked about a row. Its replies are kept under the column's name as their style."""

    column: str
    messages: Callable[[Row], list[Message]]
    schema: dict[str, Any] | None = None  # of the reply, where it is JSON


class Worded(NamedTuple):
    """A row put to a model, as a prompt in one style."""

    id: str
    messages: dict[str, list[Message]]
    schemas: dict[str, dict[str, Any]]


def ask(question: Question, settings: Settings, dry_run: bool, told: dict[str, Any]) -> Iterator[Reply] | None:
    """A reply to each row that passes, in their order; None where nobody is asked, or a dry run only says what it would
    take. `told` gets the tokens and their cost as the replies come."""
    role = asked(question.column, "by", settings.by)
    if not role:
        return None
    model = role.to_model(date())
    ask = Ask(model, limits())
    if dry_run:
        ask.estimate(lambda: to_requests(question, stream_rows(), settings.max_tokens))
        return None
    return counted(ask.replies(lambda: to_requests(question, stream_rows(), settings.max_tokens)), model, told)


def counted(replies: Iterable[Reply], model: Model, told: dict[str, Any]) -> Iterator[Reply]:
    prompt_tokens = completion_tokens = 0
    for reply in replies:
        prompt_tokens += reply.prompt_tokens
        completion_tokens += reply.completion_tokens
        cost = model.cost(prompt_tokens, completion_tokens)
        told["prompt_tokens"], told["completion_tokens"] = prompt_tokens, completion_tokens
        told["cost"] = None if cost is None else round(cost, 6)
        yield reply


def to_requests(question: Question, rows: Iterable[Row], max_tokens: int) -> Iterator[Request]:
    style = question.column
    for row in rows:
        worded = Worded(row.id, {style: question.messages(row)}, {style: question.schema} if question.schema else {})
        yield to_request(worded, row.split, style, {style: max_tokens}, Decoding(), row.sample)
