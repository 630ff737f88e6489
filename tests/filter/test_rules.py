"""Each rule about single rows gives its own reason, and what passes them becomes the right target."""

from pathlib import Path
from typing import Any

import pytest

from stages.filter.reading import position
from tests.filter.with_rules import params, with_rules

STEPS = "Mia has 12 red pens and buys 7 more, so now she has 12 + 7 = 19 pens in all."
QUESTION = "Mia has 12 red pens. She buys 7 more pens at the shop on the corner. How many pens does Mia have now?"
NLI = {"task": "nli", "reference": "neutral", "solution": ""}
QA = {
    "task": "qa",
    "reference": "B",
    "solution": "",
    "choices": ["bank", "library", "mall"],
    "question": "Where does one borrow books?",
}
SUMMARY = {
    "task": "summarization",
    "reference": "",
    "solution": "",
    "style": "cod",
    "question": "On Monday Mia met Leo in Rome. They talked about bread.",
}


@pytest.mark.parametrize(
    ("row", "reason", "detail"),
    [
        (
            {"text": "", "finish_reason": "unanswered", "error": "HTTP 400: too long"},
            "unanswered",
            "HTTP 400: too long",
        ),
        ({"text": "", "finish_reason": "content_filter"}, "content_filter", "withheld by the endpoint"),
        ({"finish_reason": "length"}, "cut_off", "64 tokens and no end"),
        ({"text": " \n"}, "empty", "no text"),
        ({"text": "I'm sorry, but I can't help with that."}, "refusal", "the reply declines to answer"),
        ({"text": "I cannot say. #### 19"}, "refusal", "the reply declines to answer"),
        (
            {
                "text": (
                    "Mia tiene doce lápices y luego compra siete más en la tienda, así que ahora tiene más. #### 19"
                ),
                "question": QUESTION,
            },
            "language",
            "the reply is in es, the question in en",
        ),
        ({"text": f"{'So we add them. ' * 12}#### 19"}, "degenerate", "89 % of its 4-grams have come before"),
        ({"text": f"{'哈' * 300} #### 19"}, "degenerate", "a word of 300 characters"),
        ({"text": f"{'ha' * 101} #### 19"}, "degenerate", "a word of 202 characters"),
        ({"text": f"{QUESTION} #### 19", "question": QUESTION}, "echo", "repeats the question (Jaccard 0.95)"),
        (
            {"text": "Think step by step. Give the answer after the sum. #### 19"},
            "leak",
            "8 or more running words of the instruction",
        ),
        ({"text": f"{STEPS} <|eot_id|> #### 19"}, "scaffolding", "holds <|eot_id|>"),
        ({"text": "12 + 7 = 19."}, "unreadable", "no answer in the format '####'"),
        ({"text": "12 + 7 = 20. #### 20"}, "wrong", "got 20, the reference is 19"),
        ({"text": "12 + 7 = 18. #### 19"}, "contradiction", "the last step gives 18, the answer is 19"),
        ({"text": "So the answer is 18. #### 19"}, "contradiction", "the reasoning says 18, the answer is 19"),
        ({"text": "#### 19"}, "no_reasoning", "an answer alone, and filter.target is reasoning"),
        (
            {"text": f"{' '.join(str(i) for i in range(301))} #### 19", "question": QUESTION},
            "overlong",
            "301 words of reasoning, asked for at most 150",
        ),
        ({"text": "Sure! #### 19"}, "no_reasoning", "an answer alone, and filter.target is reasoning"),
        (
            QA | {"text": "Among A through E, the answer is B."},
            "no_reasoning",
            "an answer alone, and filter.target is reasoning",
        ),
        (QA | {"text": "One may go there. #### A or B"}, "unreadable", "names several: A or B"),
        (QA | {"text": "One may go there. #### library or a mall"}, "unreadable", "names several: library or a mall"),
        (QA | {"text": "One may go there. #### a shop"}, "outside_labels", "got a shop, which is no label"),
        (QA | {"text": "One may go there. #### F"}, "outside_labels", "got F, which is no label"),
        (NLI | {"text": "They differ. #### perhaps"}, "outside_labels", "got perhaps, which is no label"),
        (
            NLI | {"text": "They differ. #### neutral or entailment"},
            "unreadable",
            "names several: neutral or entailment",
        ),
        (NLI | {"text": "They differ. #### not neutral"}, "unreadable", "no answer in the format '####'"),
        (SUMMARY | {"text": "#### Mia met Leo."}, "missing_steps", "1 summaries of 2"),
        (
            SUMMARY | {"text": f"#### Mia met Leo. #### Mia met Leo in Rome, as {' '.join('abcdefghijk')}."},
            "long_summary",
            "summary 2 has 17 words, asked for 10",
        ),
        (
            SUMMARY | {"text": "#### Mia met Leo in Rome. #### Mia met Leo."},
            "lost_entities",
            "summary 2 has 2 entities, the one before 3",
        ),
        (
            SUMMARY | {"text": "#### Mia met Leo. #### There Mia met Leo in Paris."},
            "unfaithful",
            "1 of 3 entities are not in the article: paris",
        ),
    ],
)
def test_each_fault_has_its_reason(row: dict[str, Any], reason: str, detail: str, tmp_path: Path) -> None:
    found = with_rules(params(tmp_path), row)
    assert found.select("reason", "detail").row(0) == (reason, detail)


