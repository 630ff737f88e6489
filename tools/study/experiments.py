"""The experiments that DVC holds of a study: what is done."""

import re
from collections import defaultdict
from typing import NamedTuple

from tools.study.stages import Plan, git, plan
from tools.study.study import Study, points

# the subject of an experiment's commit; the key says with which parameters, code and data it was run
SUBJECT = re.compile(r"study: (?P<name>\S+) (?P<key>\w+)")


class Experiment(NamedTuple):
    revision: str
    key: str


def subject(name: str, key: str) -> str:
    return f"study: {name} {key}"


def found() -> dict[str, list[Experiment]]:
    """By name. An experiment hangs on the commit it started from, so several can have one name."""
    listed = git("for-each-ref", "--format=%(objectname) %(contents:subject)", "refs/exps")
    experiments: defaultdict[str, list[Experiment]] = defaultdict(list)
    for line in listed.splitlines():
        revision, _, said = line.partition(" ")
        if match := SUBJECT.fullmatch(said):
            experiments[match["name"]].append(Experiment(revision, match["key"]))
    return experiments


def done(plans: dict[str, Plan]) -> dict[str, str]:
    """Point -> the revision of its experiment, for the points that are done as they stand now."""
    experiments = found()
    return {
        name: experiment.revision
        for name, plan in plans.items()
        for experiment in experiments.get(name, [])
        if experiment.key == plan.key
    }


def done_of(study: Study) -> dict[str, str]:
    return done({point.name: plan(point) for point in points(study)})
