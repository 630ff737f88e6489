"""What `filter` hands on: examples to learn from, and the rows it rejected."""

from pydantic import BaseModel, ConfigDict

from stages.rows.prompt import Message


class Example(BaseModel):
    """A plain prompt and its target, in TRL's conversational prompt/completion form."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    sample: int
    prompt: list[Message]
    completion: list[Message]


class Rejected(BaseModel):
    """A completion that is not learnt from: the first rule that it breaks, the reason in words, and the text that shows it
    (of the reply, of the test split, or the id of the row it copies), "" where the words say all. `text` is the whole reply."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    sample: int
    rule: str
    reason: str
    detail: str
    evidence: str
    question: str
    reference: str
    text: str
