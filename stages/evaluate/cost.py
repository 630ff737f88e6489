"""What a thousand questions cost, and after how many of them a student has paid for itself."""

import math
from typing import Literal


def per_thousand(
    prompt_tokens: list[int], completion_tokens: list[int], prompt_price: float | None, completion_price: float | None
) -> float | None:
    """Price of 1,000 questions; the prices are for a million tokens. None where one of them is not known."""
    if prompt_price is None or completion_price is None:
        return None
    return (
        1000
        * (sum(prompt_tokens) * prompt_price + sum(completion_tokens) * completion_price)
        / 1e6
        / len(prompt_tokens)
    )


def break_even(
    spent: float | None, teacher_per_thousand: float | None, student_per_thousand: float | None
) -> int | Literal["never", "unknown"]:
    """Questions after which asking the student, all that was spent on it included, is cheaper than asking the
    teacher."""
    if spent is None or teacher_per_thousand is None or student_per_thousand is None:
        return "unknown"
    saved = (teacher_per_thousand - student_per_thousand) / 1000
    return math.ceil(round(spent / saved, 6)) if saved > 0 else "never"