@pytest.mark.parametrize(
    ("text", "thoughts", "reasoning"),
    [
        ("#### 19", "She has 12 and buys 7.\n", "She has 12 and buys 7."),
        ("12 + 7 = 19. #### 19", "She has 12 and buys 7.", "12 + 7 = 19."),  # what the reply itself says counts first
    ],
)
def test_what_a_reasoning_model_thought_is_the_reasoning_of_a_reply_without_any(
    text: str, thoughts: str, reasoning: str, tmp_path: Path
) -> None:
    found = with_rules(params(tmp_path), {"text": text, "thoughts": thoughts})
    assert found.select("reason", "reasoning", "target").row(0) == (None, reasoning, f"{reasoning} #### 19")


def test_private_data_is_a_reason_where_params_say_so(tmp_path: Path) -> None:
    row = {"text": "Write to mia@example.org, then 12 + 7 = 19. #### 19"}
    assert [
        with_rules(params(tmp_path, f"private={action}"), row)["reason"][0] for action in ("none", "report", "reject")
    ] == [None, None, "private"]
    assert with_rules(params(tmp_path, "private=reject"), row)["detail"][0] == "e-mail address mia@example.org"


CODE = "Sure:\n```python\nprint('hi')\n```\nIt prints a word."
CHAT = {
    "task": "conversation",
    "reference": "",
    "solution": "",
    "style": "plain",
    "instruction": "We are open from nine to five on every day of the week.",
}


@pytest.mark.parametrize(
    "row",
    [
        CHAT | {"question": "How do I print in Python?", "text": CODE},
        CHAT | {"question": "Give me JSON with an answer key.", "text": '{"answer": "yes"}'},
        CHAT
        | {
            "question": "Translate into French: I have counted all the apples.",
            "text": "J'ai compté toutes les pommes qui étaient sur la table.",
        },
        CHAT | {"question": "When are you open?", "text": "We are open from nine to five on every day of the week."},
        CHAT | {"question": "Hello!", "text": "Hello!"},
        CHAT | {"question": "My dog died.", "text": "I'm sorry to hear about your loss. Be kind to yourself."},
        CHAT | {"question": "What does she do?", "text": "She works there as an AI researcher."},
        CHAT | {"question": "Who wrote it?", "text": "Sorry, Wrong Number was written by Lucille Fletcher."},
        CHAT | {"question": "A zero matrix?", "text": "\n".join(["[0, 0, 0, 0, 0, 0]"] * 6)},
        CHAT | {"question": "A table?", "text": f"| a | b |\n|{'-' * 120}|{'-' * 120}|\n| one | two |"},
        NLI
        | {
            "reference": "contradiction",
            "text": "Il dit le contraire de la première phrase. #### contradiction",
            "question": "Il pleut. Il ne pleut pas du tout.",
        },
        {"text": "Let us solve it.\n#### Step 1\nWe add 12 and 7.\n#### 19"},
        {"text": "20 minutes and 30 more are 50 / 60 = 0 hours and 50 minutes. #### 19"},
        {"text": "An easy choice is 18, but that is no answer here. #### 19"},
        SUMMARY
        | {
            "question": "Mia paid 5,000 for 10 percent of it.",
            "text": "#### Mia paid. #### Officials say Mia paid 5000 for 10% of it.",
        },
    ],
)
def test_good_rows_are_kept(row: dict[str, Any], tmp_path: Path) -> None:
    assert with_rules(params(tmp_path), row).select("reason", "detail").row(0) == (None, None)


def test_the_reasoning_ends_at_the_last_mark(tmp_path: Path) -> None:
    texts = ["We go.\n#### Step 1\nWe add.\n#### 19", "12 + 7 = 19 #### 19\n#### 19"]
    assert with_rules(params(tmp_path), *({"text": text} for text in texts))["reasoning"].to_list() == [
        "We go.\n#### Step 1\nWe add.",
        "12 + 7 = 19",
    ]


