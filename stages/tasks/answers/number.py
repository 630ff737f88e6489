"""Plain numbers: read from words, and brought into one form."""

import re
from decimal import Decimal, localcontext
from fractions import Fraction

SEPARATORS = r"\s=<>"  # GSM8K's annotations, "<<48/2=24>>24", name their number twice
WORD = re.compile(rf"[^{SEPARATORS}]*[0-9][^{SEPARATORS}]*")
AROUND = "()[]{}*_\"'“”‘’~≈.,;:!?"
# sign and currency, digits with or without commas, decimals, exponent, denominator, and a unit that holds no digit
NUMBER = re.compile(
    r"(?P<sign>[-+\u2212]?)[$€£]?(?P<minus>[-\u2212]?)(?P<digits>(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]+)?|\.[0-9]+)"
    r"(?P<exponent>[eE][+-]?[0-9]{1,3})?(?:/(?P<denominator>[0-9]+))?(?:[%$€£°]|[-/°]?[^\W\d_][^\d\s]*)?"
)
MIXED = re.compile(r"(?<![\w./,])([-\u2212]?)([0-9]+)\s+([0-9]+)/([0-9]+)(?![\w/.,])")  # 1 1/2
# a sum or product that was left standing, "10+John's age"
OPERATION = re.compile(r"[0-9]\s*[+×÷]\s*\w|\w\s*[+×÷]\s*[0-9]|[0-9]\s*\*\s*\w|[0-9]\s*x\s*[0-9]")


def parse_number(text: str) -> str | None:
    """The one number in `text` in canonical form; None where there is none, several that differ, or one that is no
    plain number."""
    if text.isascii() and text.isdigit():  # most are, and this is ten times as quick
        return str(int(text))
    if OPERATION.search(text):
        return None
    values = {mixed(*match.groups()) for match in MIXED.finditer(text)}
    rest = re.sub(r"\s*/\s*", "/", MIXED.sub(" ", text))
    rest = re.sub(r"([-\u2212$€£])\s+(?=[$€£]?\.?[0-9])", r"\1", rest)  # "- $ 7"
    for word in WORD.findall(rest):
        stripped = strip(word)
        if not re.match(r"[^\W\d]", stripped):  # digits after a letter are a part of a name, "x2"
            values.add(plain(stripped))
    return canonical(value) if len(values) == 1 and (value := values.pop()) is not None else None


def strip(word: str) -> str:
    """Without what stands around it, but with the point of ".5"."""
    inner = word.strip(AROUND)
    return f".{inner}" if inner[:1].isdigit() and word[: word.index(inner)].endswith(".") else inner


def plain(word: str) -> Fraction | None:
    match = NUMBER.fullmatch(word)
    if not match or (match["denominator"] is not None and int(match["denominator"]) == 0):
        return None
    value = Fraction(match["digits"].replace(",", "") + (match["exponent"] or "")) / int(match["denominator"] or 1)
    return -value if (match["sign"] in ("-", "\u2212")) != bool(match["minus"]) else value


def mixed(sign: str, whole: str, numerator: str, denominator: str) -> Fraction | None:
    if int(denominator) == 0:
        return None
    value = int(whole) + Fraction(int(numerator), int(denominator))
    return -value if sign else value


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
