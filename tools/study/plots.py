"""Which plots the report has, and what each shows."""

from collections.abc import Mapping, Sequence

from stages.rows.prompt import PLAIN
from tools.study import charts
from tools.study.answer import Bounds, Scope, forgotten
from tools.study.cost import Priced
from tools.study.grades import OUTCOMES
from tools.study.look import Look
from tools.study.scores import Dataset
from tools.study.study import Study


def draw_all(
    study: Study,
    datasets: Sequence[Dataset],
    found: Sequence[Scope],
    models: Mapping[str, Sequence[Priced]],
    look: Look,
    confidence: float,
) -> dict[str, list[str]]:
    """The plots of each section, as SVG; `models` by data set."""
    each = [(dataset, student) for dataset in datasets for student in dataset.scores]
    priced = [dataset for dataset in datasets if any(model.price is not None for model in models[dataset.name])]
    taught = [dataset for dataset in datasets if any(model.learnt for model in models[dataset.name])]
    return {
        "arms": [arms(scope, datasets, study.file.compare, look, confidence) for scope in found],
        "effects": [effects(some, confidence) for some in by_datasets(found) if some[0].effects],
        "cost": [cost(dataset, models[dataset.name], look) for dataset in priced],
        "tokens": [tokens(dataset, models[dataset.name], study, look) for dataset in taught],
        "forgetting": [forgetting(d, student, look, confidence) for d, student in each if student in d.forgotten],
        "failures": [failures(dataset, student) for dataset, student in each],
    }


def by_datasets(found: Sequence[Scope]) -> list[list[Scope]]:
    groups: dict[tuple[str, ...], list[Scope]] = {}
    for scope in found:
        groups.setdefault(tuple(scope.datasets), []).append(scope)
    return list(groups.values())


def unit_of(measure: str) -> str:
    return f"{measure.replace('_', ' ')}, %"


def with_interval(confidence: float) -> str:
    return f"with {100 * confidence:g} % intervals"


def arms(scope: Scope, datasets: Sequence[Dataset], compare: str, look: Look, confidence: float) -> str:
    among = [dataset for dataset in datasets if dataset.name in scope.datasets]
    one = among[0] if len(among) == 1 and scope.student in among[0].scores else None
    lines = [
        charts.Line(arm, *in_percent(bounds), f"#arm-{arm}", seeds_of(one, scope.student, arm) if one else [])
        for arm, bounds in scope.arms.items()
    ]
    marks = list[charts.Mark]()
    if one and compare in one.experiments:
        first = one.experiments[compare][0]
        for model in ("teacher", f"base-{scope.student}"):
            styles = [arm for arm in first.metrics["evaluate"]["arms"] if arm["model"] == model]
            best = max(styles, key=lambda arm: arm["value"])
            marks.append(charts.Mark(f"{model} {best['style']}", 100 * best["value"]))
    of = f"{scope.student}: {' and '.join(scope.datasets)}"
    return charts.forest(of, with_interval(confidence), unit_of(scope.measure), lines, marks, look)


def seeds_of(dataset: Dataset, student: str, arm: str) -> list[tuple[float, str]]:
    values = dataset.by_seed[student, arm]
    return [(100 * v, f"#{e.point.name}") for v, e in zip(values, dataset.experiments[arm], strict=True)]


def in_percent(bounds: Bounds) -> tuple[float, float, float]:
    return 100 * bounds.value, 100 * bounds.low, 100 * bounds.high


def effects(some: Sequence[Scope], confidence: float) -> str:
    steps = [
        charts.Step(f"{short(effect.factor)}: {effect.to} − {effect.of}", scope.student, *in_percent(effect.difference))  # noqa: RUF001
        for scope in some
        for effect in scope.effects
    ]
    unit = f"difference of {some[0].measure.replace('_', ' ')}, points"
    return charts.effects(" and ".join(some[0].datasets), with_interval(confidence), unit, steps)


