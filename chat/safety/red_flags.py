"""Emergencies, recognised by rules before any model is asked; works with every provider down."""

import re
from typing import NamedTuple

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import override

from chat.safety.signs import any_word, clauses, rows
from chat.vocabulary import load

SUICIDE = "suicide"
WORDS_AROUND = 6  # so near to an illness stands what makes it history, or a service

_VOCABULARY = load("red_flags")
_SETS: dict[str, str] = _VOCABULARY["sets"]
_TALK = _VOCABULARY["talk"]


class _Sign(NamedTuple):
    says: re.Pattern[str]
    symptoms: re.Pattern[str] | None
    names: re.Pattern[str] | None


def _sign(lines: dict[str, list[str]]) -> _Sign:
    symptoms, names = (rows(lines[key], _SETS) if key in lines else None for key in ("symptoms", "names"))
    return _Sign(rows(lines["says"], _SETS), symptoms, names)


_SIGNS = {name: _sign(lines) for name, lines in _VOCABULARY["signs"].items()}
_DENIAL = any_word(_TALK["denied"])
_BETWEEN = frozenset(_TALK["between"].split("|"))
_PAST = rows(_TALK["past"], {})
_HISTORY, _SERVICE = any_word(_TALK["history"]), any_word(_TALK["service"])
_PRESENT, _PRESENT_TENSE = any_word(_TALK["present"]), any_word(_TALK["present_tense"])


def red_flags(text: str) -> list[str]:
    """The emergencies that `text` speaks of as present: names of signs, empty when there is none."""
    found = clauses(text, _VOCABULARY["spelling"])
    return [name for name, sign in _SIGNS.items() if any(_speaks_of(name, sign, clause) for clause in found)]


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
        if SUICIDE in signs:
            answer += " " + _("You matter, and there is help right now: the people at {number} will listen to you.")
        return answer.format(number=settings.EMERGENCY_NUMBER)


def _speaks_of(name: str, sign: _Sign, clause: str) -> bool:
    past = name != SUICIDE and bool(_PAST.search(clause)) and not _PRESENT.search(clause)
    if not (past and not _PRESENT_TENSE.search(clause)) and any(
        not _is_denied(clause, match) for match in sign.says.finditer(clause)
    ):
        return True
    return not past and (
        any(_counts(clause, match, _SERVICE) for match in _all(sign.symptoms, clause))
        or any(_counts(clause, match, _SERVICE, _HISTORY) for match in _all(sign.names, clause))
    )


def _all(pattern: re.Pattern[str] | None, clause: str) -> list[re.Match[str]]:
    return list(pattern.finditer(clause)) if pattern else []


def _counts(clause: str, match: re.Match[str], *taken_back_by: re.Pattern[str]) -> bool:
    """Whether what is only named is meant as present."""
    if _is_denied(clause, match):
        return False
    before, after = clause[: match.start()].split(" ")[-WORDS_AROUND:], clause[match.end() :].split(" ")[:WORDS_AROUND]
    around = f" {' '.join(before)}{match[0]} {' '.join(after)} "
    return bool(_PRESENT.search(clause)) or not any(words.search(around) for words in taken_back_by)


def _is_denied(clause: str, match: re.Match[str]) -> bool:
    """Whether a denial stands right before; signs that begin with one ("no respira") stand for themselves."""
    if _DENIAL.match(match[0] + " "):
        return False
    for word in reversed(clause[: match.start()].split()):
        if _DENIAL.match(f" {word} "):
            return True
        if word not in _BETWEEN:
            return False
    return False
