"""Have judges grade the predictions, where params ask for it: `python -m stages.grade [--dry-run]`."""

import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stages.grade.cases import Pair, Single, read_cases
from stages.grade.params import Params, load, relatives, to_judge
from stages.grade.wording import grades_in, read_verdict, score_in, shown, to_request
from stages.rows.judged import (
    ENTAILMENT,
    ENTAILMENT_COLUMNS,
    GRADE_COLUMNS,
    GRADES,
    PAIR_COLUMNS,
    PAIRS,
    write_judged,
)
from stages.rubrics.rubric import Rubric, read_rubric
from stages.sampling.process_group import die_with_parent
from stages.sampling.request import Reply, Request
from stages.sampling.runner import Ask

METRICS = Path("metrics/grade.json")
Row = dict[str, Any]


def main(dry_run: bool) -> None:
    die_with_parent()
    params = load()
    singles, pairs = read_cases(params) if params.judges or params.nli else ([], [])
    if (params.judges or params.nli) and not singles:
        raise SystemExit(f"grade: data/prompts/{params.split}.jsonl: got no questions, wanted some to judge replies to")
    how = params.grade.how
    cases = [*(singles if "rubric" in how else []), *(pairs if "pairs" in how else [])]
    grades: list[Row] = []
    compared: list[Row] = []
    told: Row = {"prompts": len({single.prompt.id for single in singles})}
    for name in params.judges:
        told[name] = judge(name, cases, params, dry_run, grades, compared)
    if not dry_run:
        write_judged(GRADES, grades, GRADE_COLUMNS)
        write_judged(PAIRS, compared, PAIR_COLUMNS)
        write_judged(ENTAILMENT, entailed(singles, params), ENTAILMENT_COLUMNS)
        METRICS.parent.mkdir(exist_ok=True)
        METRICS.write_text(json.dumps({"grade": told}, indent=2) + "\n")


def entailed(singles: list[Single], params: Params) -> list[Row]:
    """Of summaries, where the profile has a classifier."""
    if not params.nli or singles[0].prompt.task != "summarization":
        return []
    # imported here, because it is off by default, and a run without it should not wait for it
    from stages.grade.entailment import entailments

    found = entailments(singles, to_judge(params.nli))
    return [
        {"id": single.prompt.id, "arm": single.arm, "entailment": value}
        for single, value in zip(singles, found, strict=True)
    ]


def judge(
    name: str, cases: list[Single | Pair], params: Params, dry_run: bool, grades: list[Row], compared: list[Row]
) -> Row:
    """Ask one judge, add what it says to `grades` and `compared`, and tell what became of its cases and what they
    cost."""
    role, rubric = to_judge(params.judges[name]), read_rubric(cases[0].prompt.task)
    model, related = role.to_model(params.prompts.date), relatives(role, params.models)
    if related:
        print(f"grade: {name} is of the family of {', '.join(related)}, which it may favour", file=sys.stderr)

    def requests() -> Iterator[Request]:
        limits = (params.grade.max_tokens, params.structured)
        return (to_request(case, rubric, params.split, *limits) for case in cases if not settled(case))

    ask = Ask(model, params.sampling)
    if dry_run:
        ask.estimate(requests)
        return {}
    replies, counts = ask.replies(requests), Counter[str]()
    tokens, paid = [0, 0], set[int]()
    for case in cases:
        reply = None if settled(case) else next(replies)
        # arms that give the same reply share a request, which is paid for once
        if reply and (asked := hash(shown(case))) not in paid:
            paid.add(asked)
            tokens = [tokens[0] + reply.prompt_tokens, tokens[1] + reply.completion_tokens]
        said = {"judge": name, "id": case.prompt.id}
        rows = of_single(case, reply, rubric) if isinstance(case, Single) else [of_pair(case, reply, related)]
        counts[rows[0]["status"]] += 1
        (grades if isinstance(case, Single) else compared).extend(said | row for row in rows)
    cost = model.cost(*tokens)
    return {
        "model": model.name,
        "related": " ".join(related),
        **{status: counts[status] for status in ("graded", "unreadable", "unanswered", "forfeit", "identical")},
        "prompt_tokens": tokens[0],
        "completion_tokens": tokens[1],
        "cost": None if cost is None else round(cost, 6),
    }


def settled(case: Single | Pair) -> str | None:
    """Why nobody need be asked."""
    if isinstance(case, Single):
        return "forfeit" if case.reply is None else None
    if None in case.replies:
        return "forfeit"
    return "identical" if case.replies[0] == case.replies[1] else None


def of_single(case: Single, reply: Reply | None, rubric: Rubric) -> list[Row]:
    """A row for each line of the rubric; a reply that cannot be read has the lowest grade in all."""
    if reply is None:
        status, grades, reasoning = settled(case), dict.fromkeys(rubric.lines, 1), ""
    else:
        status, grades, reasoning = understood(reply, grades_in(verdict := read_verdict(reply), rubric), verdict)
    words = len((case.reply or "").split())
    return [
        {"status": status, "reasoning": reasoning, "arm": case.arm, "line": line, "words": words}
        | {"grade": None if grades is None else grades[line]}
        for line in rubric.lines
    ]


def of_pair(case: Pair, reply: Reply | None, related: list[str]) -> Row:
    """A reply that cannot be read loses to one that can."""
    first, second = case.replies
    if reply is None:
        status, reasoning = settled(case), ""
        score = 0.5 if first == second else float(second is None)
    else:
        verdict = read_verdict(reply)
        status, score, reasoning = understood(reply, score_in(verdict, case.shown_first), verdict)
    own = [arm.split()[0] in related for arm in (case.first, case.second)]
    return {
        "status": status,
        "reasoning": reasoning,
        "first": case.first,
        "second": case.second,
        "shown_first": case.shown_first,
        "score": score,
        "words_first": len((first or "").split()),
        "words_second": len((second or "").split()),
        "own": None if own[0] == own[1] else "first" if own[0] else "second",
    }


def understood(reply: Reply, found: Any, verdict: dict[str, str]) -> tuple[str, Any, str]:
    """What became of a judge's reply, what it gives, and its grounds."""
    if reply.finish_reason == "unanswered":
        return "unanswered", None, ""
    return "unreadable" if found is None else "graded", found, verdict.get("reasoning", "")


if __name__ == "__main__":
    main("--dry-run" in sys.argv[1:])
