"""The dataset card: what the examples are, where they come from and what was done to them."""

from typing import Any

from stages.select.params import Params
from stages.select.rules import RULES, Rule


def card(told: dict[str, Any], params: Params, of_rows: str) -> str:
    """Markdown; nothing in it differs between two runs over the same rows. `of_rows` is the card that `filter`
    wrote."""
    words = ", ".join(f"{name} {count}" for name, count in told["words"].items())
    labels = ", ".join(f"{label} {share:.1%}" for label, share in told.get("labels", {}).items())
    lines = [
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
        "#" + of_rows.rstrip("\n"),
    ]
    return "\n".join(lines) + "\n"


def setting(rule: Rule, params: Params) -> str:
    """The parameters that a rule depends on, as `params.yaml` names them."""
    if not rule.is_on(params.select):
        return "off"
    return ", ".join(f"{name}: {value(params.select.model_dump(), name)}" for name in rule.settings) or "on"


def value(section: dict[str, Any], name: str) -> Any:
    key, _, rest = name.partition(".")
    return value(section[key], rest) if rest else section[key]
