"""Review the working tree against a git revision: `python -m tools.review main`.

Writes review/review.md with the changed params, the metrics before and after, and every plot as a PNG.
Needs git alone: metrics and plots are in it, no DVC cache or remote is asked.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import vl_convert

OUT = Path("review")


def main(revision: str) -> None:
    OUT.mkdir(exist_ok=True)
    for old in OUT.glob("*.png"):
        old.unlink()
    params, metrics = (json.loads(dvc(command, "diff", "--json", revision)) for command in ("params", "metrics"))
    sections = [
        f"# Working tree against {revision}",
        "## Parameters",
        table(("parameter", revision, "now"), [(name, row["old"], row["new"]) for name, row in leaves(params, "old")]),
        "## Metrics",
        table(("metric", revision, "now", "change"), [metric_row(name, row) for name, row in leaves(metrics, "old")]),
        "## Plots",
        *(f"![{path.stem}]({path.name})" for path in draw(revision)),
    ]
    (OUT / "review.md").write_text("\n\n".join(sections) + "\n")
    print(OUT / "review.md")


def dvc(*arguments: str) -> str:
    done = subprocess.run(["dvc", *arguments], check=False, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"review: dvc {' '.join(arguments)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def leaves(diff: Any, mark: str, name: str = "") -> list[tuple[str, dict[str, Any]]]:
    """(name, {"old", "new", "diff"}) of everything that changed; DVC nests them by file and key."""
    if not isinstance(diff, dict):
        return []
    if mark in diff:
        return [(name, diff)]
    return [leaf for key, value in sorted(diff.items()) for leaf in leaves(value, mark, key)]


def metric_row(name: str, row: dict[str, Any]) -> tuple[str, Any, Any, str]:
    change = row.get("diff")
    return name, row["old"], row["new"], "" if change is None else f"{round(change, 4):+,}"


def table(head: tuple[str, ...], rows: list[tuple[Any, ...]]) -> str:
    if not rows:
        return "No change."
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join("" if cell is None else str(cell) for cell in line) + " |" for line in lines)


def draw(revision: str) -> list[Path]:
    """One PNG for each plot, both revisions in it."""
    found = json.loads(dvc("plots", "diff", "--json", revision, "workspace"))
    paths = []
    for name, renderings in sorted(found["data"].items()):
        for rendering in renderings:
            content = rendering.get("content")
            if content:
                path = OUT / f"{Path(name.split('::')[-1]).stem.replace(' ', '-')}.png"
                path.write_bytes(vl_convert.vegalite_to_png(content, scale=2))
                paths.append(path)
    return paths


if __name__ == "__main__":
    main(sys.argv[1])
