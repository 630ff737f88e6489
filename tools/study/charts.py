"""The report's plots, drawn by Vega-Lite into SVG: an arm has one colour and shape in all of them."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import vl_convert

from tools.study.look import INK, SHAPES, Look

WIDTH, STEP = 300, 19  # of a plot and of a line in it, in pixels
MOST = 40  # arms of a plot with a line each
SHADES = {"right": 0.1, "read": 0.1, "wrong": 0.35, "unreadable": 0.6, "cut off": 0.8, "unanswered": 1.0}  # of ink
LETTER = 6.4  # pixels of a letter of a label: the reader's type may be wider than the one that Vega measures
BASE = "https://vega.github.io/vega-datasets/"  # which vl-convert puts before every link
CONFIG = {
    "background": None,
    "view": {"stroke": None},
    "font": "system-ui, sans-serif",
    "title": {"color": INK, "anchor": "start", "fontSize": 13, "fontWeight": 600, "offset": 8},
    "axis": {
        "labelColor": INK, "titleColor": INK, "domainColor": INK, "tickColor": INK, "gridColor": "#80808033",
        "labelFontSize": 11, "titleFontSize": 11, "titleFontWeight": "normal", "labelLimit": 260,
    },
    "legend": {"labelColor": INK, "titleColor": INK, "labelFontSize": 11, "titleFontSize": 11, "orient": "top",
               "titleFontWeight": "normal"},
    "header": {"labelColor": INK, "titleColor": INK},
    "text": {"color": INK, "fontSize": 11},
}  # fmt: skip


def draw(spec: dict[str, Any]) -> str:
    svg = vl_convert.vegalite_to_svg(
        {"$schema": "https://vega.github.io/schema/vega-lite/v5.json", **spec}, config=CONFIG
    )
    return svg.replace(BASE, "")


def title(text: str, below: str = "") -> dict[str, Any]:
    return {"text": text, "subtitle": below, "subtitleColor": INK, "subtitleFontSize": 11}


def down(field: str, labels: Sequence[str]) -> dict[str, Any]:
    """The lines of a plot, in this order."""
    room = {"minExtent": 8 + LETTER * max(map(len, labels), default=0)}
    return {"field": field, "type": "nominal", "sort": list(labels), "title": None, "axis": room}


def across(field: str, name: str, **more: Any) -> dict[str, Any]:
    return {"field": field, "type": "quantitative", "title": name, "scale": {"zero": False, "nice": True}, **more}


class Line(NamedTuple):
    """Of a forest plot: a mean with its interval, and where its figures link to; `seeds` are (score, link)."""

    arm: str
    value: float
    low: float
    high: float
    link: str
    seeds: list[tuple[float, str]]


class Mark(NamedTuple):
    """A model beside the arms: the teacher, a base."""

    name: str
    value: float


def forest(name: str, below: str, unit: str, lines: Sequence[Line], marks: Sequence[Mark], look: Look) -> str:
    """Arms, best first, with intervals; small strokes are seeds, lines down are models that learnt nothing here."""
    if len(lines) > MOST:
        below += f"; the first {MOST} of {len(lines)} arms"
        lines = lines[:MOST]
    rows = [line._asdict() | {"seeds": None} for line in lines]
    seeds = [{"arm": line.arm, "value": value, "link": link} for line in lines for value, link in line.seeds]
    y = down("arm", [line.arm for line in lines])
    scales = look.scales()
    href = {"field": "link"}
    layers: list[dict[str, Any]] = [
        {
            "data": {"values": rows},
            "mark": {"type": "rule", "strokeWidth": 2},
            "encoding": {"x": across("low", unit), "x2": {"field": "high"}, "y": y, "color": scales["color"]},
        },
        {
            "data": {"values": seeds},
            "mark": {"type": "tick", "thickness": 1.5, "size": 11, "opacity": 0.8, "color": INK},
            "encoding": {"x": across("value", unit), "y": y, "href": href},
        },
        {
            "data": {"values": rows},
            "mark": {"type": "point", "filled": True, "size": 90, "opacity": 1, "stroke": INK, "strokeWidth": 0.5},
            "encoding": {"x": across("value", unit), "y": y, **scales, "href": href},
        },
    ]
    if marks:
        layers += beside(marks, unit)
    return draw({"title": title(name, below), "width": WIDTH, "height": {"step": STEP}, "layer": layers})


def beside(marks: Sequence[Mark], unit: str) -> list[dict[str, Any]]:
    data = {"values": [mark._asdict() for mark in marks]}
    x = across("value", unit)
    text = {"type": "text", "baseline": "bottom", "dy": -4, "align": "center"}
    return [
        {
            "data": data,
            "mark": {"type": "rule", "strokeDash": [3, 3], "color": INK, "opacity": 0.6},
            "encoding": {"x": x},
        },
        {"data": data, "mark": text, "encoding": {"x": x, "y": {"value": 0}, "text": {"field": "name"}}},
    ]


class Step(NamedTuple):
    """Of a plot of effects."""

    effect: str
    student: str
    value: float
    low: float
    high: float


def effects(name: str, below: str, unit: str, steps: Sequence[Step]) -> str:
    """Differences with intervals, a line for each student; those of all students are filled."""
    students = list(dict.fromkeys(step.student for step in steps))
    y = down("effect", list(dict.fromkeys(step.effect for step in steps)))
    offset = {"field": "student", "sort": students}
    data = {"values": [step._asdict() for step in steps]}
    shape = {"field": "student", "scale": {"domain": students, "range": SHAPES[: len(students)]}, "title": None}
    return draw(
        {
            "title": title(name, below),
            "width": WIDTH,
            "height": {"step": STEP if len(students) == 1 else 11},
            "data": data,
            "layer": [
                {"mark": {"type": "rule", "color": INK, "opacity": 0.5}, "encoding": {"x": {"datum": 0}}},
                {
                    "mark": {"type": "rule", "strokeWidth": 1.5, "color": INK},
                    "encoding": {"x": across("low", unit), "x2": {"field": "high"}, "y": y, "yOffset": offset},
                },
                {
                    "mark": {"type": "point", "filled": True, "size": 60, "opacity": 1, "color": INK},
                    "encoding": {"x": across("value", unit), "y": y, "yOffset": offset, "shape": shape},
                },
            ],
        }
    )


class Dot(NamedTuple):
    """Of a scatter plot. `filled` tells students apart; `on_front`: none is better in both; `path` joins dots."""

    arm: str
    x: float
    y: float
    low: float
    high: float
    label: str  # empty where none is drawn
    filled: bool
    link: str
    path: str


def scatter(
    name: str, below: str, x_name: str, y_name: str, dots: Sequence[Dot], others: Sequence[Dot], front: Sequence[Dot],
    look: Look,
) -> str:  # fmt: skip
    """Arms and models beside them (crosses); `front` is joined by steps, dots of one path by lines."""
    scales, href, text = look.scales(), {"field": "link"}, {"text": {"field": "label"}}
    place = {"x": across("x", x_name), "y": across("y", y_name)}
    bars = {"x": place["x"], "y": across("low", y_name), "y2": {"field": "high"}, "color": scales["color"]}
    steps = {"type": "line", "interpolate": "step-after", "color": INK, "opacity": 0.6, "strokeDash": [4, 3]}
    line = {"type": "line", "color": INK, "opacity": 0.4}
    point = {"type": "point", "size": 80, "opacity": 1, "strokeWidth": 1.8}
    cross = {"type": "point", "shape": "cross", "filled": True, "size": 60, "color": INK, "opacity": 0.8}
    every = [*dots, *others]
    middle = (min(dot.x for dot in every) + max(dot.x for dot in every)) / 2
    layers = [
        (front, steps, place),
        ([dot for dot in dots if dot.path], line, {**place, "detail": {"field": "path"}}),
        (dots, {"type": "rule", "opacity": 0.7}, bars),
        ([dot for dot in dots if dot.filled], {**point, "filled": True}, {**place, **scales, "href": href}),
        ([dot for dot in dots if not dot.filled], {**point, "filled": False}, {**place, **scales, "href": href}),
        (others, cross, place),
        ([dot for dot in every if dot.label and dot.x <= middle], label_mark("left", 8), {**place, **text}),
        ([dot for dot in every if dot.label and dot.x > middle], label_mark("right", -8), {**place, **text}),
    ]
    layer = [
        {"data": {"values": [dot._asdict() for dot in some]}, "mark": mark, "encoding": encoding}
        for some, mark, encoding in layers
        if some
    ]
    return draw({"title": title(name, below), "width": WIDTH + 80, "height": 240, "layer": layer})


def label_mark(align: str, dx: int) -> dict[str, Any]:
    return {"type": "text", "align": align, "dx": dx, "dy": -8}


def stacked(
    name: str, below: str, shares: Sequence[dict[str, Any]], arms: Sequence[str], outcomes: Sequence[str]
) -> str:
    """Shares of replies by outcome, a bar for each arm; in shades of ink, because colours are the arms'."""
    if len(arms) > MOST:
        below += f"; the first {MOST} of {len(arms)} arms"
    y = down("arm", arms[:MOST])
    x = across("share", "% of replies", stack="zero", scale={"domain": [0, 100]})
    shade = {
        "field": "outcome",
        "sort": list(outcomes),
        "scale": {"type": "ordinal", "domain": list(outcomes), "range": [SHADES[o] for o in outcomes]},
    }
    return draw(
        {
            "title": title(name, below),
            "width": WIDTH,
            "height": {"step": STEP - 3},
            "data": {"values": [share for share in shares if share["arm"] in arms[:MOST]]},
            "mark": {"type": "bar", "color": INK, "stroke": INK, "strokeWidth": 0.5},
            "encoding": {"y": y, "x": x, "opacity": {**shade, "title": None}, "order": {"field": "rank"}},
        }
    )
