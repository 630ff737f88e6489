"""Chat templates that word today's date, such as Llama 3.2's: they get the one that params.yaml pins, so that no prompt
changes overnight.

A template asks for the date by the function `strftime_now`, which transformers and vLLM give it. A student keeps the
pinned words in its own template, so it is served what it was trained on. An endpoint words its prompts itself.
"""

import json
import re
from collections.abc import Iterator
from datetime import date
from functools import cache
from pathlib import Path
from typing import Annotated, Any, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict

from stages.sampling.request import Model

CALL = "strftime_now("
TODAY = re.compile(r"""strftime_now\(\s*(["'])(.*?)\1\s*\)""")
FILES = ("chat_template.jinja", "tokenizer_config.json")  # older models have their template in the second


def to_date(day: Any) -> str:
    return date.fromisoformat(str(day)).isoformat()


class Prompts(BaseModel):
    """Of the section `prompts`, what is read where prompts are worded for a model."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    date: Annotated[str, BeforeValidator(to_date)]


def section(document: dict[str, Any]) -> dict[str, Any]:
    """The same of params.yaml, as YAML has it."""
    return {"date": document["prompts"].get("date")}


def pin(tokenizer: Any, day: str) -> None:
    """Let its chat template word `day` as today."""
    template = tokenizer.chat_template
    if isinstance(template, dict):  # several by name, of which "default" is used
        words = cast("dict[str, str]", template)
        tokenizer.chat_template = {name: pinned(text, day, tokenizer.name_or_path) for name, text in words.items()}
    elif template:
        tokenizer.chat_template = pinned(template, day, tokenizer.name_or_path)


def pinned(template: str, day: str, name: str) -> str:
    if day:
        template = TODAY.sub(lambda call: json.dumps(date.fromisoformat(day).strftime(call[2])), template)
    if CALL in template:
        raise SystemExit(
            f"model {name}: got a chat template that words today's date, {template[template.index(CALL) :][:40]!r}, "
            f'wanted one whose date can be pinned: strftime_now("..."), with prompts.date set in params.yaml'
        )
    return template


def of_key(model: Model) -> str:
    """What the date adds to the key of a reply: nothing where the template words none."""
    return f" {model.date}" if words_today(model.name, model.revision) else ""


@cache
def words_today(name: str, revision: str) -> bool:
    return any(CALL in text for text in texts(name, revision))


def texts(name: str, revision: str) -> list[str]:
    """Of the files that may hold the template: those of the folder, or of the hub, from its cache if they are there."""
    if Path(name).exists():
        paths = [Path(name) / file for file in FILES]
    else:
        paths = cached(name, revision) or list(fetched(name, revision))
    return [path.read_text(encoding="utf-8") for path in paths if path.exists()]


def cached(name: str, revision: str) -> list[Path]:
    from huggingface_hub import try_to_load_from_cache

    try:
        found = [try_to_load_from_cache(name, file, revision=revision) for file in FILES]
    except ValueError:  # no hub id
        return []
    return [Path(path) for path in found if isinstance(path, str)]


def fetched(name: str, revision: str) -> Iterator[Path]:
    from huggingface_hub import hf_hub_download  # pyright: ignore[reportUnknownVariableType]
    from huggingface_hub.errors import LocalEntryNotFoundError

    for file in FILES:
        try:
            yield Path(hf_hub_download(name, file, revision=revision))
        except LocalEntryNotFoundError:  # no network
            return
        except (OSError, ValueError):  # no such file, no access; no hub id
            continue
