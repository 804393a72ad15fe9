"""Spanish or English, yes or no: the little that the server itself must understand of a message."""

import re

from chat.vocabulary import any_of, load
from healthmate.common.text import fold

LANGUAGES = ("es", "en")

_VOCABULARY = load("language")
_WORDS = {language: frozenset(_VOCABULARY["words"][language].split()) for language in LANGUAGES}
_YES = re.compile(rf"^{any_of(_VOCABULARY['answers']['yes'])}\b")
_NO = re.compile(rf"^{any_of(_VOCABULARY['answers']['no'])}\b")
_NOT_ME = re.compile(rf"\b{any_of(_VOCABULARY['answers']['not_me'])}\b")
_BUT = re.compile(rf"\b{any_of(_VOCABULARY['answers']['but'])}\b")


def detect_language(text: str, *, default: str) -> str:
    """`es` or `en`, whichever has more of its everyday words in `text`; `default` on a tie."""
    words = re.findall(r"[a-z']+", fold(text))
    scores = {language: sum(word in known for word in words) for language, known in _WORDS.items()}
    if any(mark in text for mark in "¿¡ñáéíóúü"):
        scores["es"] += 1
    best = max(LANGUAGES, key=lambda language: scores[language])
    return best if scores[best] > min(scores.values()) else default


def says_yes(text: str) -> bool:
    """Whether the message agrees, plainly and without a condition."""
    plain = _plain(text)
    return bool(_YES.match(plain)) and not _BUT.search(plain)


def says_no(text: str) -> bool:
    """Whether the message declines."""
    return bool(_NO.match(_plain(text)))


def says_not_me(text: str) -> bool:
    """Whether somebody else has taken the device and says so."""
    return bool(_NOT_ME.search(fold(text)))


def _plain(text: str) -> str:
    return re.sub(r"^[\W_]+", "", fold(text))
