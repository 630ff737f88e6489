"""Put review/review.md on a pull request, as one comment that every later run edits: `python -m tools.review.post 12`.

For a workflow of GitHub Actions, which sets GITHUB_API_URL, GITHUB_SERVER_URL, GITHUB_REPOSITORY and, if told to,
GITHUB_TOKEN. A comment holds no pictures, so they are pushed as a commit that no branch has (refs/review/12), and the
comment shows them from there. It runs on Python alone, so that the job that may write to the repository installs
nothing and runs nothing of the pull request.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

OUT = Path("review")
MARK = "<!-- potstill review -->"  # by which the comment is found again
LONGEST = 65_536  # characters that GitHub takes
PER_PAGE = 100
BOT = "github-actions[bot]"  # who comments with the token of a workflow


def main(number: str) -> None:
    commit = push_pictures(OUT, f"refs/review/{number}")
    address = f"{os.environ['GITHUB_SERVER_URL']}/{os.environ['GITHUB_REPOSITORY']}/raw/{commit}/"
    text = shortened(re.sub(r"\]\((?=[\w.-]+\.png\))", f"]({address}", (OUT / "review.md").read_text()))
    comments = f"issues/{number}/comments"
    mine = own_comment(comments)
    told = ask("PATCH", f"issues/comments/{mine}", {"body": text}) if mine else ask("POST", comments, {"body": text})
    print(told["html_url"])


def push_pictures(folder: Path, ref: str) -> str:
    """The commit, which has no parent: a later one takes its place."""
    blobs = [(path.name, git("hash-object", "-w", str(path))) for path in sorted(folder.glob("*.png"))]
    tree = git("mktree", stdin="".join(f"100644 blob {blob}\t{name}\n" for name, blob in blobs))
    commit = git("commit-tree", tree, "-m", "Plots of a review")
    git("push", "--quiet", "--force", "origin", f"{commit}:{ref}")
    return commit


def git(*arguments: str, stdin: str = "") -> str:
    identity = {f"GIT_{who}_{what}": "review" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    done = subprocess.run(
        ["git", *arguments], input=stdin, env=os.environ | identity, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"review: git {arguments[0]}: {done.stderr.strip()}")
    return done.stdout.strip()


def shortened(text: str) -> str:
    if len(text) <= LONGEST:
        return text
    note = "\n\nThe rest is too long for a comment; the workflow's artifact has it.\n"
    return text[: LONGEST - len(note)] + note


def own_comment(comments: str) -> int | None:
    page = 1
    while found := ask("GET", f"{comments}?per_page={PER_PAGE}&page={page}"):
        for comment in found:
            if comment["user"]["login"] == BOT and (comment["body"] or "").startswith(MARK):
                return comment["id"]
        page += 1
    return None


def ask(method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    """GitHub's answer (docs.github.com/rest/issues/comments)."""
    request = Request(
        f"{os.environ['GITHUB_API_URL']}/repos/{os.environ['GITHUB_REPOSITORY']}/{path}",
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={
            "Accept": "application/vnd.github+json",
            "Authorization": f"Bearer {os.environ['GITHUB_TOKEN']}",
            "X-GitHub-Api-Version": "2022-11-28",
        },
    )
    try:
        with urlopen(request, timeout=60) as answer:
            return json.load(answer)
    except HTTPError as error:
        raise SystemExit(f"review: GitHub: {method} {path}: {error.code} {error.read().decode()}") from None


if __name__ == "__main__":
    main(sys.argv[1])
