"""How replies that decline begin: inability, with or without an apology; or a statement of being a model, anywhere.

Without look-around, so that Python's and Rust's regular expressions both take it; case does not matter. An apology
alone is
none: "I'm sorry to hear that" is an answer.
"""

UNABLE = (
    r"i(?: really)? (?:can['’]t|cannot|can not|won['’]t|will not|am unable|am not able|(?:don['’]t|do not) "
    r"(?:know|feel))\b"
)
PATTERN = (
    rf"^\W*(?:{UNABLE}|unfortunately,? {UNABLE}"
    rf"|(?:(?:i['’]?m|i am) (?:very |so |really )?sorry|sorry|i apologi[sz]e)\b[^.!?\n]{{0,40}}?[,.;:]? (?:but "
    rf")?{UNABLE}"
    r"|(?:(?:i['’]?m|i am) (?:very |so |really )?sorry|sorry|i apologi[sz]e), but (?:i|as|this|that)\b)"
    r"|\bas an ai(?: language)?(?: model| assistant)?,|\bas an ai (?:language )?(?:model|assistant)\b|\bas a (?:large "
    r")?language model\b"
)
