"""What judges and people say, in tables: nothing where nobody was asked and the task has one measure."""

from typing import Any

from tools.table.printed import Table, percent

Estimate = dict[str, Any]
LEANINGS = (
    "judge",
    "flip with\nthe order %",
    "for the\nfirst %",
    "ties %",
    "unread-\nable %",
    "length:\npairs",
    "length:\ngrades",
)
NOT_A_JUDGE = {"line", "graders", "prompts", "people", "first", "second"}  # the other keys of a row are judges


def tables_of_opinions(report: dict[str, Any]) -> list[Table]:
    measures = list(dict.fromkeys(name for row in report["measures"] for name in row if name != "arm"))
    side_by_side = [
        (row["arm"], *(f"{row[name]:.3g}" if name in row else "" for name in measures)) for row in report["measures"]
    ]
    return [
        Table("All measures side by side", ("arm", *measures), side_by_side if len(measures) > 1 else []),
        Table("Where two measures contradict each other", *contradictions(report)),
        Table(
            "Judges: which way they lean",
            LEANINGS,
            [*map(leaning_row, report["judges"])],
        ),
        Table(
            "Pairs as judges see them",
            ("judge", "first", "against", "wins %", "at one length %"),
            [win_row(judge["judge"], row) for judge in report["judges"] for row in judge["comparisons"]],
        ),
        Table(
            "Agreement, 1 is perfect and 0 chance",
            ("line", "who", "measure", "agreement"),
            [*agreement_rows(report)],
        ),
        Table(
            "What people say, alone and with a judge",
            ("arm", "against", "graded", "people", "judge", "judge alone", "with people"),
            [row for line in (*report.get("standing", []), *report.get("pairs", [])) for row in standing_rows(line)],
        ),
        Table(
            "Ranking",
            ("by the line", "as", "sees it", "because"),
            [(row["line"], row["by"], row["arms"] or "none", row["why"]) for row in report.get("ranking", [])],
        ),
    ]  # fmt: skip


def contradictions(report: dict[str, Any]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    rows = [
        (row["first"], row["second"], change(row["up"]), change(row["down"]), shown(row))
        for row in report["contradictions"]
    ]
    rows += [
        (
            row["first"],
            row["second"],
            f"wins of {row['judge']} {spread(row['wins'], '.3g')}",
            f"at one length {spread(row['length_controlled'], '.3g')}",
            shown(row),
        )
        for row in report["vanishing_wins"]
    ]
    return ("first", "against", "up", "down", "prompts that show it"), rows


def change(row: dict[str, Any]) -> str:
    return f"{row['measure']} {spread(row, '+.3g')}"


def shown(row: dict[str, Any]) -> str:
    return " ".join(row["prompts"])


def leaning_row(judge: dict[str, Any]) -> tuple[str, ...]:
    shares = [in_percent(judge[name]) for name in ("flips", "for_first", "ties")]
    lengths = [spread(judge[name], "+.2f") for name in ("length_of_pairs", "length_of_grades")]
    return judge["judge"], *shares, percent(judge["unreadable"]), *lengths


def win_row(judge: str, row: dict[str, Any]) -> tuple[str, ...]:
    return judge, row["first"], row["second"], in_percent(row["wins"]), in_percent(row["length_controlled"])


def agreement_rows(report: dict[str, Any]) -> list[tuple[str, ...]]:
    rows = [(row["line"], "judges", "alpha", spread(row, ".2f")) for row in report["judges_agree"]]
    for row in report.get("agreement", []):
        rows.append((row["line"], f"{row['graders']} people", "alpha", spread(row["people"], ".2f")))
        for judge in sorted(set(row) - NOT_A_JUDGE):
            for measure in ("kappa", "spearman"):
                rows.append((row["line"], f"{judge} and people", measure, spread(row[judge][measure], ".2f")))
    return rows


def standing_rows(row: dict[str, Any]) -> list[tuple[str, ...]]:
    arm = row["first"], row.get("second", ""), str(row["prompts"]), spread(row["people"], ".2f")
    judges = sorted(set(row) - NOT_A_JUDGE)
    if not judges:
        return [(*arm, "", "", "")]
    return [
        (*arm, judge, spread(row[judge]["alone"], ".2f"), spread(row[judge].get("with_people", {}), ".2f"))
        for judge in judges
    ]


def in_percent(estimate: Estimate) -> str:
    of_hundred = {"value": None if estimate["value"] is None else 100 * estimate["value"]}
    if estimate["interval"] is not None:
        of_hundred["interval"] = [100 * bound for bound in estimate["interval"]]
    return spread(of_hundred, ".1f")


def spread(estimate: Estimate, form: str) -> str:
    """The value and its interval; nothing where there is none."""
    if estimate.get("value") is None:
        return ""
    low, high = estimate["interval"]
    return f"{estimate['value']:{form}} ({low:{form}} to {high:{form}})"