def short(factor: str) -> str:
    """The last key of a parameter's path."""
    return factor.rpartition(".")[2]


def cost(dataset: Dataset, models: Sequence[Priced], look: Look) -> str:
    """Score against price, the models that were taught nothing beside the arms; the front is numbered."""
    students = list(dataset.scores)

    def dot(model: Priced) -> charts.Dot:
        is_arm = model.model in students
        name = "" if is_arm else model.model if model.arm == PLAIN else f"{model.model} {model.arm}"
        label = f"{model.rank or ''} {name}".strip()
        link = f"#arm-{model.arm}" if is_arm else ""
        return charts.Dot(
            model.arm, model.price or 0.0, *in_percent(model.score), label, model.model == students[0], link, ""
        )

    known = [(model, dot(model)) for model in models if model.price is not None]
    line = [found for _, found in sorted((model.rank, found) for model, found in known if model.rank)]
    below = f"{told_students(students)}; dashed and numbered: the Pareto front"
    return charts.scatter(
        dataset.name,
        below,
        "price of 1,000 questions (by the prices of params.yaml)",
        unit_of(dataset.measure),
        [found for _, found in known if found.link],
        [found for _, found in known if not found.link],
        line,
        look,
    )


def told_students(students: Sequence[str]) -> str:
    others = ", ".join(students[1:])
    return f"filled: {students[0]}" + (f"; hollow: {others}" if others else "")


def tokens(dataset: Dataset, models: Sequence[Priced], study: Study, look: Look) -> str:
    """Score against the teacher's tokens that are learnt; arms that differ in one number alone are joined."""
    students = list(dataset.scores)
    paths = curves({arm: study.arms[arm].factors for arm in dataset.experiments})
    dots = [
        charts.Dot(m.arm, m.learnt, *in_percent(m.score), "", m.model == students[0], f"#arm-{m.arm}", path)
        for m in models
        if m.model in students
        for path in [f"{m.model} {paths[m.arm]}" if paths[m.arm] else ""]
    ]
    x, y = "the teacher's tokens learnt from", unit_of(dataset.measure)
    return charts.scatter(dataset.name, told_students(students), x, y, dots, [], [], look)


def curves(factors: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """Arm -> a name that it shares with those from which it differs in the number of one factor alone."""
    numeric = [name for name in dict.fromkeys(n for f in factors.values() for n in f) if is_number(name, factors)]
    alike: dict[str, list[str]] = {}
    for arm, of_arm in factors.items():
        key = str(sorted((name, value) for name, value in of_arm.items() if name not in numeric[:1]))
        alike.setdefault(key, []).append(arm)
    return {arm: key if numeric and len(arms) > 1 else "" for key, arms in alike.items() for arm in arms}


def is_number(name: str, factors: Mapping[str, Mapping[str, str]]) -> bool:
    return all(of_arm[name].replace(".", "", 1).isdecimal() for of_arm in factors.values() if name in of_arm)


def forgetting(dataset: Dataset, student: str, look: Look, confidence: float) -> str:
    lost = forgotten(dataset, student, confidence)
    lines = [charts.Line(arm, *in_percent(bounds), f"#arm-{arm}", []) for arm, bounds in lost.items()]
    below = f"accuracy on other tasks, base minus student, {with_interval(confidence)}"
    return charts.forest(f"{student} after {dataset.name}", below, "points lost", lines, [charts.Mark("", 0.0)], look)


def failures(dataset: Dataset, student: str) -> str:
    shares = [
        {"arm": arm, "outcome": outcome.replace("_", " "), "share": 100 * share, "rank": OUTCOMES.index(outcome)}
        for arm in dataset.experiments
        for outcome, share in dataset.outcomes[student, arm].items()
        if share
    ]
    used = [o.replace("_", " ") for o in OUTCOMES if any(share["rank"] == OUTCOMES.index(o) for share in shares)]
    return charts.stacked(
        f"{student}: {dataset.name}", "what became of the replies", shares, list(dataset.experiments), used
    )
