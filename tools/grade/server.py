"""The page on which people grade: on this machine alone, for those who know the token, from no other origin."""

import hmac
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import jinja2
from aiohttp import web
from yarl import URL

from stages.rows.grades import GRADES, Grade, read_clicks, read_graders, standing
from tools.grade.files import append, path_of
from tools.grade.progress import needed, next_step, results
from tools.grade.shown import Shown, Step

HERE = Path(__file__).parent
STATIC = {"page.js": "text/javascript", "style.css": "text/css"}
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; img-src data:; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def to_app(shown: Shown, token: str, port: int) -> web.Application:
    app = web.Application(middlewares=[only_own(token, port)])
    app.add_routes([web.get("/", choose), web.get("/grade", ask), web.post("/grade", grade), web.post("/undo", undo)])
    app.add_routes([web.get("/{name:page.js|style.css}", static)])
    app[SHOWN], app[STEPS] = shown, {step.name: step for step in shown.steps}
    app[PAGE] = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True
    ).get_template("page.html")
    return app


SHOWN, STEPS = web.AppKey("shown", Shown), web.AppKey("steps", dict[str, Step])
PAGE = web.AppKey("page", jinja2.Template)


def only_own(token: str, port: int) -> Any:
    """Whoever has the token, asks this host, and comes from its own pages."""
    cookie = f"grade-{port}"  # a browser sends a cookie to every port of a host

    @web.middleware
    async def admit(request: web.Request, handler: Handler) -> web.StreamResponse:
        shown_token = request.query.get("token", request.cookies.get(cookie, ""))
        own = (f"127.0.0.1:{port}", f"localhost:{port}")
        origin = request.headers.get("Origin", "" if request.method == "POST" else f"http://{request.host}")
        answer: web.StreamResponse
        if request.host not in own or origin != f"http://{request.host}":
            answer = web.Response(status=403, text="This page is for this machine and its own address alone.")
        elif not hmac.compare_digest(shown_token.encode(), token.encode()):
            answer = web.Response(status=403, text="Open the address that `make grade` printed: it holds the token.")
        elif "token" in request.query:  # into a cookie, so that neither history nor address bar keeps it
            answer = web.Response(status=303, headers={"Location": "/"})
            answer.set_cookie(cookie, token, httponly=True, samesite="Strict")
        else:
            try:
                answer = await handler(request)
            except web.HTTPException as error:
                answer = web.Response(status=error.status, text=error.text)
        answer.headers.update(HEADERS)
        return answer

    return admit


async def choose(request: web.Request, wrong: str = "") -> web.Response:
    """Who grades?"""
    known = sorted(path.stem for path in (GRADES / request.app[SHOWN].dataset).glob("*.jsonl"))
    return rendered(request, "choose", 400 if wrong else 200, known=known, wrong=wrong)


async def ask(request: web.Request) -> web.Response:
    """What this grader has not graded yet."""
    shown = request.app[SHOWN]
    path = path_of(shown.dataset, request.query.get("as", ""))
    if path is None:
        return await choose(request, "A name has 1 to 40 letters, digits, hyphens and underscores.")
    grades = read_grades(path)
    step = next_step(shown, grades)
    more = needed(results(shown, read_graders(shown.dataset)))
    told = {"grader": path.stem, "grades": len(grades), "more": more, "half_width": shown.settings.half_width}
    return (
        rendered(request, "done", **told)
        if step is None
        else rendered(request, "ask", **told, **of(step, grades, shown))
    )


def of(step: Step, grades: list[Grade], shown: Shown) -> dict[str, Any]:
    """What the page shows of a step; `given` are the grades of the same reply by lines before."""
    about = step.key
    given = {grade.line: grade.grade for grade in grades if (*grade.key[:2], grade.key[3]) == (*about[:2], about[3])}
    turns = [turn for turn in shown.prompts[step.prompt.id].messages["plain"] if turn.role != "system"]
    replies = [shown.views[arm][step.prompt.id] for arm in step.arms]
    return {"step": step.name, "line": step.line, "turns": turns, "replies": replies, "given": given}


async def grade(request: web.Request) -> web.Response:
    form = {name: str(value) for name, value in (await request.post()).items()}
    path, step = path_of(request.app[SHOWN].dataset, form.get("as", "")), request.app[STEPS].get(form.get("step", ""))
    if path is None or step is None:
        raise web.HTTPBadRequest(text="What was graded is not shown any more: reload the page.")
    given = form.get("grade", "")
    try:
        click = step.graded(int(given) if given.isdecimal() else given, float(form.get("seconds", "0")))
    except ValueError:  # pydantic's is one
        raise web.HTTPBadRequest(text=f"Got the grade {given!r}, wanted one that the page offers.") from None
    return save(path, click)


async def undo(request: web.Request) -> web.Response:
    """Take back the last grade that stands."""
    path = path_of(request.app[SHOWN].dataset, str((await request.post()).get("as", "")))
    grades = read_grades(path) if path else []
    if path is None or not grades:
        raise web.HTTPBadRequest(text="There is nothing to take back.")
    return save(path, grades[-1].model_copy(update={"grade": None}))


def read_grades(path: Path) -> list[Grade]:
    return standing(read_clicks(path)) if path.exists() else []


def save(path: Path, click: Grade) -> web.Response:
    try:
        append(path, [click])
    except OSError as error:
        raise web.HTTPInsufficientStorage(text=f"{path}: {error.strerror}.") from None
    return web.Response(status=303, headers={"Location": str(URL("/grade").with_query({"as": path.stem}))})


async def static(request: web.Request) -> web.Response:
    name = request.match_info["name"]
    return web.Response(body=(HERE / name).read_bytes(), content_type=STATIC[name], charset="utf-8")


def rendered(request: web.Request, which: str, status: int = 200, **values: Any) -> web.Response:
    shown = request.app[SHOWN]
    text = request.app[PAGE].render(which=which, rubric=shown.rubric, show=shown.settings.show, **values)
    return web.Response(text=text, content_type="text/html", status=status)
