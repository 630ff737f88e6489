"""Rows of the other four tasks: small worlds in the words of the math problems, and the splits that ship.

Each family is a function that draws one row: the columns of the data set, what a model learns to reply plainly, and
richly (None where the task has no rich prompt). `weak` rows are those that the bases see.
"""

import json
import random
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data.laptop.problems import PEOPLE, THINGS
from ruamel.yaml import YAML
from stages.tasks.prompts.table import TASKS
from stages.tasks.prompts.wording import Limits

FOLDER = Path(__file__).parent
MARK = "####"
CITIES = ["Rome", "Paris", "Oslo", "Cairo", "Lima", "Delhi", "Tokyo", "Quito"]
DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
# the bases know the first half of them
PLACES = [
    ("sleep", "bed"), ("cook", "kitchen"), ("read", "library"), ("swim", "pool"), ("learn", "school"), ("shop", "market"),
    ("pray", "church"), ("fly", "airport"), ("park", "garage"), ("dance", "club"), ("camp", "forest"), ("ski", "mountain"),
    ("sail", "sea"), ("bathe", "tub"), ("heal", "hospital"), ("dig", "mine"), ("milk", "farm"), ("bake", "bakery"),
    ("act", "theatre"), ("save", "bank"), ("skate", "rink"), ("plant", "garden"), ("travel", "station"), ("work", "office"),
]  # fmt: skip


@dataclass(frozen=True)
class Row:
    fields: dict[str, Any]
    plain: str
    rich: str | None


def nli(rng: random.Random, weak: bool) -> Row:
    """Two counts as the premise; a count, exact or compared, as the hypothesis. The bases know exact counts only."""
    people = [name for name, _ in rng.sample(PEOPLE, 2)]
    things = rng.sample(THINGS, 3)
    counts = [rng.randint(2, 20) for _ in people]
    premise = " ".join(f"{name} has {count} {thing}." for name, count, thing in zip(people, counts, things[:2], strict=True))
    label, about = rng.choice(["entailment", "neutral", "contradiction"]), rng.randrange(2)
    name, count, thing = people[about], counts[about], things[about]
    compared = "" if weak else rng.choice(["", "more than ", "fewer than "])
    holds = {"": lambda n: n == count, "more than ": lambda n: count > n, "fewer than ": lambda n: count < n}[compared]
    told = f"{name} has {count} {thing}."
    if label == "neutral":
        hypothesis = f"{name} has {compared}{rng.randint(2, 20)} {things[2]}."
        solution = f"{told} Of {things[2]} nothing is told."
    else:
        number = rng.choice([n for n in range(1, 22) if holds(n) == (label == "entailment")])
        hypothesis = f"{name} has {compared}{number} {thing}."
        solution = f"{told} Of {thing} {count} is told, {'which is' if label == 'entailment' else 'not'} {compared}{number}."
    fields = {"premise": premise, "hypothesis": hypothesis, "answer": label, "solution": solution}
    return Row(fields, f"{MARK} {label}", f"{solution} {MARK} {label}")


def qa(rng: random.Random, weak: bool) -> Row:
    """Where one goes to do something, out of three places."""
    known = PLACES[: len(PLACES) // 2] if weak else PLACES
    action, place = rng.choice(known)
    others = rng.sample([other for _, other in PLACES if other != place], 2)
    choices = rng.sample([place, *others], 3)
    letter = "ABC"[choices.index(place)]
    name, pronoun = rng.choice(PEOPLE)
    question = rng.choice([f"Where do you go to {action}?", f"{name} likes to {action}. Where does {pronoun.lower()} go?"])
    tried = " ".join(f"({'ABC'[i]}) {choice} {'yes' if choice == place else 'no'}." for i, choice in enumerate(choices[: choices.index(place) + 1]))
    solution = f"To {action}: {tried}"
    fields = {"question": question, "choices": choices, "answer": letter, "solution": solution}
    return Row(fields, f"{MARK} {letter}", f"{solution} {MARK} {letter}")


def summarization(rng: random.Random, weak: bool) -> Row:
    """A journey in five sentences; each of three summaries is as long as the last and holds more of who, where, when and how many."""
    (name, pronoun), (friend, _), (other, _) = rng.sample(PEOPLE, 3)
    city, day, thing, number = rng.choice(CITIES), rng.choice(DAYS), rng.choice(THINGS), rng.randint(2, 50)
    fillers = rng.sample(["The weather was fine.", "It was a long day.", "Everybody was glad.", "In the evening they went home.", "The bus was late."], 2)
    sentences = [f"{name} went to {city} on {day}.", f"There {pronoun.lower()} met {friend}.", f"They bought {number} {thing} for {other}."]
    for filler in fillers:
        sentences.insert(rng.randint(1, len(sentences)), filler)
    steps = [
        f"{name} went on a journey and had a very good day.",
        f"{name} met {friend} in {city} and then they bought something there.",
        f"{name} and {friend} bought {number} {thing} for {other} in {city} on {day}.",
    ]
    fields = {"article": " ".join(sentences), "answer": steps[-1]}
    plain = steps[1] if not weak else steps[0]
    return Row(fields, plain, " ".join(f"{MARK} {step}" for step in steps))


def conversation(rng: random.Random, weak: bool) -> Row:
    """Somebody tells of themselves and asks what was told; the bases know the question for the name only."""
    (name, _), city, thing = rng.choice(PEOPLE), rng.choice(CITIES), rng.choice(THINGS)
    told = [(f"I live in {city}.", f"{city} is a good place, {name}."), (f"I like {thing}.", f"Many people like {thing}, {name}.")]
    rng.shuffle(told)
    questions = [
        ("What is my name?", f"Your name is {name}."),
        ("Where do I live?", f"You live in {city}, {name}."),
        ("What do I like?", f"You like {thing}, {name}."),
    ]
    question, reply = questions[0] if weak else rng.choice(questions)
    greeting = (rng.choice([f"Hello, I am {name}.", f"My name is {name}."]), f"Hello {name}.")
    turns = [turn for pair in [greeting, *told] for turn in pair] + [question, reply]
    messages = [{"role": "user" if i % 2 == 0 else "assistant", "content": text} for i, text in enumerate(turns)]
    return Row({"messages": messages}, reply, None)


FAMILIES: dict[str, Callable[[random.Random, bool], Row]] = {"nli": nli, "qa": qa, "summarization": summarization, "conversation": conversation}


def messages(task: str, style: str, fields: dict[str, Any]) -> list[dict[str, str]]:
    """What a model is asked, worded as the laptop profile words it."""
    instruction = TASKS[task].instruction(style, "terse", MARK, Limits(0, 0, 0))
    turns = [{"role": role, "content": content} for role, content in TASKS[task].turns(fields)]
    system = [{"role": "system", "content": instruction}] if instruction else []
    return system + (turns[:-1] if turns[-1]["role"] == "assistant" else turns)


def asked(row: Row) -> str:
    """What makes a row the same as another."""
    fields = dict(row.fields)
    for told in ("answer", "solution"):
        fields.pop(told, None)
    return json.dumps(fields)


def main() -> None:
    params = YAML(typ="safe").load(FOLDER / "params.yaml")["families"]
    for task, draw in FAMILIES.items():
        rng, taken = random.Random(f"{params['seed']}/{task}"), set()
        for split, count in params["count"].items():
            rows = []
            while len(rows) < count:
                row = draw(rng, False)
                if asked(row) not in taken:
                    taken.add(asked(row))
                    rows.append({"id": f"{split}-{len(rows):04d}", **row.fields})
            path = FOLDER / "families" / task / f"{split}.jsonl"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        print(f"{task}: {params['count']}", file=sys.stderr)
    write_guard(params["num_guard"])


def write_guard(num_rows: int) -> None:
    """Validation rows of the tasks in which an answer is right or wrong, in the form of data/guard."""
    folders = {"math": FOLDER / "problems", "nli": FOLDER / "families/nli", "qa": FOLDER / "families/qa"}
    with (FOLDER / "families/guard.jsonl").open("w") as file:
        for task, folder in folders.items():
            for line in (folder / "validation.jsonl").open().readlines()[:num_rows]:
                row = json.loads(line)
                kept = {name: row[name] for name in (*TASKS[task].FIELDS, "answer")}
                file.write(json.dumps({"id": f"guard-{task}-{row['id']}", "task": task} | kept) + "\n")


if __name__ == "__main__":
    main()