@pytest.mark.parametrize(
    ("off", "row"),
    [
        ("reply.refusal=false", {"text": "I cannot say. #### 19"}),
        (
            "reply.language=false",
            {"text": "Mia tiene doce lápices y luego compra siete más en la tienda. #### 19", "question": QUESTION},
        ),
        ("reply.repetition=1.0", {"text": f"{'So we add them. ' * 12}#### 19"}),
        ("reply.word_length=0", {"text": f"They say {'ha' * 101}. #### 19"}),
        ("reply.echo=1.0", {"text": f"{QUESTION} #### 19", "question": QUESTION}),
        ("reply.leak_words=0", {"text": "Think step by step. Give the answer after the sum. #### 19"}),
        ("reply.scaffolding=false", {"text": f"{STEPS} <|eot_id|> #### 19"}),
        ("verify=none", {"text": "12 + 7 = 20. #### 20"}),
        ("answer.contradiction=false", {"text": "12 + 7 = 18. #### 19"}),
        ("target=answer", {"text": "#### 19"}),
        ("answer.overlong=0.0", {"text": f"{' '.join(str(i) for i in range(301))} #### 19", "question": QUESTION}),
        ("chain_of_density.steps=false", SUMMARY | {"text": "#### Mia met Leo."}),
        (
            "chain_of_density.length_tolerance=0.0",
            SUMMARY | {"text": f"#### Mia met Leo. #### Mia met Leo in Rome, as {' '.join('abcdefghijk')}."},
        ),
        ("chain_of_density.lost_entities=false", SUMMARY | {"text": "#### Mia met Leo in Rome. #### Mia met Leo."}),
        ("chain_of_density.faithful=0.0", SUMMARY | {"text": "#### Mia met Leo. #### There Mia met Leo in Paris."}),
    ],
)
def test_each_rule_has_a_switch(off: str, row: dict[str, Any], tmp_path: Path) -> None:
    assert with_rules(params(tmp_path), row)["reason"][0] is not None
    assert with_rules(params(tmp_path, off), row)["reason"][0] is None


@pytest.mark.parametrize(
    ("override", "completion_format", "text", "target"),
    [
        ("target=reasoning", "####", "12 + 7 = 19. #### 19", "12 + 7 = 19. #### 19"),
        ("target=reasoning", "####", "12 + 7 = 19. #### 19.0", "12 + 7 = 19. #### 19"),
        ("target=answer", "####", "12 + 7 = 19. #### 19", "#### 19"),
        ("verify=none", "####", "12 + 7 = 20. #### 20", "12 + 7 = 20. #### 20"),
        ("target=reasoning", "A:", "12 + 7 = <<12+7=19>>19\nA: $19", "12 + 7 = 19 #### 19"),
        ("target=reasoning", "json", '{"reasoning": "12 + 7 = 19.", "answer": 19}', "12 + 7 = 19. #### 19"),
    ],
)
def test_what_breaks_no_rule_becomes_the_target(
    override: str, completion_format: str, text: str, target: str, tmp_path: Path
) -> None:
    found = with_rules(params(tmp_path, override, completion_format=completion_format), {"text": text})
    assert found.select("reason", "target").row(0) == (None, target)


def test_a_good_chain_is_kept_and_its_last_summary_learnt(tmp_path: Path) -> None:
    found = with_rules(params(tmp_path), SUMMARY | {"text": "#### Mia met Leo. #### Mia met Leo in Rome."})
    assert found.select("reason", "target", "is_right").row(0) == (None, "Mia met Leo in Rome.", None)


def test_unreadable_is_not_wrong(tmp_path: Path) -> None:
    texts = ["no idea", "x #### 20", "x #### 19"]
    assert with_rules(params(tmp_path), *({"text": text} for text in texts))["is_right"].to_list() == [
        None,
        False,
        True,
    ]


def test_a_row_has_the_first_reason_in_the_order_of_the_rules(tmp_path: Path) -> None:
    row = {"text": "Sorry, I cannot, but 12 + 7 = 18. #### 20"}
    assert with_rules(params(tmp_path), row)["reason"][0] == "refusal"
    assert with_rules(params(tmp_path, "reply.refusal=false"), row)["reason"][0] == "wrong"
    assert with_rules(params(tmp_path, "reply.refusal=false", "verify=none"), row)["reason"][0] == "contradiction"


@pytest.mark.parametrize(("target", "learnt"), [("reasoning", "12 + 7 = 19. #### 19"), ("answer", "#### 19")])
def test_the_control_learns_the_data_sets_own_answer(target: str, learnt: str, tmp_path: Path) -> None:
    found = with_rules(params(tmp_path, "labels=reference", f"target={target}"), {"text": ""})
    assert found.select("reason", "target").row(0) == (None, learnt)


def test_many_rows_of_the_control_are_judged_too(tmp_path: Path) -> None:
    assert with_rules(params(tmp_path, "labels=reference"), {}, {"id": "p2"})["reason"].to_list() == [None, None], (
        "no rule about single rows is on"
    )


def test_the_control_of_a_summary_is_the_reference_itself(tmp_path: Path) -> None:
    row = SUMMARY | {"text": "", "style": "plain", "reference": "Mia met Leo."}
    assert with_rules(params(tmp_path, "labels=reference"), row)["target"][0] == "Mia met Leo."


def test_the_control_needs_a_worked_solution_for_reasoning(tmp_path: Path) -> None:
    with pytest.raises(
        SystemExit, match="p1: got no worked solution in the data set, wanted one because filter.labels is reference"
    ):
        with_rules(params(tmp_path, "labels=reference"), {"solution": ""})


def test_the_validation_split_stays_when_prompts_are_added() -> None:
    few = {str(i) for i in range(100) if position(str(i)) < 0.2}
    many = {str(i) for i in range(1000) if position(str(i)) < 0.2}
    assert few == {id for id in many if int(id) < 100}
    assert 150 < len(many) < 250
