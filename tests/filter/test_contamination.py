"""Which train rows hold a text of the test split, by which rule, with which evidence."""

import json
import os
import random
from pathlib import Path

import polars as pl
import pytest

from stages.filter.contamination import SCHEMA, leaks
from tests.architecture.closure import ROOT

REAL = Path(os.environ.get("POTSTILL_REAL_DATA", ROOT.parent / "shared" / "data"))
needs_real = pytest.mark.skipif(
    not REAL.exists(),
    reason=f"the real data sets are not at hand in {REAL}; set POTSTILL_REAL_DATA to their parent folder",
)
QUESTION = "Tom has 3 red apples and 12.5 kg of flour; how many cakes can he bake?"
SOLUTION = "He needs 1 apple a cake and so he can bake 3 cakes with all of them"
TEST = pl.DataFrame(
    {"id": ["t0", "t1"], "question": ["Why is the sky blue?", QUESTION], "solution": ["Light scatters.", SOLUTION]}
)


def train(questions: list[str], targets: list[str] | None = None, first: int = 0) -> pl.DataFrame:
    rows = {
        "row": range(first, first + len(questions)),
        "question": questions,
        "target": targets or [""] * len(questions),
    }
    return pl.DataFrame(rows, schema={"row": pl.UInt32, "question": pl.String, "target": pl.String})


def found(
    questions: list[str],
    targets: list[str] | None = None,
    test: pl.DataFrame = TEST,
    ngram: int = 5,
    similar: float = 0.6,
) -> list[tuple[object, ...]]:
    return leaks([train(questions, targets)], test, ngram, similar).rows()


def test_the_same_words() -> None:
    assert found(["why is the SKY, blue", "Why is the sky red"], similar=0.9) == [
        (0, "exact", "question", "t0", "Why is the sky blue?")
    ]


def test_a_short_target_is_the_same_by_nature() -> None:
    assert found(["x", "y"], ["Light scatters.", SOLUTION.upper()]) == [(1, "exact", "target", "t1", SOLUTION)]


def test_the_whole_run_in_common_is_the_evidence() -> None:
    assert found(["So: red apples and 12.5 kg of flour, please"]) == [
        (0, "ngram", "question", "t1", "red apples and 12.5 kg of flour")
    ]
    assert found(["x"], ["red apples and 12.5 kg, then"]) == [(0, "ngram", "target", "t1", "red apples and 12.5 kg")]
    assert found(["x"], ["one apple a cake and so he will"]) == [(0, "ngram", "target", "t1", "apple a cake and so he")]
    assert found(["red apples and 12.5"]) == []


def test_no_run_goes_across_two_texts() -> None:
    assert found(["Light scatters. Tom has 3 red"]) == []


def test_a_few_other_words_and_the_same_numbers() -> None:
    # 13 words of 16 and 16: 13 / 19 = 0.684
    assert found(["Ann has 3 green apples and 12.5 kg of flour; how many pies can he bake?"], ngram=13) == [
        (0, "similar", "question", "t1", QUESTION)
    ]
    assert found(["Ann has 4 green apples and 12.5 kg of flour; how many pies can he bake?"], ngram=13) == []
    assert found(["Ann has 3 green apples and 125 kg of flour; how many pies can he bake?"], ngram=13) == []
    assert (
        found(["Ann has 3 green apples and 12.5 kg of flour; how many pies can he bake?"], ngram=13, similar=0.69) == []
    )


def test_the_first_rule_counts_and_the_question_before_the_target() -> None:
    assert found([QUESTION], [SOLUTION]) == [(0, "exact", "question", "t1", QUESTION)]
    assert found(["Tom has 3 red apples, or not"], [SOLUTION]) == [(0, "exact", "target", "t1", SOLUTION)]


def test_of_several_the_most_similar_and_then_the_first() -> None:
    test = pl.DataFrame(
        {"id": ["a", "b", "c", "d"], "question": ["w x y z u", "w x y z k", "w x y z k", "w x"], "solution": [""] * 4}
    )
    assert found(["w x y z k v"], test=test, ngram=13) == [(0, "similar", "question", "b", "w x y z k")]
    assert found(["k z y x w"], test=test, ngram=13) == [(0, "similar", "question", "b", "w x y z k")]
    assert found(["w x y z"], test=test, ngram=4) == [(0, "ngram", "question", "a", "w x y z")]


