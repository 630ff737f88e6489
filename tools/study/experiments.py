"""The experiments that DVC holds of a study: what is done."""

import re
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from tools.study.stages import Plan, git

# the subject of an experiment's commit; the key says with which parameters, code and data it was run
SUBJECT = re.compile(r"study: (?P<name>\S+) (?P<key>\w+)")


class Experiment(NamedTuple):
    revision: str
    key: str


def subject(name: str, key: str) -> str:
    return f"study: {name} {key}"


def found() -> dict[str, list[Experiment]]:
    """By name, the newest first. An experiment hangs on the commit it started from, so several can have one name."""
    listed = git("for-each-ref", "--sort=-committerdate", "--format=%(objectname) %(contents:subject)", "refs/exps")
    experiments: defaultdict[str, list[Experiment]] = defaultdict(list)
    for line in listed.splitlines():
        revision, _, said = line.partition(" ")
        if match := SUBJECT.fullmatch(said):
            experiments[match["name"]].append(Experiment(revision, match["key"]))
    return experiments


def done(plans: dict[str, Plan]) -> dict[str, str]:
    """Point -> the revision of its experiment, for the points that are done as they stand now."""
    experiments = found()
    newest = {name: current(experiments.get(name, []), plan) for name, plan in plans.items()}
    return {name: revision for name, revision in newest.items() if revision}


def current(experiments: Sequence[Experiment], plan: Plan) -> str | None:
    """The revision of the newest that was run with the parameters, code and data of the plan."""
    return next((experiment.revision for experiment in experiments if experiment.key == plan.key), None)
