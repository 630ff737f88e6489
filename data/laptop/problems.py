"""Procedural arithmetic word problems of one to four steps, and the splits that ship.

A number that changes step by step: someone has things, gets some, loses some, doubles them. Every
intermediate result lies between 0 and `max_number`. The worked solution is one equation a step.
"""

import json
import random
import sys
from dataclasses import dataclass
from pathlib import Path

from ruamel.yaml import YAML

FOLDER = Path(__file__).parent

PEOPLE = [("Mia", "She"), ("Ana", "She"), ("Zoe", "She"), ("Ivy", "She"), ("Leo", "He"), ("Tom", "He"), ("Max", "He"), ("Sam", "He")]
THINGS = ["apples", "books", "coins", "pens", "cards", "shells", "stamps", "balls"]
MORE = ["{pronoun} finds {n} more.", "{pronoun} buys {n} more.", "A friend brings {n} {things}.", "{n} {things} are added."]
LESS = ["{pronoun} gives away {n}.", "{pronoun} loses {n}.", "{pronoun} sells {n} {things}.", "A friend takes {n}."]
DOUBLE = ["Then the number doubles.", "{pronoun} gets as many again."]


@dataclass(frozen=True)
class Problem:
    question: str
    solution: str
    answer: int
    num_steps: int


def apply_step(rng: random.Random, value: int, max_number: int, max_change: int) -> tuple[int, str, str]:
    """One random change that keeps the value within 0 and max_number: (new value, equation, sentence)."""
    choices = ["more"] * 4 * (value < max_number) + ["less"] * 4 * (value > 0) + ["double"] * (1 < value <= max_number // 2)
    kind = rng.choice(choices)
    if kind == "double":
        return 2 * value, f"{value} + {value} = {2 * value}.", rng.choice(DOUBLE)
    if kind == "more":
        change = rng.randint(1, min(max_change, max_number - value))
        return value + change, f"{value} + {change} = {value + change}.", rng.choice(MORE).replace("{n}", str(change))
    change = rng.randint(1, min(max_change, value))
    return value - change, f"{value} - {change} = {value - change}.", rng.choice(LESS).replace("{n}", str(change))


def story(rng: random.Random, num_steps: int, max_number: int, max_change: int) -> Problem:
    (name, pronoun), things = rng.choice(PEOPLE), rng.choice(THINGS)
    value = rng.randint(2, max_number)
    sentences, equations = [f"{name} has {value} {things}."], []
    for _ in range(num_steps):
        value, equation, sentence = apply_step(rng, value, max_number, max_change)
        equations.append(equation)
        sentences.append(sentence.format(pronoun=pronoun, things=things))
    question = " ".join([*sentences, f"How many {things} does {name} have now?"])
    return Problem(question, " ".join(equations), value, num_steps)


def drill(rng: random.Random, max_number: int, max_change: int) -> Problem:
    """A bare equation, for learning arithmetic alone."""
    value, equation, _ = apply_step(rng, rng.randint(1, max_number), max_number, max_change)
    return Problem(equation.split("=")[0] + "= ?", equation, value, 1)


def draw(rng: random.Random, count: int, taken: set[str], step_weights: list[int], max_number: int, max_change: int) -> list[Problem]:
    """`count` problems whose questions are in nobody's hands yet; their questions are added to `taken`."""
    problems: list[Problem] = []
    while len(problems) < count:
        num_steps = rng.choices(range(1, len(step_weights) + 1), step_weights)[0]
        problem = story(rng, num_steps, max_number, max_change)
        if problem.question not in taken:
            taken.add(problem.question)
            problems.append(problem)
    return problems


def main() -> None:
    params = YAML(typ="safe").load(FOLDER / "params.yaml")["problems"]
    rng, taken = random.Random(params["seed"]), set()
    for split, count in params["count"].items():
        problems = draw(rng, count, taken, params["step_weights"], params["max_number"], params["max_change"])
        rows = [
            {"id": f"{split}-{i:04d}", "question": p.question, "solution": p.solution, "answer": str(p.answer), "num_steps": p.num_steps}
            for i, p in enumerate(problems)
        ]
        path = FOLDER / "problems" / f"{split}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        print(f"{path.name}: {count} problems", file=sys.stderr)


if __name__ == "__main__":
    main()