def test_rows_keep_their_numbers_over_chunks() -> None:
    chunks = [
        train(["other"], first=0),
        train([], first=1),
        train(["why is the sky blue", "Why is the sky blue!"], first=7),
    ]
    assert leaks(chunks, TEST, 5, 0.6)["row"].to_list() == [7, 8]


@pytest.mark.parametrize(
    "test", [TEST, TEST.clear(), TEST.head(1).with_columns(question=pl.lit(""), solution=pl.lit("?"))]
)
def test_nothing_to_find(test: pl.DataFrame) -> None:
    chunks = [train(["", "...", "quite another text"], ["", "", "4"])]
    assert leaks(chunks, test, 13, 0.6).schema == SCHEMA
    assert leaks(chunks, test, 13, 0.6).is_empty()
    assert leaks([], test, 13, 0.6).is_empty()


def gsm8k(split: str) -> list[str]:
    return [json.loads(line)["question"] for line in (REAL / f"gsm8k/{split}.jsonl").open(encoding="utf-8")]


def commonsense_qa(split: str) -> list[str]:
    asked = [json.loads(line)["question"] for line in (REAL / f"commonsense_qa/{split}.jsonl").open(encoding="utf-8")]
    return [" ".join([question["stem"], *(choice["text"] for choice in question["choices"])]) for question in asked]


def edited(text: str, other: list[str], randomly: random.Random) -> str:
    """Two words that hold no number are replaced."""
    tokens = text.split()
    for i in randomly.sample([i for i, token in enumerate(tokens) if not any(letter.isdigit() for letter in token)], 2):
        tokens[i] = randomly.choice(other)
    return " ".join(tokens)


@needs_real
@pytest.mark.parametrize(("questions", "test_split", "alarms"), [(gsm8k, "test", 4), (commonsense_qa, "dev", 30)])
def test_planted_leaks_are_all_found_among_real_questions(questions, test_split: str, alarms: int) -> None:
    randomly = random.Random(0)
    ours, theirs = questions("train"), questions(test_split)
    other = sorted({word for text in ours for word in text.split() if word.isalpha()})
    picked = randomly.sample(range(len(theirs)), 200)
    planted = [
        (theirs[i], theirs[i].upper(), edited(theirs[i], other, randomly), edited(theirs[i], other, randomly))[k % 4]
        for k, i in enumerate(picked)
    ]
    test = pl.DataFrame(
        {"id": [str(i) for i in range(len(theirs))], "question": theirs, "solution": [""] * len(theirs)}
    )
    hits = leaks([train([*ours, *planted])], test, 13, 0.6)
    assert hits.filter(pl.col("row") >= len(ours))["test_id"].to_list() == [str(i) for i in picked]
    assert hits.filter(pl.col("row") < len(ours)).height == alarms  # none is the same question
    assert hits.filter(pl.col("row") >= len(ours))["rule"].to_list()[:2] == ["exact", "exact"]


@needs_real
def test_the_hits_among_real_rows_that_the_readme_tells_of() -> None:
    """All ten of GSM8K were read: none is a leak. Templates and "there are 7 days in a week"."""
    train, test = (
        [json.loads(line) for line in (REAL / f"gsm8k/{split}.jsonl").open(encoding="utf-8")]
        for split in ("train", "test")
    )
    rows = pl.DataFrame(
        {"question": [row["question"] for row in train], "target": [row["answer"] for row in train]}
    ).with_row_index("row")
    theirs = {
        "id": [str(i) for i in range(len(test))],
        "question": [row["question"] for row in test],
        "solution": [row["answer"] for row in test],
    }
    hits = leaks([rows], pl.DataFrame(theirs), 13, 0.6)
    assert (len(rows), hits["rule"].to_list()) == (7473, ["ngram"] * 10)
    assert sorted(hits["where"]) == ["question"] * 4 + ["target"] * 6


@needs_real
def test_a_higher_threshold_takes_fewer_sibling_questions() -> None:
    ours, theirs = commonsense_qa("train"), commonsense_qa("dev")
    rows = pl.DataFrame({"question": ours, "target": ""}).with_row_index("row")
    test = pl.DataFrame({"id": [str(i) for i in range(len(theirs))], "question": theirs, "solution": ""})
    assert [len(leaks([rows], test, 13, similar)) for similar in (0.6, 0.7)] == [30, 3]
