"""How replies that decline begin: an apology or a statement of inability; or a statement of being a model, anywhere.

Without look-around, so that Python's and Rust's regular expressions both take it; case does not matter.
"""

PATTERN = (
    r"^\W*(?:(?:i['’]?m|i am) (?:very |so |really )?sorry|sorry\b|i apologi[sz]e|unfortunately, i"
    r"|i(?: really)? (?:can['’]t|cannot|can not|won['’]t|am unable|am not able))"
    r"|\bas an ai\b|\bas a (?:large )?language model\b"
)
