"""Which language a text is in, by CLD2 (Compact Language Detector 2, github.com/CLD2Owners/cld2)."""

# pycld2: no types of its own
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

import polars as pl
import pycld2

NO_LETTERS = r"[^\p{L}\p{M}'’]+"
VARIABLES = r"(?:^| )(?:[A-Za-z] )+"  # the single letters of equations
FEW = 20  # characters; of fewer CLD2's certainty means little
UNKNOWN = ""
SAME = {"zh-Hant": "zh", "hr": "sr", "bs": "sr", "nn": "no", "nb": "no"}  # one language, written in two ways


def languages(texts: pl.Series) -> pl.Series:
    """A code for each text, such as "en"; UNKNOWN where CLD2 is not sure, and for nulls and short texts.

    Of 9,194 English texts (GSM8K's train solutions, DialogSum's summaries, CommonsenseQA's questions) it takes one,
    made of
    equations and names, for another language (tests/real/test_english.py).
    """
    prose = texts.fill_null("").str.replace_all(NO_LETTERS, " ").str.replace_all(VARIABLES, " ")
    enough = prose.str.len_chars() >= FEW
    found = [language(text) if is_enough else UNKNOWN for text, is_enough in zip(prose, enough, strict=True)]
    return pl.Series(texts.name, found, pl.String)


def language(prose: str) -> str:
    try:
        is_sure, _, found = pycld2.detect(prose, isPlainText=True)
    except pycld2.error:  # what is no valid text to it
        return UNKNOWN
    code = str(found[0][1])
    return SAME.get(code, code) if is_sure and code != "un" else UNKNOWN
