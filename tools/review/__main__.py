"""Review the working tree against a git revision: `python -m tools.review main`.

Writes review/review.md, the text of one comment: changed params, which scores moved and whether beyond chance, cost,
metrics, and every plot before and after as a PNG beside it. Ends with 1 where a metric dropped that
`review.must_not_drop` names. Needs git alone: metrics and plots are in it, no DVC cache or remote is asked.
"""

import argparse
import json
from pathlib import Path
from typing import Any

from tools.review import chance, comment, plots, regressions
from tools.review.chance import Evaluated
from tools.review.comment import costs, table
from tools.review.dvc import at, commit, dvc, leaves
from tools.review.post import MARK, OUT

NOTHING: dict[str, Any] = {"arms": [], "retention": [], "break_even": []}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("revision", help="a branch, tag or commit")
    revision = parser.parse_args().revision
    base = commit(revision)
    OUT.mkdir(exist_ok=True)
    for old in OUT.glob("*.png"):
        old.unlink()
    params = leaves(json.loads(dvc("params", "diff", "--json", base)))
    metrics = leaves(json.loads(dvc("metrics", "diff", "--all", "--json", base)))
    named = regressions.load()
    regressions.check(named, dict(metrics))
    before = Evaluated(at(base, "metrics/evaluate.json") or NOTHING, at(base, "metrics/values.json"))
    after = Evaluated(read("evaluate"), read("values"))
    alpha = 1 - after.report["arms"][0]["confidence"]
    moved = chance.compare(before, after, named) if before.report["arms"] else []
    found = regressions.found(named, dict(metrics), set(chance.scores(after.report)), moved, alpha)
    was, now = ({name: row.get(side) for name, row in metrics} for side in ("old", "new"))
    changed = [comment.metric_row(name, row) for name, row in metrics if row.get("old") != row.get("new")]
    sections = [
        MARK,
        f"# Against {revision} ({base[:7]})",
        comment.verdict(named, found),
        "## Parameters",
        table(("parameter", "before", "now"), [(name, row.get("old"), row.get("new")) for name, row in params]),
        "## Scores",
        comment.scores(before.report, after.report, moved, alpha),
        "## Cost",
        table(("", "before", "now"), comment.cost_rows(costs(was, before.report), costs(now, after.report))),
        "## Plots",
        *(f"![{path.stem}]({path.name})" for path in plots.draw(base, OUT)),
        "## Metrics",
        comment.folded(f"{len(changed)} that changed", table(("metric", "before", "now", "change"), changed)),
    ]
    (OUT / "review.md").write_text("\n\n".join(sections) + "\n")
    print(OUT / "review.md")
    if found:
        raise SystemExit(f"review: regression: {'; '.join(found)}")


def read(name: str) -> dict[str, Any]:
    path = Path(f"metrics/{name}.json")
    if not path.exists():
        raise SystemExit(f"review: got no {path} in the working tree, wanted a run graph: run dvc repro")
    return json.loads(path.read_text())


if __name__ == "__main__":
    main()
