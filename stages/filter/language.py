"""Which language a text is in, by CLD2 (Compact Language Detector 2, github.com/CLD2Owners/cld2)."""

import re

import pycld2

NO_LETTERS = re.compile(r"[^\w\s'’]|[\d_]")
UNKNOWN = ""


def language(text: str) -> str:
    """Two letters, such as "en"; UNKNOWN where CLD2 is not sure, as with single words and mere numbers.

    Of 4,721 English texts (GSM8K's solutions, DialogSum's summaries, CommonsenseQA's questions) it takes none for
    another language: `python -m benchmarks.filter --languages`.
    """
    try:
        is_sure, _, found = pycld2.detect(NO_LETTERS.sub(" ", text), isPlainText=True)
    except pycld2.error:  # control characters
        return UNKNOWN
    return found[0][1] if is_sure and found[0][1] != "un" else UNKNOWN
