"""Which plots the report has, and what each shows."""

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from stages.rows.prompt import PLAIN
from tools.study import charts
from tools.study.answer import Bounds, Scope
from tools.study.grades import OUTCOMES
from tools.study.scores import Dataset, mean_metric, mean_price
from tools.study.statistics import contrast, interval
from tools.study.study import Study

WIDE = 20  # how many times the least tokens the most are, for an axis of logarithms


def draw_all(
    study: Study, datasets: Sequence[Dataset], found: Sequence[Scope], look: charts.Look, confidence: float
) -> dict[str, list[Any]]:
    """The plots of each section, as SVG."""
    students = list(datasets[0].scores)
    single = {(scope.student, *scope.datasets): scope for scope in found if len(scope.datasets) == 1}
    drawn = {
        "arms": [arms(scope, datasets, study.file.compare, look, confidence) for scope in found],
        "effects": [effects(some, confidence) for some in by_datasets(found) if some[0].effects],
        "cost": [
            plot
            for dataset in datasets
            if (plot := cost(dataset, [single[s, dataset.name] for s in students], study.file.compare, look))
        ],
        "tokens": [
            plot
            for dataset in datasets
            if (plot := tokens(dataset, [single[s, dataset.name] for s in students], study, look))
        ],
        "forgetting": [
            forgetting(dataset, student, look, confidence)
            for dataset in datasets
            for student in students
            if student in dataset.forgotten
        ],
        "failures": [failures(dataset, student) for dataset in datasets for student in students],
    }
    return {section: [Markup(svg) for svg in plots] for section, plots in drawn.items()}


def by_datasets(found: Sequence[Scope]) -> list[list[Scope]]:
    groups: dict[tuple[str, ...], list[Scope]] = {}
    for scope in found:
        groups.setdefault(tuple(scope.datasets), []).append(scope)
    return list(groups.values())


def unit_of(measure: str) -> str:
    return f"{measure.replace('_', ' ')}, %"


def with_interval(confidence: float) -> str:
    return f"with {100 * confidence:g} % intervals"


def arms(scope: Scope, datasets: Sequence[Dataset], compare: str, look: charts.Look, confidence: float) -> str:
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
        charts.Step(f"{effect.factor}: {effect.to} − {effect.of}", scope.student, *in_percent(effect.difference))  # noqa: RUF001
        for scope in some
        for effect in scope.effects
    ]
    unit = f"difference of {some[0].measure.replace('_', ' ')}, points"
    return charts.effects(" and ".join(some[0].datasets), with_interval(confidence), unit, steps)


def cost(dataset: Dataset, found: Sequence[Scope], compare: str, look: charts.Look) -> str | None:
    """Score against the price of a thousand questions, the models that nothing was taught beside the arms."""
    prices = {
        (scope.student, arm): mean_price(dataset.experiments[arm], scope.student)
        for scope in found
        for arm in scope.arms
    }
    if any(price is None for price in prices.values()):
        return None
    places = [
        ((scope.student, arm), prices[scope.student, arm] or 0.0, bounds)
        for scope in found
        for arm, bounds in scope.arms.items()
    ]
    first = dataset.experiments.get(compare, next(iter(dataset.experiments.values())))[0]
    others = [
        ((arm["model"], arm["style"]), arm["cost_per_1000"], Bounds(arm["value"], *arm["interval"]))
        for arm in first.metrics["evaluate"]["arms"]
        if arm["model"] not in dataset.scores
        and arm["cost_per_1000"] is not None
        and (arm["model"] == "teacher" or arm["style"] == PLAIN)
    ]
    on_front = front([(price, bounds.value) for _, price, bounds in (*places, *others)])

    def dot(model: str, arm: str, price: float, bounds: Bounds, filled: bool, link: str) -> charts.Dot:
        label = f"{model} {arm}" if (price, bounds.value) in on_front or not link else ""
        return charts.Dot(arm, price, *in_percent(bounds), label, filled, link, "")

    dots = [dot(*who, price, bounds, who[0] == found[0].student, f"#arm-{who[1]}") for who, price, bounds in places]
    crosses = [dot(*who, price, bounds, True, "") for who, price, bounds in others]
    line = sorted((dot for dot in (*dots, *crosses) if (dot.x, dot.y / 100) in on_front), key=lambda dot: dot.x)
    below = told_students(found) + "; dashed: the Pareto front"
    return charts.scatter(
        dataset.name, below, "price of 1,000 questions", unit_of(dataset.measure), dots, crosses, line, look
    )


def told_students(found: Sequence[Scope]) -> str:
    others = ", ".join(scope.student for scope in found[1:])
    return f"filled: {found[0].student}" + (f"; hollow: {others}" if others else "")


def front(places: Sequence[tuple[float, float]]) -> set[tuple[float, float]]:
    """Those than which none is both as cheap and better, or as good and cheaper."""
    kept, best = set[tuple[float, float]](), float("-inf")
    for price, value in sorted(places, key=lambda place: (place[0], -place[1])):
        if value > best:
            kept.add((price, value))
            best = value
    return kept


def tokens(dataset: Dataset, found: Sequence[Scope], study: Study, look: charts.Look) -> str | None:
    """Score against the teacher's tokens that are learnt; arms that differ in one number alone are joined."""
    learnt = {
        arm: mean_metric(seeds, "select", "select", "tokens") or 0.0 for arm, seeds in dataset.experiments.items()
    }
    if not any(learnt.values()):
        return None
    paths = curves({arm: study.arms[arm].factors for arm in dataset.experiments})
    dots = [
        charts.Dot(
            arm, learnt[arm], *in_percent(bounds), "", scope.student == found[0].student, f"#arm-{arm}",
            f"{scope.student} {paths[arm]}" if paths[arm] else "",
        )
        for scope in found
        for arm, bounds in scope.arms.items()
    ]  # fmt: skip
    return charts.scatter(
        dataset.name,
        told_students(found),
        "the teacher's tokens learnt from",
        unit_of(dataset.measure),
        dots,
        [],
        [],
        look,
    )


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


def forgetting(dataset: Dataset, student: str, look: charts.Look, confidence: float) -> str:
    table, arms = dataset.forgotten[student], list(dataset.experiments)
    found = []
    for i, arm in enumerate(arms):
        estimate = contrast(table, [float(i == k) for k in range(len(arms))])
        low, high = interval(estimate, confidence)
        found.append(charts.Line(arm, *in_percent(Bounds(estimate.value, float(low), float(high))), f"#arm-{arm}", []))
    found.sort(key=lambda line: line.value)
    below = f"accuracy on other tasks, base minus student, {with_interval(confidence)}"
    return charts.forest(f"{student} after {dataset.name}", below, "points lost", found, [charts.Mark("", 0.0)], look)


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
