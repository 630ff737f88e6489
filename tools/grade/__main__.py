"""People grade replies on a page of this machine: `python -m tools.grade`; see `--help` for more."""

import argparse
import secrets
import socket
import webbrowser
from collections.abc import Iterator
from pathlib import Path

from aiohttp import web

from stages.rows.grades import Grade, read_graders
from tools.grade.exchange import FORMATS, bring, export
from tools.grade.files import append, mend_all, path_of
from tools.grade.server import to_app
from tools.grade.settings import load
from tools.grade.shown import Shown, read_shown
from tools.grade.summary import summarise


def main() -> None:
    asked = read_arguments()
    shown = read_shown(load())
    if asked.command == "summary":
        print("\n".join(summarise(shown)))
    elif asked.command == "export":
        grades = [] if asked.grader is None else grades_of(asked.grader, shown)
        number = export(shown, grades, asked.format, asked.path, asked.n)
        print(f"grade: {number:,} tasks written to {asked.path}")
    elif asked.command == "import":
        print("\n".join(brought(shown, asked.format, asked.path, asked.grader)))
    else:
        serve(shown, asked.port, opens=not asked.no_browser)


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tools.grade", description=__doc__)
    told = "of the page on 127.0.0.1, such as one that ssh forwards; without it any free one"
    parser.add_argument("--port", type=int, default=0, metavar="N", help=told)
    parser.add_argument("--no-browser", action="store_true", help="print the address of the page, open nothing")
    commands = parser.add_subparsers(dest="command", help="without one the page is served")
    commands.add_parser("summary", help="what the grades say, how sure, and how many more would be sure enough")
    out = commands.add_parser("export", help="write what is shown for another tool; .json, .jsonl or .csv")
    back = commands.add_parser("import", help="read what people graded in another tool")
    for command in (out, back):
        command.add_argument("format", choices=[*FORMATS], help="flat: of tables, and of Label Studio's CSV")
        command.add_argument("path", type=Path)
    out.add_argument("--grader", metavar="NAME", help="with this person's grades; without it with none")
    out.add_argument("-n", type=int, metavar="N", help="the first N tasks only")
    told = "names the file; of several people the files are NAME-1, NAME-2"
    back.add_argument("--grader", metavar="NAME", required=True, help=told)
    return parser.parse_args()


def grades_of(grader: str, shown: Shown) -> list[Grade]:
    path, known = path_of(shown.dataset, grader), read_graders(shown.dataset)
    if path is None or path.stem not in known:
        raise SystemExit(f"grade: got --grader {grader}, wanted one of: {', '.join(known) or 'none has graded yet'}")
    return known[path.stem]


def brought(shown: Shown, name: str, path: Path, grader: str) -> Iterator[str]:
    for called, grades in bring(shown, name, path, grader).items():
        kept = path_of(shown.dataset, called)
        if kept is None:
            raise SystemExit(
                f"grade: got --grader {grader}, wanted letters, digits, hyphens and underscores, at most 33"
            )
        append(kept, grades)
        yield f"grade: {len(grades):,} grades added to {kept}"


def serve(shown: Shown, port: int, *, opens: bool) -> None:
    try:
        server = socket.create_server(("127.0.0.1", port))
    except (OSError, OverflowError) as error:
        raise SystemExit(f"grade: got --port {port}: {error}, wanted a free one") from None
    mend_all(shown.dataset)
    token, port = secrets.token_urlsafe(), server.getsockname()[1]
    address = f"http://127.0.0.1:{port}/?token={token}"
    print(f"grade: {address}\nEach grade is saved in data/grades/{shown.dataset}; Ctrl-C ends the page.", flush=True)
    if opens:
        webbrowser.open(address)
    web.run_app(to_app(shown, token, port), sock=server, print=None, access_log=None)


if __name__ == "__main__":
    main()
