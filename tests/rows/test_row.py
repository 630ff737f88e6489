"""The row: declared once."""

from stages.rows.prompt import Message, Prompt
from stages.rows.row import COLUMNS, STAGES, schema, score_schema, to_row
from stages.sampling.request import Reply

TURNS = [("system", "Be brief."), ("user", "1 + 1?"), ("assistant", "2"), ("user", "And é\u2028?")]
MESSAGES = [Message(role=role, content=content) for role, content in TURNS]
STEPS = [Message(role="system", content="Think."), *MESSAGES[1:]]
PROMPT = Prompt(
    id="p", task="math", reference="3", solution="", choices=[], messages={"plain": MESSAGES, "cot": STEPS}, schemas={}
)
ROW = to_row(PROMPT, "train", "org/teacher", "cot", 1, Reply("3", "stop", 9, 1, "", "", "so 3"))


def test_a_reply_becomes_the_columns_of_generate() -> None:
    assert list(ROW) == schema("generate").names()
    assert ROW["question"] == "1 + 1?\n2\nAnd é\u2028?", "the conversation, without the system's turn"
    assert ROW["instruction"] == "Be brief.\nThink."
    assert [turn["content"] for turn in ROW["messages"]] == ["Be brief.", "1 + 1?", "2", "And é\u2028?"]
    assert (ROW["source"], ROW["style"], ROW["sample"], ROW["reasoning"]) == ("org/teacher", "cot", 1, "so 3")


def test_every_stage_has_the_columns_before_it_and_its_own() -> None:
    assert {column.stage for column in COLUMNS.values()} == set(STAGES)
    assert schema("select").names() == list(COLUMNS)
    assert schema("select", ["s_judge"]).names()[-4:] == ["s_judge", "weight", "tag", "negative"]
    assert score_schema(["judge", "x"]).names() == ["id", "style", "sample", "s_judge", "s_x"]
    assert all(column.meaning for column in COLUMNS.values())
