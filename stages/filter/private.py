"""Private data in a text: e-mail addresses, phone and card numbers, keys."""

import re
from collections.abc import Iterator
from functools import cache

from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class
from detect_secrets.plugins.base import BasePlugin
from stdnum import luhn

EMAIL = re.compile(r"\b[\w.+-]+@[\w-]+(?:\.[\w-]+)+\b")
CARD = re.compile(r"(?<![\d.])[3-6](?:[ -]?\d){12,18}(?!\d|\.\d)")  # 13 to 19 digits, ISO/IEC 7812
MAYBE_PHONE = re.compile(r"\d[\d\s().-]{5,}\d")
MAYBE_KEY = re.compile(r"[\w.+/-]{16,}|PRIVATE KEY")
# what detect-secrets knows by its form; its detectors that guess by entropy, or by a word before, find keys in prose
KEYS = (
    *(
        "AWS Access Key",
        "Azure Storage Account access key",
        "Discord Bot Token",
        "GitHub Token",
        "GitLab Token",
        "JSON Web Token",
    ),
    *(
        "Mailchimp Access Key",
        "NPM tokens",
        "OpenAI Token",
        "Private Key",
        "PyPI Token",
        "SendGrid API Key",
        "Slack Token",
    ),
    *("Square OAuth Secret", "Stripe Access Key", "Telegram Bot Token", "Twilio API Key"),
)


def private_data(text: str) -> str | None:
    """What was found and where, in words; None where nothing was. Names and addresses of people are not looked for."""
    found = dict.fromkeys((*emails(text), *cards(text), *phones(text), *keys(text)))
    return "; ".join(found) or None


def emails(text: str) -> Iterator[str]:
    yield from (f"e-mail address {match}" for match in EMAIL.findall(text))


def cards(text: str) -> Iterator[str]:
    """Digits that pass the check of ISO/IEC 7812 (Luhn)."""
    for match in CARD.findall(text):
        if luhn.is_valid(re.sub(r"\D", "", match)):
            yield f"card number {match}"


def phones(text: str) -> Iterator[str]:
    """By phonenumbers (libphonenumber): numbers with a country code, and national ones as the US group them."""
    if MAYBE_PHONE.search(text):
        from phonenumbers import Leniency, PhoneNumberMatcher  # its table of countries takes a second to load

        yield from (
            f"phone number {match.raw_string}" for match in PhoneNumberMatcher(text, "US", Leniency.STRICT_GROUPING)
        )


def keys(text: str) -> Iterator[str]:
    if MAYBE_KEY.search(text):
        yield from (
            f"{detector.secret_type} {value}"
            for detector in detectors()
            for value in sorted(detector.analyze_string(text))
        )


@cache
def detectors() -> list[BasePlugin]:
    known = get_mapping_from_secret_type_to_class()
    return [known[name]() for name in KEYS]
