"""Measures of summaries and conversations against counts made by hand."""

import pytest

from stages.evaluate import conversations
from stages.evaluate.cost import break_even, per_thousand
from stages.evaluate.summaries import density, measure, ngrams_of, summarise
from stages.tasks.answers.entities import by_rule, finder, tokens


@pytest.mark.parametrize(
    ("text", "entities"),
    [
        ("Mia met Leo in Rome on Monday.", ["Mia", "Leo", "Rome", "Monday"]),
        ("They bought 12 apples for $3.50.", ["12", "$3.50"]),
        ("The Bank of England raised rates by 0.25 percent.", ["Bank of England", "0.25 percent"]),
        ("It cost 3.5 million. In Paris it rained.", ["3.5 million", "Paris"]),
        ("Dr. Anna Smith's book is old.", ["Dr. Anna Smith"]),
        ("Everybody left. Then everybody came.", []),
        ("Results were good, and the results stayed.", []),
        ("#Person1# asks #Person2# to come.", ["Person1", "Person2"]),
        ("", []),
    ],
)
def test_the_light_rule(text: str, entities: list[str]) -> None:
    assert by_rule(text) == entities


# DialogSum-like sentences, entities underlined and tokens counted by hand
@pytest.mark.parametrize(
    ("summary", "num_entities", "num_tokens"),
    [
        ("Mia met Leo in Rome on Monday.", 4, 8),  # seven words and a full stop
        ("Mia and Leo bought 12 apples for Tom in Rome on Monday.", 6, 13),
        ("A friend went on a journey and had a very good day.", 0, 13),
        ("Mr. Lee doesn't like it.", 1, 7),  # Mr. Lee does n't like it .
    ],
)
def test_entity_density_by_hand(summary: str, num_entities: int, num_tokens: int) -> None:
    assert len(tokens(summary)) == num_tokens
    assert density(summary, finder("rule", "evaluate.entities")) == pytest.approx(num_entities / num_tokens)


ARTICLE = "Mia went to Rome on Monday. There she met Leo. They bought 12 apples for Tom."
SUMMARY = "Mia met Leo in Rome and saw Berlin."


def test_measures_by_hand() -> None:
    found = measure(SUMMARY, ARTICLE, "Mia met Leo.", 10, 0.25, finder("rule", "evaluate.entities"))
    assert found["entity_density"] == pytest.approx(4 / 9)  # Mia, Leo, Rome, Berlin in eight words and a full stop
    assert found["entity_recall"] == pytest.approx(3 / 6)  # of Mia, Rome, Monday, Leo, 12, Tom
    assert found["faithfulness"] == pytest.approx(3 / 4)  # Berlin is not in the article
    assert found["length_compliance"] == 1.0  # 8 words, within 7.5 and 12.5
    assert found["compression"] == 16 / 8
    # mia met, met leo, leo in, in rome, rome and, and saw, saw berlin: of these only "met leo" is in the article
    assert found["novel_bigrams"] == pytest.approx(6 / 7)
    assert found["rouge1"] == pytest.approx(2 * (3 / 8) * 1 / (3 / 8 + 1))  # precision 3/8, recall 3/3
    assert found["rouge2"] == pytest.approx(2 * (2 / 7) * 1 / (2 / 7 + 1))


def test_length_compliance_has_two_sides() -> None:
    lengths = {
        n: measure("word " * n, ARTICLE, "", 8, 0.25, finder("rule", "evaluate.entities"))["length_compliance"]
        for n in (5, 6, 10, 11)
    }
    assert lengths == {5: 0.0, 6: 1.0, 10: 1.0, 11: 0.0}


def test_what_has_no_meaning_is_left_out() -> None:
    found = measure("nothing", "nothing at all", "", 8, 0.25, finder("rule", "evaluate.entities"))
    assert set(found) == {"entity_density", "words", "length_compliance", "compression"}
    assert summarise([{"a": 1.0}, {"a": 0.0, "b": 0.5}]) == {"a": 0.5, "b": 0.5}


def test_ngrams_are_without_case_and_punctuation() -> None:
    assert ngrams_of("Mia, met Leo.") == {("mia", "met"), ("met", "leo")}


def test_a_spacy_model_that_is_not_installed_is_one_clear_error() -> None:
    with pytest.raises(
        SystemExit, match="params.yaml: got evaluate.entities 'xx_none', wanted an installed spaCy model"
    ):
        finder("xx_none", "evaluate.entities")("text")


def test_stand_ins_of_a_conversation_by_hand() -> None:
    same = conversations.measure("You live in Rome, Mia.", "You live in Rome, Mia.")
    assert (same["chrf"], same["rougeL"], same["words"], same["refusals"], same["repetition"]) == (
        pytest.approx(1),
        1.0,
        5,
        0,
        0.0,
    )
    # a b c, b c a, c a b, a b c: three different 3-grams of four
    assert conversations.measure("a b c a b c", "x")["repetition"] == pytest.approx(1 / 4)
    # longest common subsequence "you in rome": precision 3/4, recall 3/5
    assert conversations.measure("You are in Rome", "You live in Rome Mia")["rougeL"] == pytest.approx(
        2 * 0.75 * 0.6 / 1.35
    )


def test_chrf_by_hand() -> None:
    # "ab" against "ac": one of two letters, none of one pair; longer n-grams there are none. Mean precision = mean
    # recall = (1/2 + 0) / 2
    assert conversations.measure("ab", "ac")["chrf"] == pytest.approx(0.25)


@pytest.mark.parametrize(
    ("reply", "refuses"),
    [
        ("I'm sorry, but I can't help with that.", True),
        ("I’m sorry, I don't know.", True),
        ("I cannot answer this.", True),
        ("Unfortunately, I am not able to.", True),
        ("As an AI, I have no name.", True),
        ("Your name is Mia.", False),
        ("She said she was sorry.", False),
        ("You can't go there on Mondays.", False),
    ],
)
def test_refusals(reply: str, refuses: bool) -> None:
    assert conversations.measure(reply, "x")["refusals"] == refuses


def test_cost_by_hand() -> None:
    # two questions of 100 and 300 prompt tokens, 10 and 30 completion tokens at 3 and 15 for a million: 0.0012 +
    # 0.0006, times 500
    assert per_thousand([100, 300], [10, 30], 3.0, 15.0) == pytest.approx(0.9)
    assert break_even(4.5, 1.0, 0.1) == 5000
    assert break_even(4.5, 0.1, 1.0) == "never"
    assert break_even(0.0, 1.0, 0.1) == 0
