"""Whether a person wrote something themselves, compared in normal form: what a model adds does not count."""

import re
import unicodedata
from datetime import date

from healthmate.common.dates import dates_in
from healthmate.common.text import fold
from patients.documents import normalize_number

_BETWEEN = r"[\W_]{0,3}"  # "30.995.750", "30 995 - 750"
_WORD = re.compile(r"[^\W_]+")


def stated_number(number: str, said: tuple[str, ...]) -> bool:
    """Whether a document number stands in what was said, whole, with any punctuation inside."""
    normal = normalize_number(number)
    if not normal:
        return False
    # Letters may stand right before figures ("cd30995750"); further figures would make another number.
    before = r"(?<!\d)(?<!\d[.'])" if normal[0].isdecimal() else r"(?<![^\W_])"
    after = r"(?!\d)(?![.']\d)" if normal[-1].isdecimal() else r"(?![^\W_])"
    pattern = re.compile(before + _BETWEEN.join(map(re.escape, normal)) + after)
    return any(pattern.search(_figures(message)) for message in said)


def stated_date(day: date, said: tuple[str, ...]) -> bool:
    """Whether a full date stands in what was said, in any written form."""
    return any(day in dates_in(message) for message in said)


def stated_words(words: str, said: tuple[str, ...]) -> bool:
    """Whether every word was said, in any order (a name)."""
    known = {word for message in said for word in _WORD.findall(fold(message))}
    return known.issuperset(_WORD.findall(fold(words)))


def stated_text(text: str, said: tuple[str, ...]) -> bool:
    """Whether the text was said as it is, capitals and accents apart (an email address)."""
    return any(fold(text) in fold(message) for message in said)


def _figures(message: str) -> str:
    """The message in capitals without accents, digits of any script as ASCII, its punctuation kept."""
    decomposed = unicodedata.normalize("NFKD", message).upper()
    digits = ((character, unicodedata.decimal(character, None)) for character in decomposed)
    return "".join(
        character if digit is None else str(digit)
        for character, digit in digits
        if not unicodedata.combining(character)
    )
