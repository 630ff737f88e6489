"""How what is published was made: the commit, and the digests of dvc.lock; and whether it is that."""

import hashlib
import json
import subprocess
from pathlib import Path
from typing import NamedTuple

from ruamel.yaml import YAML


class Made(NamedTuple):
    commit: str
    lock: str  # sha256 of dvc.lock
    digests: dict[str, str]  # path -> md5, as in dvc.lock
    doubts: list[str]  # why it may not be that


def read(paths: list[str]) -> Made:
    """`paths` are outputs of stages."""
    text = Path("dvc.lock").read_bytes()
    stages = YAML(typ="safe").load(text)["stages"]
    outs = {out["path"]: out["md5"] for stage in stages.values() for out in stage.get("outs", [])}
    changed = run("git", "status", "--porcelain", "--untracked-files=no").splitlines()
    stale = json.loads(run("dvc", "status", "--json"))
    doubts = [f"not committed: {', '.join(line[3:] for line in changed)}"] if changed else []
    doubts += [f"not as dvc.lock says: {', '.join(sorted(stale))}"] if stale else []
    return Made(
        run("git", "rev-parse", "HEAD").strip(),
        hashlib.sha256(text).hexdigest(),
        {path: outs[path] for path in paths if path in outs},
        doubts,
    )


def run(*command: str) -> str:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"publish: {' '.join(command)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout
