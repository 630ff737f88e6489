"""Completions with planted faults: what the filter should find in them stands in each row's id, as "wrong-0000012".

A tenth of the rows are faulty, as many of each kind. The rest is clean: word problems with their steps, pairs of
sentences with a label, articles with a chain of two summaries.
"""

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple

import polars as pl

from stages.rows.parquet import read_rows, write_rows, writing
from stages.rows.prompt import Message, Prompt, write_prompts
from stages.rows.row import KEY, schema, score_schema, to_row
from stages.sampling.request import Reply

WORDS = """
names Mia Leo Ana Tom Zoe Ivy Sam Eva Max Ida Ben Lea Jon Amy Roy Kim Dan Sue Ray May Gus Peg Hal Fay Ned Una Art Bea Cal Dot
adjectives red blue old new small large round heavy light clean dusty shiny broken painted wooden striped cheap rare sweet plain warm cold
nouns apple pen book card shell coin stamp marble ribbon button candle basket lemon pencil ticket bottle brush spoon puzzle kite drum lamp
places market school library garden station harbour museum bakery village castle forest river beach office stadium theatre hospital farm
verbs sees counts carries cleans paints borrows finds brings sorts wraps packs hides shows weighs lends returns checks stores
which the one every some another her his
where at behind near before inside outside
syllables ba be bo da de do fa fe fo ga ge go ka ke ko la le lo ma me mo na ne no pa pe po ra re ro sa se so ta te to va ve vo
cities Rome Oslo Lima Cairo Paris Delhi Quito Dakar Seoul Tunis Hanoi Turin Basel Porto Kyoto Izmir Gdansk Malmo
"""
NAMES, ADJECTIVES, NOUNS, PLACES, VERBS, WHICH, WHERE, SYLLABLES, CITIES = (
    line.split()[1:] for line in WORDS.strip().splitlines()
)
REFUSALS = (
    "I'm sorry, but I can't help with that.",
    "I cannot answer this question.",
    "As an AI language model, I have no pens.",
    "Sorry, but I am not able to.",
)
FOREIGN = (
    "Primero contamos las cosas que tenía al principio y después sumamos las que recibió en el mercado, así que ahora "
    "tiene más que antes.",
    "Zuerst zählen wir die Dinge, die sie am Anfang hatte, und dann kommen die dazu, die sie auf dem Markt bekommen "
    "hat.",
    "D'abord nous comptons les choses qu'elle avait au début, puis nous ajoutons celles qu'elle a reçues au marché "
    "hier soir.",
    "Eerst tellen we de dingen die ze in het begin had, en daarna komen de dingen erbij die ze op de markt heeft "
    "gekregen.",
)
PRIVATE = (
    "write to {n}.k@example.org",
    "call +44 20 7946 0{m:03}",
    "the card is 4111 1111 1111 1111",
    "the key is AKIAIOSFODNN7EXAMPLE",
)
SYSTEM = (
    "Solve the math problem. First reason step by step, in at most 150 words. Then give the final answer on a last "
    "line that begins with ####."
)
LABELS = ("entailment", "neutral", "contradiction")


class Row(NamedTuple):
    task: str
    question: str
    reference: str
    solution: str
    text: str


def sentences(draw: random.Random, count: int) -> str:
    """Each of somebody else, so that there are rare words in it, as in real texts."""
    return " ".join(
        f"{draw.choice(NAMES)} {''.join(draw.choices(SYLLABLES, k=4)).title()}{sentence(draw)}" for _ in range(count)
    )


def sentence(draw: random.Random) -> str:
    parts = (("",), VERBS, WHICH, ADJECTIVES, NOUNS, WHERE, ("the",), ADJECTIVES, PLACES)
    return " ".join(draw.choice(some) for some in parts) + "."


def problem(draw: random.Random) -> Row:
    name, noun, a, b, c = (
        draw.choice(NAMES),
        draw.choice(NOUNS),
        draw.randint(2, 99),
        draw.randint(2, 99),
        draw.randint(2, 99),
    )
    question = (
        f"{sentences(draw, 2)} {name} has {a} {noun}s. {sentences(draw, 1)} Then {name} buys {b} more at the "
        f"{draw.choice(PLACES)}. {sentences(draw, 1)} "
        f"Another {c} come from {draw.choice(CITIES)}. How many {noun}s does {name} own?"
    )
    first = f"{name} starts with {a} {noun}s. {sentences(draw, 1)} Bought are {b}, so {a} + {b} = {a + b}."
    steps = f"{first}\n{sentences(draw, 1)} In all {a + b} + {c} = {a + b + c}."
    return Row("math", question, str(a + b + c), steps, f"{steps}\n#### {a + b + c}")


def pair(draw: random.Random) -> Row:
    label, premise = draw.choice(LABELS), sentences(draw, 5)
    reason = (
        f"The first part tells that {sentences(draw, 2)} The second part tells something about this, so both have "
        f"to be weighed."
    )
    return Row("nli", f"{premise} Does it follow that {sentences(draw, 1)}", label, "", f"{reason}\n#### {label}")


def summary(draw: random.Random) -> Row:
    people, cities = draw.sample(NAMES, 3), draw.sample(CITIES, 3)
    article = (
        f"{sentences(draw, 4)} On that day {people[0]} met {people[1]} in {cities[0]}. Later {people[2]} came from "
        f"{cities[1]} to {cities[2]}."
    )
    first = f"Some people met and others came, as is told of {people[0]} and {people[1]}."
    return Row(
        "summarization",
        article,
        "",
        "",
        f"#### {first} #### {people[0]} met {people[1]} in {cities[0]}; {people[2]} came to {cities[2]}.",
    )


def changed(text: str, draw: random.Random, count: int) -> str:
    """The text with some words replaced that are no numbers and end no sentence."""
    words = text.split()
    for at in draw.sample([i for i, word in enumerate(words) if word.isalpha()], count):
        words[at] = draw.choice([noun for noun in NOUNS if noun != words[at]])
    return " ".join(words)


def with_reply(
    make: Callable[[random.Random], Row], reply: Callable[[Row, random.Random], str]
) -> Callable[[random.Random], Row]:
    def faulty(draw: random.Random) -> Row:
        row = make(draw)
        return row._replace(text=reply(row, draw))

    return faulty


def math(reasoning: Callable[[Row, random.Random], str]) -> Callable[[random.Random], Row]:
    """A word problem with this reasoning and its right answer."""
    return with_reply(problem, lambda row, draw: f"{reasoning(row, draw)}\n#### {row.reference}")


def off_by(row: Row, draw: random.Random) -> str:
    return str(int(row.reference) + draw.choice([-2, -1, 1, 2]))


# kind -> how such a row is made; those in FINISH are marked beside the text, those in COPIES are made of other rows
FAULTS: dict[str, Callable[[random.Random], Row]] = {
    "unanswered": with_reply(problem, lambda row, draw: ""),
    "content_filter": with_reply(problem, lambda row, draw: ""),
    "cut_off": with_reply(problem, lambda row, draw: row.text[: len(row.text) // 2]),
    "empty": with_reply(problem, lambda row, draw: draw.choice(["", " ", "\n\n"])),
    "refusal": with_reply(problem, lambda row, draw: draw.choice(REFUSALS)),
    "language": math(lambda row, draw: draw.choice(FOREIGN)),
    "degenerate": math(
        lambda row, draw: row.solution + f" Then we look at the {draw.choice(NOUNS)} again." * draw.randint(12, 25)
    ),
    "echo": math(lambda row, draw: row.question),
    "leak": math(lambda row, draw: f"{row.solution} First reason step by step, in at most 150 words."),
    "scaffolding": math(lambda row, draw: f"{row.solution} {draw.choice(['<|eot_id|>', '```json', '[/INST]'])}"),
    "outside_labels": with_reply(
        pair, lambda row, draw: f"{row.text.split('####')[0]}#### {draw.choice(['perhaps', 'related', 'maybe so'])}"
    ),
    "unreadable": with_reply(problem, lambda row, draw: row.solution),
    "wrong": with_reply(problem, lambda row, draw: f"{row.solution.rsplit('=', 1)[0]}\n#### {off_by(row, draw)}"),
    "contradiction": math(lambda row, draw: row.solution.replace(f"= {row.reference}", f"= {off_by(row, draw)}")),
    "no_reasoning": math(lambda row, draw: ""),
    "overlong": math(lambda row, draw: f"{sentences(draw, 40)} {row.solution}"),
    "missing_steps": with_reply(summary, lambda row, draw: f"####{row.text.rsplit('####', 1)[1]}"),
    "long_summary": with_reply(
        summary, lambda row, draw: f"{row.text} They had {' and '.join(draw.sample(NOUNS, 14))}."
    ),
    "lost_entities": with_reply(
        summary, lambda row, draw: " ".join(f"####{part}" for part in reversed(row.text.split("####")[1:]))
    ),
    "unfaithful": with_reply(summary, lambda row, draw: f"{row.text.rstrip('.')} with Barnabas."),
    "private": math(
        lambda row, draw: (
            f"{draw.choice(PRIVATE).format(n=draw.choice(NAMES).lower(), m=draw.randint(0, 999))}. {row.solution}"
        )
    ),
    "judged_low": problem,
}
COPIES = ("duplicate", "near_duplicate", "contaminated")
KINDS = (*FAULTS, *COPIES)
FINISH: dict[str, Literal["unanswered", "content_filter", "length"]] = {
    "unanswered": "unanswered",
    "content_filter": "content_filter",
    "cut_off": "length",
}


def copy(kind: str, clean: Row, test: Row, draw: random.Random) -> Row:
    if kind == "duplicate":
        return clean._replace(question=clean.question.upper().replace(".", " ."), text=clean.text.replace(". ", ".  "))
    if kind == "near_duplicate":
        return clean._replace(question=changed(clean.question, draw, 2))
    return test._replace(question=draw.choice([test.question, test.question.upper(), changed(test.question, draw, 2)]))


def rows(count: int, test: list[Row], draw: random.Random) -> Iterator[tuple[str, Row]]:
    """(kind, row); a copy is of the last clean word problem, or of a test row."""
    clean = problem(draw)
    for i in range(count):
        kind = KINDS[i // 10 % len(KINDS)] if i % 10 == 9 else "clean"
        if kind in FAULTS:
            yield kind, FAULTS[kind](draw)
        elif kind in COPIES:
            yield kind, copy(kind, clean, test[i // 10 // len(KINDS)], draw)
        else:
            row = draw.choices((problem, pair, summary), (8, 1, 1))[0](draw)
            clean = row if row.task == "math" else clean
            yield kind, row


def write(folder: Path, count: int, seed: int) -> None:
    """data/prompts/test.jsonl and data/completions, as the stages before the filter write them."""
    draw = random.Random(seed)
    test = [problem(draw) for _ in range(max(1_319, count // 200))]
    write_prompts(folder / "data/prompts/test.jsonl", (prompt(f"test-{i}", row) for i, row in enumerate(test)))
    planted = (replied(f"{kind}-{i:07}", kind, row) for i, (kind, row) in enumerate(rows(count, test, draw)))
    write_rows(folder / "data/completions/completions.parquet", planted, schema("generate"))


def write_scores(folder: Path) -> None:
    """data/scores as `score` writes it: of the rows that pass the filter, those that are to be judged low get a 1,
    others a 4. The other columns are off."""
    passed = read_rows(folder / "data/filtered/rows.parquet", (*KEY, "reason")).filter(pl.col("reason").is_null())
    low = pl.col("id").str.starts_with("judged_low")
    with writing(folder / "data/scores/judge.parquet", score_schema(["judge"])) as write:
        write(passed.with_columns(s_judge=pl.when(low).then(1.0).otherwise(4.0)))


def replied(id: str, kind: str, row: Row) -> dict[str, Any]:
    style, error = "cod" if row.task == "summarization" else "cot", "HTTP 400: no" if kind == "unanswered" else ""
    reply = Reply(row.text, FINISH.get(kind, "stop"), 100, len(row.text.split()), error, "")
    return to_row(prompt(id, row), "train", "planted", style, 0, reply)


def prompt(id: str, row: Row) -> Prompt:
    user = Message(role="user", content=row.question)
    styles = {style: [Message(role="system", content=SYSTEM), user] for style in ("cot", "cod")}
    messages = {"plain": [Message(role="system", content="Give the answer after ####."), user]} | styles
    return Prompt(
        id=id, task=row.task, reference=row.reference, solution=row.solution, choices=[], messages=messages, schemas={}
    )
