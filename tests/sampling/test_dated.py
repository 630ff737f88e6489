"""A chat template that words today's date words the one of params.yaml, wherever prompts are worded."""

import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from transformers import AutoTokenizer

from stages.sampling import dated
from stages.sampling.engine import version
from stages.sampling.request import Model, Request
from stages.sampling.transformers import TransformersEngine
from stages.sampling.vllm import VllmEngine
from stages.score.columns import likelihood, reward
from stages.train import base
from stages.train.params import load
from tests.architecture.closure import ROOT
from tests.score.scored import ROWS, save_reward_model

BASE = ROOT / "data/laptop/models/base-8b"
DAY = "2024-07-26"
# the part of Llama 3.2's template that words the date
LLAMA = """{%- if not date_string is defined %}
    {%- if strftime_now is defined %}
        {%- set date_string = strftime_now("%d %b %Y") %}
    {%- else %}
        {%- set date_string = "26 Jul 2024" %}
    {%- endif %}
{%- endif %}
{{- "Today Date: " + date_string + "\\n\\n" }}"""
MESSAGES = [{"role": "user", "content": "7 + 5 = ?"}]


def with_template(source: Path, folder: Path, before: str) -> Path:
    """A copy whose template begins otherwise."""
    shutil.copytree(source, folder, dirs_exist_ok=True)
    template = folder / "chat_template.jinja"
    template.write_text(before + template.read_text())
    return folder


def model(folder: Path, date: str = DAY) -> Model:
    return Model("transformers", str(folder), "", "float32", 0.0, 0.0, date)


def replies(folder: Path, date: str) -> Any:
    request = Request("1", "plain", (("user", "7 + 5 = ?"),), 0, 0, 8, 0.0, 1.0, 0)
    return next(TransformersEngine(model(folder, date)).ask([request]))


def likelihoods(folder: Path, date: str) -> Any:
    return list(likelihood.to_numbers(ROWS, model(folder, date), 4, len(ROWS), Counter()))


def rewards(folder: Path, date: str) -> Any:
    settings = reward.Settings(model=str(folder), revision="", precision="float32", batch_size=4)
    return list(reward.to_rewards(ROWS, settings, date, len(ROWS), Counter()))


@pytest.mark.parametrize("asked", [replies, likelihoods, rewards], ids=lambda each: each.__name__)
def test_who_words_prompts_words_that_date(asked: Callable[[Path, str], Any], tmp_path: Path) -> None:
    source = save_reward_model(tmp_path / "reward") if asked is rewards else BASE
    today = with_template(source, tmp_path / "today", LLAMA)
    that_day = with_template(source, tmp_path / "that_day", "Today Date: 26 Jul 2024\n\n")
    assert asked(today, DAY) == asked(that_day, "")
    with pytest.raises(
        SystemExit,
        match=rf"^model {today}: got a chat template that words today's date, 'strftime_now\(\"%d %b %Y\"\).*prompts.date",
    ):
        asked(today, "")


def test_vllm_words_it_too(tmp_path: Path) -> None:
    tokenizer: Any = AutoTokenizer.from_pretrained(with_template(BASE, tmp_path, LLAMA))
    llm = SimpleNamespace(
        get_tokenizer=lambda: tokenizer, llm_engine=None, model_config=SimpleNamespace(max_model_len=9)
    )
    VllmEngine(replace(model(tmp_path), engine="vllm"), llm)
    assert tokenizer.apply_chat_template(MESSAGES, tokenize=False).startswith("Today Date: 26 Jul 2024\n\n")


def test_a_date_that_cannot_be_pinned_is_refused(tmp_path: Path) -> None:
    template = "{% set form = '%Y' %}{{ strftime_now(form) }}"
    with pytest.raises(
        SystemExit, match=r"words today's date, 'strftime_now\(form\) }}', wanted one whose date can be"
    ):
        dated.pinned(template, DAY, "org/model")
    assert dated.pinned("{{ strftime_now('%Y-%m-%d') }}", DAY, "org/model") == '{{ "2024-07-26" }}'


def test_a_key_has_the_date_only_where_it_decides_the_reply(tmp_path: Path) -> None:
    """Or all that is paid for would be asked anew."""
    plain = f"transformers {metadata.version('transformers')} float32"
    assert version(model(BASE)) == version(model(BASE, "2025-01-01")) == plain
    today = with_template(BASE, tmp_path, LLAMA)
    assert version(model(today)) == f"{plain} {DAY}"
    assert version(Model("openai", str(today), "1", "auto", 0.0, 0.0, DAY)) == "chat completions 1"


def test_a_template_in_the_tokenizers_settings_is_found(tmp_path: Path) -> None:
    (tmp_path / "tokenizer_config.json").write_text('{"chat_template": "{{ strftime_now(\\"%Y\\") }}"}')
    assert dated.of_key(model(tmp_path)) == f" {DAY}"


def test_a_student_keeps_the_date_it_was_trained_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that whoever serves it words the prompts that it knows; and its key needs no date."""
    monkeypatch.chdir(ROOT)
    params = load("8b")
    today = with_template(BASE, tmp_path / "today", LLAMA)
    params = params.model_copy(update={"base": params.base.model_copy(update={"model": str(today)})})
    tokenizer = base.read_tokenizer(params, "8b")
    tokenizer.save_pretrained(tmp_path / "student")
    served = AutoTokenizer.from_pretrained(tmp_path / "student")
    assert served.apply_chat_template(MESSAGES, tokenize=False).startswith("Today Date: 26 Jul 2024\n\n")
    assert dated.of_key(model(tmp_path / "student")) == ""


@pytest.mark.parametrize("day", ["July", 2024, None])
def test_a_date_that_is_none_is_named(day: Any) -> None:
    with pytest.raises(ValueError, match="Invalid isoformat string"):
        dated.Prompts(date=day)


def test_of_several_templates_each_is_pinned() -> None:
    tokenizer: Any = AutoTokenizer.from_pretrained(BASE)
    tokenizer.chat_template = {"default": LLAMA, "tool_use": "no date"}
    dated.pin(tokenizer, DAY)
    assert "26 Jul 2024" in tokenizer.apply_chat_template(MESSAGES, tokenize=False)
    assert tokenizer.chat_template["tool_use"] == "no date"
    assert "strftime_now(" not in tokenizer.chat_template["default"]
