"""The dataset card: what the examples are, where they come from and what was done to them."""

from collections.abc import Iterator
from typing import Any

from stages.filter.params import Params
from stages.filter.rules import RULES, Rule, TableRule


def card(told: dict[str, Any], params: Params) -> str:
    """Markdown; nothing in it that differs between two runs over the same rows."""
    asked = params.filter
    labels = "the teacher's" if asked.labels == "teacher" else "the data set's own (the control)"
    leaks = told.get("leaks")
    lines = [
        f"# Examples distilled from {params.dataset}",
        "",
        "Written by `filter`; `python -m tools.show` shows the rows.",
        "",
        "| | |",
        "| --- | --- |",
        f"| source | {params.source} |",
        f"| licence of the source | {params.licence} |",
        f"| teacher | {params.teacher} |",
        f"| answers | {labels} |",
        f"| asked | {params.style}, words of the wording: {params.wording} |",
        f"| what is learnt | {'reasoning and answer' if asked.target == 'reasoning' else 'the answer alone'}, answers in the format `{params.answer_format}` |",
        f"| rows in | {told['rows']:,} |",
        f"| examples | {told['kept']:,}: {told['train']:,} in train.jsonl, {told['validation']:,} in validation.jsonl |",
        *accuracy_line(told),
        f"| words of an example's target | {', '.join(f'{name} {count}' for name, count in told['words']['after'].items())} |",
        *label_lines(told.get("labels")),
        "",
        "## Rules, in order",
        "",
        "A row is rejected by the first rule it breaks.",
        "",
        "| rule | reason | setting | rows rejected |",
        "| --- | --- | --- | --- |",
        *(f"| {rule.group} | {rule.reason} | {setting(rule, params)} | {told['rejected'][rule.reason]:,} |" for rule in RULES),
        "",
        "## Contamination",
        "",
        contamination(leaks, params),
    ]
    return "\n".join(lines) + "\n"


def accuracy_line(told: dict[str, Any]) -> Iterator[str]:
    if "teacher_accuracy_of_all" in told:
        of_readable, of_all = told["teacher_accuracy_of_readable"], told["teacher_accuracy_of_all"]
        yield f"| teacher's accuracy | {of_readable:.1%} of the readable replies, {of_all:.1%} of all |"


def label_lines(labels: dict[str, dict[str, float]] | None) -> Iterator[str]:
    if labels:
        for name, shares in labels.items():
            yield f"| labels {name} | {', '.join(f'{label} {share:.1%}' for label, share in shares.items())} |"


def contamination(leaks: dict[str, int] | None, params: Params) -> str:
    if leaks is None:
        return "Not looked for (`filter.contamination.action: none`)."
    counts = f"{leaks['exact']:,} the same, {leaks['ngram']:,} with a run of words in common, {leaks['similar']:,} similar"
    found = leaks["exact"] + leaks["ngram"] + leaks["similar"]
    return f"Rows that hold text of the test split's questions or worked solutions: {found:,} ({counts}). {leaks['kept']:,} of them are among the examples."


def setting(rule: Rule | TableRule, params: Params) -> str:
    """The parameters that a rule depends on, as `params.yaml` names them."""
    if not rule.is_on(params):
        return "off"
    section = params.filter.model_dump()
    shown = {
        "degenerate": ("reply.repetition", "reply.word_length"),
        "echo": ("reply.echo",),
        "leak": ("reply.leak_words",),
        "overlong": ("answer.overlong",),
        "long_summary": ("chain_of_density.length_tolerance",),
        "unfaithful": ("chain_of_density.faithful",),
        "disagreement": ("agreement.min_share",),
        "judged_low": ("agreement.min_judge",),
        "not_chosen": ("choose.which", "choose.most"),
        "near_duplicate": ("duplicates.near", "duplicates.ngram"),
        "same_meaning": ("duplicates.semantic",),
        "contaminated": ("contamination.ngram", "contamination.similar"),
        "not_selected": ("select.budget", "select.order", "select.domain", "select.quotas"),
    }
    names = shown.get(rule.reason, ())
    values = [(name, section[name.split(".")[0]][name.split(".")[1]]) for name in names]
    return ", ".join(f"{name}: {value}" for name, value in values) or "on"
