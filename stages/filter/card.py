"""A card of the rows: where they come from, and what the filter found."""

import re
from collections.abc import Iterator
from typing import Any

from huggingface_hub import DatasetCardData

from stages.filter.params import Params
from stages.filter.rules import RULES, CrossRowRule, RowRule


def card(told: dict[str, Any], params: Params) -> str:
    """Markdown; nothing in it differs between two runs over the same rows."""
    asked = params.filter
    labels = "the teacher's" if asked.labels == "teacher" else "the data set's own (the control)"
    learnt = "reasoning and answer" if asked.target == "reasoning" else "the answer alone"
    lines = [
        "---",
        metadata(params),
        "---",
        "",
        f"# Rows of {params.dataset}",
        "",
        "Written by `filter`; `python -m tools.show` shows the rows.",
        "",
        "| | |",
        "| --- | --- |",
        f"| source | {params.source} |",
        f"| licence of the source | {params.licence} |",
        f"| teacher | {params.teacher} |",
        f"| answers | {labels} |",
        f"| asked | in the first of the styles {', '.join(params.styles)} that the task has; wording: "
        f"{params.wording} |",
        f"| what is learnt | {learnt}, answers in the format `{params.answer_format}` |",
        f"| rows in | {told['rows']:,} |",
        f"| rows that pass | {told['passed']:,} |",
        *accuracy_line(told),
        f"| words of a target | {', '.join(f'{name} {count}' for name, count in told['words'].items())} |",
        *label_line(told.get("labels")),
        "",
        "## Rules of the filter, in order",
        "",
        "A row is rejected by the first rule it breaks.",
        "",
        "| rule | reason | setting | rows rejected |",
        "| --- | --- | --- | --- |",
        *(
            f"| {rule.group} | {rule.reason} | {setting(rule, params)} | {told['rejected'][rule.reason]:,} |"
            for rule in RULES
        ),
        "",
        "## Contamination",
        "",
        contamination(told.get("leaks")),
    ]
    return "\n".join(lines) + "\n"


def metadata(params: Params) -> str:
    """What the Hub reads of a dataset card: YAML."""
    # the Hub's ids are SPDX's in small letters; a sentence is none
    licence = params.licence.lower() if re.fullmatch(r"[\w.+-]+", params.licence) else "unknown"
    data = DatasetCardData(
        license=licence,
        pretty_name=f"Rows of {params.dataset}",
        tags=["distillation", "potstill", "synthetic"],
        configs=[{"config_name": "default", "data_files": [{"split": "train", "path": "rows.parquet"}]}],
    )
    return data.to_yaml()  # pyright: ignore[reportUnknownMemberType]


def accuracy_line(told: dict[str, Any]) -> Iterator[str]:
    if "teacher_accuracy_of_all" in told:
        of_readable, of_all = told["teacher_accuracy_of_readable"], told["teacher_accuracy_of_all"]
        yield f"| teacher's accuracy | {of_readable:.1%} of the readable replies, {of_all:.1%} of all |"


def label_line(labels: dict[str, float] | None) -> Iterator[str]:
    if labels:
        yield f"| labels of the rows in | {', '.join(f'{label} {share:.1%}' for label, share in labels.items())} |"


def contamination(leaks: dict[str, int] | None) -> str:
    if leaks is None:
        return "Not looked for (`filter.contamination.action: none`)."
    counts = (
        f"{leaks['exact']:,} the same, {leaks['ngram']:,} with a run of words in common, {leaks['similar']:,} similar"
    )
    found = leaks["exact"] + leaks["ngram"] + leaks["similar"]
    return (
        f"Rows that hold text of the test split's questions or worked solutions: {found:,} ({counts}). "
        f"{leaks['passed']:,} of them pass the filter."
    )


def setting(rule: RowRule | CrossRowRule, params: Params) -> str:
    """The parameters that a rule depends on, as `params.yaml` names them."""
    if not rule.is_on(params):
        return "off"
    section = params.filter.model_dump()
    values = [(name, section[name.split(".")[0]][name.split(".")[1]]) for name in rule.settings]
    return ", ".join(f"{name}: {value}" for name, value in values) or "on"
