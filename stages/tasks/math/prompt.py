"""How a math problem is put to a model.

The two styles follow arXiv 2410.18588: `plain` asks for the answer alone, `cot` asks for
the reasoning first (chain-of-thought, arXiv 2201.11903). The wording is our own.
"""

import re

# (wording, answer format, style) -> instruction. An answer format other than "json" is the mark
# that stands before the answer, such as "####".
INSTRUCTIONS = {
    ("terse", "mark", "plain"): "Give the answer after {mark}.",
    ("terse", "mark", "cot"): "Think step by step. Give the answer after {mark}.",
    ("terse", "json", "plain"): 'Reply as JSON: {{"answer": ...}}.',
    ("terse", "json", "cot"): 'Think step by step. Reply as JSON: {{"reasoning": "...", "answer": ...}}.',
    ("full", "mark", "plain"): (
        "Solve the math problem. Reply with the final answer alone, as a bare number without units, on one line that begins with {mark}."
    ),
    ("full", "mark", "cot"): (
        "Solve the math problem. First reason step by step, in at most {max_words} words. Then give "
        "the final answer, as a bare number without units, on a last line that begins with {mark}."
    ),
    ("full", "json", "plain"): (
        'Solve the math problem. Reply with one JSON object and nothing else. It has one key, "answer": the final answer as a bare number without units.'
    ),
    ("full", "json", "cot"): (
        "Solve the math problem. Reply with one JSON object and nothing else. It has two keys, in this "
        'order. "reasoning": your step-by-step reasoning, in at most {max_words} words. "answer": the '
        "final answer as a bare number without units."
    ),
}


def instruction(style: str, wording: str, answer_format: str, max_words: int) -> str:
    """The instruction for one style; `max_words` bounds the reasoning where the wording names it."""
    kind = "json" if answer_format == "json" else "mark"
    return INSTRUCTIONS[wording, kind, style].format(mark=answer_format, max_words=max_words)


def reference_problem(reference: str) -> str | None:
    """What is wrong with a data set's own answer, or None."""
    if re.fullmatch(r"-?\$?[\d,]*\.?\d+(/\d+)?%?", reference.strip()):
        return None
    return f"got {reference[:60]!r}, wanted a number"
