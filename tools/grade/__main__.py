"""People grade replies on a page of this machine: `python -m tools.grade [--port N]`; see `--help` for more."""

import argparse
import secrets
import socket
import webbrowser

from aiohttp import web

from tools.grade.files import mend_all
from tools.grade.server import to_app
from tools.grade.settings import load
from tools.grade.shown import Shown, read_shown


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.grade", description=__doc__)
    told = "of the page on 127.0.0.1, such as one that ssh forwards; without it any free one"
    parser.add_argument("--port", type=int, default=0, metavar="N", help=told)
    parser.add_argument("--no-browser", action="store_true", help="print the address of the page, open nothing")
    asked = parser.parse_args()
    shown = read_shown(load())
    serve(shown, asked.port, opens=not asked.no_browser)


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
