"""What a thousand questions cost, and after how many of them a student has paid for itself."""

import math


def per_thousand(prompt_tokens: list[int], completion_tokens: list[int], prompt_price: float, completion_price: float) -> float:
    """Price of 1,000 questions; the prices are for a million tokens."""
    return 1000 * (sum(prompt_tokens) * prompt_price + sum(completion_tokens) * completion_price) / 1e6 / len(prompt_tokens)


def break_even(spent: float, teacher_per_thousand: float, student_per_thousand: float) -> int | None:
    """Questions after which asking the student, all that was spent on it included, is cheaper than asking the teacher.
    None where it never is."""
    saved = (teacher_per_thousand - student_per_thousand) / 1000
    return math.ceil(round(spent / saved, 6)) if saved > 0 else None
