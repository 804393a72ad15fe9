"""Emergencies, recognised by rules before any model is asked; works with every provider down."""

import re

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import override

from chat.vocabulary import any_of, load
from healthmate.common.text import fold

_VOCABULARY = load("red_flags")
_PATTERNS = {name: re.compile(any_of(sign["any"])) for name, sign in _VOCABULARY["signs"].items()}
_DENIED = re.compile(rf"\b(?:{_VOCABULARY['denied']['words']})\b(?:\s+(?:{_VOCABULARY['denied']['between']})\b)*\s*$")
_PAST = re.compile(rf"\b{any_of(_VOCABULARY['past']['any'])}\b")
_NOW = re.compile(rf"\b{any_of(_VOCABULARY['past']['now'])}\b")
_CLAUSE = re.compile(r"[.;!?\n]|,?\s\b(?:pero|aunque|but|however|though)\b\s")


def red_flags(text: str) -> list[str]:
    """The emergencies that `text` speaks of as present: names of signs, empty when there is none."""
    clauses = [clause for clause in _CLAUSE.split(fold(text)) if clause]
    return [sign for sign, pattern in _PATTERNS.items() if any(_speaks_of(pattern, clause) for clause in clauses)]


def emergency_answer(text: str, language: str) -> str | None:
    """What to say at once when `text` speaks of an emergency, else None."""
    signs = red_flags(text)
    if not signs:
        return None
    with override(language):
        answer = _(
            "This may be an emergency. Call {number} now, or go to the nearest emergency department. "
            "Do not wait for an answer here. If you can, do not stay alone. "
            "I am letting the clinic's staff know about your message."
        )
        if "suicide" in signs:
            answer += " " + _("You matter, and there is help right now: the people at {number} will listen to you.")
        return answer.format(number=settings.EMERGENCY_NUMBER)


def _speaks_of(pattern: re.Pattern[str], clause: str) -> bool:
    return any(
        not _DENIED.search(clause[: match.start()]) and (_NOW.search(clause) or not _PAST.search(clause))
        for match in pattern.finditer(clause)
    )
