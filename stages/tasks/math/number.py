"""Plain numbers: read from words, and brought into one form."""

import re
from decimal import Decimal, localcontext
from fractions import Fraction

# sign, digits with or without commas, decimals, exponent of up to three digits, denominator
NUMBER = re.compile(r"(?<![\w.])[-\u2212]?\s?[$€£]?\s?(\d{1,3}(?:,\d{3})+|\d+)?(\.\d+)?([eE][+-]?\d{1,3})?(?:\s?/\s?(\d+)(?!\w|\.\d))?(?!\d|[eE][+-]?\d)")
# a sum or product that was left standing, "10+John's age"
OPERATION = re.compile(r"\d\s*[+×÷]\s*\w|\w\s*[+×÷]\s*\d|\d\s*\*\s*\w")
MIXED = re.compile(r"(?<![\w./])([-\u2212]?)(\d+)\s+(\d+)/(\d+)(?![\d/])")  # 1 1/2


def parse_number(text: str) -> str | None:
    """The one number in `text` in canonical form; None where there is none, several that differ, or a sum that is left standing."""
    if OPERATION.search(text):
        return None
    values, rest = set(), text
    for match in MIXED.finditer(text):
        sign, whole, numerator, denominator = match.groups()
        if int(denominator) == 0:
            return None
        value = int(whole) + Fraction(int(numerator), int(denominator))
        values.add(-value if sign else value)
        rest = rest.replace(match[0], " ", 1)
    for match in NUMBER.finditer(rest):
        whole, decimals, exponent, denominator = match.groups()
        if whole is None and decimals is None:
            continue
        if denominator is not None and int(denominator) == 0:
            return None
        value = Fraction((whole or "0").replace(",", "") + (decimals or "") + (exponent or "")) / int(denominator or 1)
        values.add(-value if match[0][0] in "-\u2212" else value)
    return canonical(values.pop()) if len(values) == 1 else None


def canonical(value: Fraction) -> str:
    """A finite decimal as a decimal, anything else as a fraction."""
    denominator = value.denominator
    for prime in (2, 5):
        while denominator % prime == 0:
            denominator //= prime
    if denominator != 1:
        return str(value)
    # a finite decimal has at most log2(10) = 3.33 places a digit of its denominator
    with localcontext(prec=len(str(value.numerator)) + 4 * len(str(value.denominator))):
        return format(Decimal(value.numerator) / Decimal(value.denominator), "f")
