"""Prompts and completions to score, and the laptop models to score them with."""

from typing import Any

from stages.rows.completion import Completion
from stages.rows.prompt import Message, Prompt
from tests.architecture.closure import ROOT

MODELS = ROOT / "data/laptop/models"


def prompt(id: str, user: str, task: str = "math") -> Prompt:
    messages = [Message(role="system", content="Give the answer after ####."), Message(role="user", content=user)]
    return Prompt(id=id, task=task, reference="", solution="", choices=[], messages={"plain": messages, "cot": messages[1:]}, schemas={})


def completion(id: str, text: str, sample: int = 0, finish_reason: str = "stop") -> Completion:
    row: dict[str, Any] = {"split": "train", "id": id, "style": "cot", "sample": sample, "text": text, "reasoning": ""}
    row |= {"finish_reason": finish_reason, "error": ""}
    return Completion.model_validate(row | {"prompt_tokens": 1, "completion_tokens": 1})


PROMPTS = [prompt("p1", "Zoe has 12 cards. She finds 7 more. How many cards does Zoe have now?"), prompt("p2", "Ivy has 2 shells. How many?")]
COMPLETIONS = [
    completion("p1", "12 + 7 = 19. #### 19"),
    completion("p1", "12 + 7 = 20. #### 20", 1),
    completion("p2", "", 0, "unanswered"),
    completion("p2", "Ivy has 2", 1, "length"),
    completion("p2", "2. #### 2", 2),
]
