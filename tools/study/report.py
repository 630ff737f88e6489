"""Write studies/<name>/report.html and report.md from the experiments of a study."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from tools.study.answer import Scope, forgotten, scopes
from tools.study.cost import priced
from tools.study.grades import read_settings
from tools.study.look import Look, symbol
from tools.study.plots import draw_all
from tools.study.rows import read_experiments
from tools.study.scores import Dataset, mean_metric, read_dataset
from tools.study.study import STUDIES, Study, points
from tools.study.twenty import most_different

TEMPLATES = Path(__file__).parent
SHOWN = 10  # missing points that the terminal names
ALL_PAIRS = 12  # arms of which every two are listed; of more, those with the best and with the arm compared against


def write_report(study: Study) -> None:
    every = points(study)
    experiments, missing = read_experiments(every)
    for name, why in missing[:SHOWN]:
        print(f"study {study.name}: without {name}: {why}")
    if len(missing) > SHOWN:
        print(f"study {study.name}: without {len(missing) - SHOWN} more, which the report names")
    if not experiments:
        raise SystemExit(
            f"study {study.name}: got none of its {len(every)} experiments, wanted some; run "
            f"`python -m tools.study run {study.name}`"
        )
    datasets = [
        read_dataset(name, some)
        for name in study.file.datasets
        if (some := [experiment for experiment in experiments if experiment.point.dataset == name])
    ]
    confidence = read_settings(experiments[0].settings).evaluate.confidence
    arms = {point.arm: study.arms[point.arm] for point in every}
    found = scopes(datasets, {name: arm.factors for name, arm in arms.items()}, confidence)
    look = Look(list(arms))
    models = {
        dataset.name: priced(dataset, [scope for scope in found if is_of(scope, dataset)], study.file.compare)
        for dataset in datasets
    }
    facts = {
        "study": study,
        "arms": arms,
        "num_points": len(every),
        "experiments": experiments,
        "missing": missing,
        "datasets": datasets,
        "confidence": confidence,
        "scopes": found,
        "models": models,
        "pairs": {scope.name: shown_pairs(scope, study.file.compare) for scope in found},
        "forgotten": {
            f"{student}, {dataset.name}": forgotten(dataset, student, confidence)
            for dataset in datasets
            for student in dataset.forgotten
        },
        "alone": sum(len(seeds) == 1 for dataset in datasets for seeds in dataset.experiments.values()),
        "failures": filter_failures(datasets),
        "questions": most_different(datasets),
        "plots": draw_all(study, datasets, found, models, look, confidence),
        "symbols": {arm: symbol(look, arm) for arm in arms},
    }
    folder = STUDIES / study.name
    folder.mkdir(exist_ok=True)
    for name, escape in (("report.html", True), ("report.md", False)):
        (folder / name).write_text(render(f"{name}.jinja", escape, facts), encoding="utf-8")
        print(folder / name)


def is_of(scope: Scope, dataset: Dataset) -> bool:
    """A student's on this data set alone."""
    return scope.datasets == [dataset.name] and scope.student in dataset.scores


def render(template: str, escape: bool, facts: dict[str, Any]) -> str:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=escape, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
    environment.filters |= {"percent": percent, "points": in_points, "p": p_value, "number": number, "cell": cell}
    return environment.get_template(template).render(facts)


def percent(share: float) -> str:
    return f"{100 * share:.1f}"


def in_points(share: float) -> str:
    return f"{100 * share:+.1f}"


def p_value(p: float) -> str:
    return "< 0.0001" if p < 0.0001 else f"{p:.2g}" if p < 0.1 else f"{p:.2f}"


def number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def cell(text: str) -> str:
    """Of a Markdown table."""
    return text.replace("|", "\\|").replace("\n", " ")


def shown_pairs(scope: Scope, compare: str) -> list[Any]:
    """Better first in each; those surest to differ come first."""
    arms = list(scope.arms)
    wanted = [(first, second) for i, first in enumerate(arms) for second in arms[i + 1 :]]
    if len(arms) > ALL_PAIRS:
        wanted = [pair for pair in wanted if arms[0] in pair or compare in pair]
    return sorted((scope.pairs.of(*pair) for pair in wanted), key=lambda pair: (pair.p, -pair.difference.value))


def filter_failures(datasets: Sequence[Dataset]) -> dict[str, dict[str, dict[str, float]]]:
    """Data set -> arm -> reason -> share of the teacher's replies, over the seeds; reasons that occur somewhere."""
    return {
        dataset.name: {
            arm: {
                reason: (mean_metric(seeds, "filter", "filter", "rejected", reason) or 0.0)
                / (mean_metric(seeds, "filter", "filter", "rows") or 1.0)
                for reason in dict.fromkeys(
                    reason
                    for every in dataset.experiments.values()
                    for experiment in every
                    for reason, count in experiment.metrics["filter"]["filter"]["rejected"].items()
                    if count
                )
            }
            for arm, seeds in dataset.experiments.items()
        }
        for dataset in datasets
    }
