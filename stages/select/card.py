"""The dataset card: what the examples are, where they come from and what was done to them."""

from typing import Any

import polars as pl
from huggingface_hub import DatasetCard, DatasetCardData

from stages.select.distribution import distributions
from stages.select.negatives import NONE
from stages.select.params import Params, Select
from stages.select.rules import RULES, Rule
from stages.select.tags import BAD
from stages.select.unsure import GOLD


def card(told: dict[str, Any], params: Params, passed: pl.DataFrame, learnt: pl.DataFrame, of_rows: str) -> str:
    """Markdown; nothing in it differs between two runs over the same rows. `of_rows` is the card that `filter`
    wrote."""
    numbers, filtered = distributions(passed, learnt), DatasetCard(of_rows)
    words = ", ".join(f"{name} {count}" for name, count in told["words"].items())
    labels = ", ".join(f"{label} {share:.1%}" for label, share in told.get("labels", {}).items())
    lines = [
        "---",
        metadata(told, params, filtered.data.get("license")),
        "---",
        "",
        f"# Examples distilled from {params.dataset}",
        "",
        "Written by `select`; `python -m tools.show` shows the rows.",
        "",
        "| | |",
        "| --- | --- |",
        f"| examples | {told['kept']:,}: {told['train']:,} in train.jsonl, {told['validation']:,} in validation.jsonl "
        f"|",
        f"| words of an example's target | {words} |",
        *([f"| labels of the examples | {labels} |"] if labels else []),
        "",
        "## Rules of selection, in order",
        "",
        "| rule | reason | setting | rows rejected |",
        "| --- | --- | --- | --- |",
        *(
            f"| {rule.group} | {rule.reason} | {setting(rule, params)} | {told['rejected'][rule.reason]:,} |"
            for rule in RULES
        ),
        "",
        "## What is learnt of them, and how",
        "",
        "| | setting | rows |",
        "| --- | --- | --- |",
        *(
            f"| {name} | {settings(names, params) if is_on else 'off'} | {count} |"
            for name, is_on, names, count in learning(told, params.select)
        ),
        "",
        *(["## Numbers of the rows to train on, before and after selection", "", *numbers, ""] if numbers else []),
        "#" + filtered.text.strip("\n"),
    ]
    return "\n".join(lines) + "\n"


def metadata(told: dict[str, Any], params: Params, licence: str) -> str:
    """What the Hub reads of a dataset card: YAML. A split without rows has no file that could be loaded."""
    files = [{"split": split, "path": f"{split}.jsonl"} for split in ("train", "validation") if told[split]]
    data = DatasetCardData(
        license=licence,
        pretty_name=f"Examples distilled from {params.dataset}",
        tags=["distillation", "potstill", "synthetic"],
        configs=[{"config_name": "default", "data_files": files}],
    )
    return data.to_yaml()  # pyright: ignore[reportUnknownMemberType]


def setting(rule: Rule, params: Params) -> str:
    """The parameters that a rule depends on, as `params.yaml` names them."""
    if not rule.is_on(params.select):
        return "off"
    return settings(rule.settings, params) or "on"


def learning(told: dict[str, Any], select: Select) -> list[tuple[str, bool, tuple[str, ...], str]]:
    """(what changes how rows are learnt, whether it is on, its parameters, of how many rows)."""
    train, tags = f"{told['train']:,}", {tag: f"{count:,}" for tag, count in told["tags"].items()}
    is_weighed = select.weigh == "prompts" or select.sources.use == "weighted"
    return [
        ("weights", is_weighed, ("weigh", "sources.use", "sources.power"), train if is_weighed else "0"),
        ("gold in place of the reply", select.unsure.confidence > 0, ("unsure.confidence", "unsure.then"), tags[GOLD]),
        (
            "bad, behind a mark",
            bool(select.tag.bad) or select.tag.wrong,
            ("tag.bad", "tag.wrong", "tag.mark"),
            tags[BAD],
        ),
        ("a reply not to learn beside it", select.negatives != NONE, ("negatives",), f"{told['negatives']:,}"),
        ("reasoning apart", select.rationale > 0, ("rationale",), train if select.rationale else "0"),
    ]


def settings(names: tuple[str, ...], params: Params) -> str:
    """As `params.yaml` names them; what would end a cell of the table is escaped."""
    section = params.select.model_dump()
    return ", ".join(f"{name}: {value(section, name)}" for name in names).replace("|", r"\|")


def value(section: dict[str, Any], name: str) -> Any:
    key, _, rest = name.partition(".")
    return value(section[key], rest) if rest else section[key]
