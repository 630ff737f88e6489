"""The card of the examples: what `select` wrote, what asking cost, the teachers' terms, and how they were made."""

import json
from pathlib import Path
from typing import Any

from tools.publish.card import Source, read, render
from tools.publish.made import Made

CARD = Path("data/selected/README.md")


def card(teachers: list[Source], made: Made) -> str:
    if not CARD.exists():
        raise SystemExit(f"publish: got no {CARD}, wanted what select writes: run dvc repro, or dvc pull")
    notes = list(dict.fromkeys(teacher.terms.note for teacher in teachers if teacher.terms.note))
    return render("examples.md", card=CARD.read_text(), teachers=teachers, notes=notes, asked=asked(), made=made)


def asked() -> list[dict[str, Any]]:
    """Who was asked for these rows, how much, and what it cost; the stages that asked nobody are left out."""
    generated = read("generate")["generate"]
    sources = generated.get("sources", {"teacher": generated})
    found = [spent(f"generate: {name}", "completions", told) for name, told in sources.items()]
    columns = [json.loads(path.read_text()) for path in sorted(Path("metrics/score").glob("*.json"))]
    for told in [*columns, read("logits")]:
        for stage, numbers in told.items():
            if numbers["rows"]:
                found.append(spent(stage, "rows", numbers))
    return found


def spent(who: str, requests: str, told: dict[str, Any]) -> dict[str, Any]:
    """A stage that passes a local model over rows counts no tokens of its own, and costs no price."""
    tokens = {name: told.get(name) for name in ("prompt_tokens", "completion_tokens", "cost")}
    return {"who": who, "requests": told[requests], **tokens}
