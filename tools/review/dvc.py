"""What DVC and git tell of two revisions. Neither cache nor remote is asked: all of it is in git."""

import json
import subprocess
from typing import Any


def dvc(*arguments: str) -> str:
    return run("dvc", *arguments)


def run(*command: str) -> str:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"review: {' '.join(command)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def leaves(diff: Any, name: str = "") -> list[tuple[str, dict[str, Any]]]:
    """(name, {"old", "new", "diff"}) of everything in a diff; DVC nests them by file and key."""
    if not isinstance(diff, dict):
        return []
    if "old" in diff or "new" in diff:
        return [(name, diff)]
    return [leaf for key, value in sorted(diff.items()) for leaf in leaves(value, key)]


def commit(revision: str) -> str:
    return run("git", "rev-parse", "--verify", f"{revision}^{{commit}}").strip()


def at(revision: str, path: str) -> dict[str, Any]:
    """A JSON file of a revision; empty where it has none."""
    if not run("git", "ls-tree", "--name-only", revision, path):
        return {}
    return json.loads(run("git", "show", f"{revision}:{path}"))
