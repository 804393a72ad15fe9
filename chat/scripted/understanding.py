"""What a person means, read by rules: documents, names, wishes, choices. Spanish and English."""

import re
from collections.abc import Sequence
from datetime import date
from typing import Any

from chat.vocabulary import load
from healthmate.common.dates import dates_in, part_of_day_of, span_of
from healthmate.common.text import fold

BOOK, MOVE, CANCEL, LIST, REGISTER = "book", "move", "cancel", "list", "register"
HAND_OVER, HOURS, GREETING, THANKS = "hand_over", "hours", "greeting", "thanks"

_VOCABULARY = load("scripted")
_WISHES = [(entry["wish"], re.compile(entry["says"])) for entry in _VOCABULARY["wishes"]]
_TYPES: dict[str, str] = _VOCABULARY["document_types"]
# A few words may stand between a kind of document and its number. Each is taken whole and never given back,
# so the time is linear in the message.
_FILLER = (
    r"(?>\s*+(?:[:#,\-]|(?:numero|number|nro|num|n[o°])(?![a-z])\.?|"
    r"(?:documento|document|card|del?|es|is|el|mi|my|id)(?![a-z]))){0,8}+\s*+"
)
_NUMBER = r"([a-z]{0,3}-?\d[\d.\- ]{1,24}\d|[a-z]{1,3}\d{4,20})"
_TYPED = [
    (code, re.compile(rf"(?<![a-z0-9])(?:{words})(?![a-z0-9]){_FILLER}{_NUMBER}"))
    for code, words in sorted(_TYPES.items(), key=lambda item: item[0] in {"CC", "TI"})
]
_TYPE_ALONE = [(code, re.compile(rf"(?<![a-z0-9])(?:{words})(?![a-z0-9])")) for code, words in _TYPES.items()]
_UNTYPED = re.compile(rf"\b(?:documento|identificacion|document|id|identification)(?![a-z0-9]){_FILLER}{_NUMBER}")
_NAME = re.compile(
    r"(?:me llamo|mi nombre(?: completo)? es|my (?:full )?name is|i am called|(?:^|[.,;]\s*)(?:soy|i am|i'm))\s+"
    r"([^\W\d_][\w'’\-]*(?:\s+(?:de|del|la|los|van|von|[^\W\d_][\w'’\-]*)){0,5})",
    re.IGNORECASE,
)
_NOT_A_NAME = frozenset(_VOCABULARY["names"]["not_a_name"].split())
_PLACES: list[str] = _VOCABULARY["choices"]["places"]
_SPECIALTY = re.compile(_VOCABULARY["specialties"]["says"])
OPENING_HOUR = 8


def wish_of(text: str) -> str | None:
    """What the person wants, where the message says so."""
    folded = fold(text)
    return next((wish for wish, pattern in _WISHES if pattern.search(folded)), None)


def document_in(text: str) -> tuple[str | None, str] | None:
    """The document's type code (None when it is not said) and its number as written, if there is one."""
    folded = fold(text)
    for day in set(re.findall(r"\b\d{1,4}[/.\-]\d{1,2}[/.\-]\d{1,4}\b", folded)):
        if dates_in(day):
            folded = folded.replace(day, " , ")
    for code, pattern in _TYPED:
        if found := pattern.search(folded):
            return code, found[1].strip(" .-").upper()
    if found := _UNTYPED.search(folded) or re.search(r"(?<![\w/])(\d(?:[. ]?\d){5,14})(?![\w/])", folded):
        return None, found[1].strip(" .-").upper()
    return None


def document_type_in(text: str) -> str | None:
    """The document's type where it is named without a number."""
    folded = fold(text)
    return next((code for code, pattern in _TYPE_ALONE if pattern.search(folded)), None)


def birth_date_in(text: str, today: date) -> date | None:
    """The one past date that the message can mean; Spanish order, day first, when both orders fit."""
    past = sorted(day for day in dates_in(text) if day < today)
    if len(past) > 1 and (found := re.search(r"\b(\d{1,2})[/.\-](\d{1,2})[/.\-]\d{2,4}\b", text)):
        past = [day for day in past if (day.day, day.month) == (int(found[1]), int(found[2]))] or past
    return past[0] if past else None


def name_in(text: str) -> str | None:
    """The name a person gives."""
    for found in _NAME.finditer(text):
        words = []
        for word in found[1].split():
            if fold(word) in _NOT_A_NAME:
                break
            words.append(word)
        if words and fold(words[0]) not in {"de", "del"} and (len(words) > 1 or words[0][0].isupper()):
            return " ".join(words)
    return None


def specialty_in(text: str) -> str | None:
    """The specialty as the person calls it."""
    found = _SPECIALTY.search(fold(text))
    return found[1] if found else None


def speaks_of_time(text: str, today: date) -> bool:
    """Whether the message says when."""
    if any(day < today for day in dates_in(text)):
        return False  # a birth date
    return span_of(text, today) is not None or part_of_day_of(text) is not None


def chosen(text: str, options: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """The option that the message picks by its place, its time, its day or its practitioner."""
    folded = fold(text)
    place = _place(re.sub(r"\b(?:a las?|at) \w+", "", folded), len(options))
    if place is not None:
        return options[place]
    left = [option for option in options if _fits(option, folded)]
    return left[0] if len(left) == 1 else None


def _place(folded: str, count: int) -> int | None:
    for index, words in enumerate(_PLACES[:count]):
        if re.search(rf"\b(?:{words})\b", folded):
            return index
    if re.search(rf"\b(?:{_VOCABULARY['choices']['last']})\b", folded):
        return count - 1
    numbers = re.findall(r"(?<![\d:.])\b([1-9])\b(?![:.]?\d)", folded)
    return int(numbers[0]) - 1 if len(numbers) == 1 and int(numbers[0]) <= count else None


def names_hour(text: str) -> bool:
    """Whether the message names an hour of the day."""
    return _hour_in(fold(text)) is not None


def _hour_in(folded: str) -> re.Match[str] | None:
    time = re.search(r"\b(\d{1,2})(?::(\d\d))?\s*(am|a\.m|pm|p\.m)?\b", folded)
    if time and (time[2] or time[3] or re.search(rf"\b(?:a las?|at) {time[1]}\b", folded)):
        return time
    return None


def _fits(option: dict[str, Any], folded: str) -> bool:
    """Whether everything that the message says of a time, a day or a name is true of the option."""
    label = fold(str(option.get("label") or ""))
    starts = str(option.get("starts_at") or "")
    signs = []
    if time := _hour_in(folded):
        signs.append(_is_at(starts, int(time[1]), int(time[2] or 0), time[3] or ""))
    signs += [
        day in label for day in re.findall(r"\b(?:lunes|martes|miercoles|jueves|viernes|sabado|\w+day)\b", folded)
    ]
    signs += [word in folded for word in fold(str(option.get("practitioner") or "")).split()[-1:] if word in folded]
    return bool(signs) and all(signs)


def _is_at(starts_at: str, hour: int, minute: int, half: str) -> bool:
    found = re.search(r"T(\d\d):(\d\d)", starts_at)
    if not found or int(found[2]) != minute:
        return False
    real = int(found[1])
    if half:
        return real == hour % 12 + (12 if half.startswith("p") else 0)
    return real == hour or (hour < OPENING_HOUR and real == hour + 12)  # "a las 3" is never before opening
