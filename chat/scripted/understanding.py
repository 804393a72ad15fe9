"""What a person wants, read by rules: errands, specialties, doctors, times. Spanish and English."""

import re
from collections.abc import Iterable
from datetime import date

from chat.vocabulary import load
from healthmate.common.dates import dates_in, hours_in, part_of_day_of, span_of, without_past_dates
from healthmate.common.text import fold

BOOK, MOVE, CANCEL, LIST, REGISTER = "book", "move", "cancel", "list", "register"
HAND_OVER, SYMPTOM, SPECIALTIES = "hand_over", "symptom", "specialties"

_VOCABULARY = load("scripted")
_WISHES = [(entry["wish"], re.compile(entry["says"])) for entry in _VOCABULARY["wishes"]]
_NEW_BOOKING = re.compile(_VOCABULARY["new_booking"]["says"])
_GIVES_UP = re.compile(_VOCABULARY["gives_up"]["says"])
_POINTS_BACK = re.compile(_VOCABULARY["points_back"]["says"])
_CHILD = re.compile(_VOCABULARY["child"]["says"])
_SPECIALTIES = [
    (name, re.compile(rf"(?<![a-z0-9])(?:{words})(?![a-z0-9])")) for name, words in _VOCABULARY["specialties"].items()
]
# What no clinic of ours has named yet: "alergologia", "hematologist".
_ANY_SPECIALTY = re.compile(
    r"\b(?!tecnolog|technolog|apolog|psicolog)[a-z]{4,20}(?:olog(?:ia|[oa]|y|ist)|iatr(?:ia|a|y|ist))\b"
)
_CHOICES = _VOCABULARY["choices"]
_TAKEN_BACK = re.compile(rf"\b(?:{_CHOICES['taken_back_before']})\s*$")
_DOCTORS = _VOCABULARY["doctors"]
_OTHER_DOCTOR = re.compile(rf"\b(?:{_DOCTORS['other']})\b")
_TITLED = re.compile(
    rf"\b(?:{_DOCTORS['titles']})\b\.?\s+((?:[^\W\d_][^\W\d_'’\-]*\.?)(?:\s+[^\W\d_][^\W\d_'’\-]*){{0,3}})",
    re.IGNORECASE,
)
_WITH = re.compile(r"\b(?:con|with)\s+([^\W\d_][^\W\d_'’\-]*(?:\s+[^\W\d_][^\W\d_'’\-]*){0,2})", re.IGNORECASE)
_NOT_A_DOCTOR = frozenset(_DOCTORS["not_a_name"].split())
_PARTICLES = frozenset(["de", "del", "la", "las", "los", "van", "von", "da"])
_BIRTH = re.compile(r"\b(?:naci|nacid[oa]|nacimiento|born|birth(?:day|date)?|cumplo|cumpleanos)\b")
_QUESTION = re.compile(
    r"\?|\b(?:hay|tienes?|tienen|habra|is there|are there|do you have|"
    r"any (?:times?|slots?|appointments?|availab|thing|other)|busca\w*|look|muestra\w*|show)\b"
)


def wish_of(text: str) -> str | None:
    """What the person wants, where the message says so."""
    folded = fold(text)
    return next((wish for wish, pattern in _WISHES if pattern.search(folded)), None)


def wants_new_booking(text: str) -> bool:
    """Whether the message asks for an appointment in so many words, not merely speaks of one."""
    return bool(_NEW_BOOKING.search(fold(text)))


def gives_up(text: str) -> bool:
    """Whether the person wants nothing more of what was being arranged."""
    return bool(_GIVES_UP.search(fold(text)))


def points_back(text: str) -> bool:
    """Whether the message points to what was just spoken of ("cancel it", "muévela")."""
    return bool(_POINTS_BACK.search(fold(text)))


def speaks_of_child(text: str) -> bool:
    """Whether the message is about a child of the person's."""
    return bool(_CHILD.search(fold(text)))


def is_question(text: str) -> bool:
    """Whether the message asks for something rather than picks it."""
    return bool(_QUESTION.search(fold(text)))


def specialty_in(text: str) -> str | None:
    """The last specialty that the message names and does not take back, as the clinic is asked for it."""
    folded = fold(text)
    found = [(match.start(), match.end(), name) for name, pattern in _SPECIALTIES for match in pattern.finditer(folded)]
    if not found:
        found = [(match.start(), match.end(), match[0]) for match in _ANY_SPECIALTY.finditer(folded)]
    kept = [name for start, end, name in sorted(found) if not _is_taken_back(folded, start, end)]
    return kept[-1] if kept else None


def _is_taken_back(folded: str, start: int, end: int) -> bool:
    return bool(re.match(r"\s+no\b", folded[end : end + 5]) or _TAKEN_BACK.search(folded[max(0, start - 60) : start]))


def practitioner_in(text: str, known: Iterable[str] = ()) -> str | None:
    """The doctor whom the message names: after a title, after "with", or one of the `known` by their own name."""
    words = set(re.findall(r"[^\W\d_]+", fold(text)))
    for name in known:
        parts = [part for part in fold(name).replace(".", " ").split() if len(part) > 3]  # noqa: PLR2004 - no title
        if named := [part for part in parts if part in words and part not in _NOT_A_DOCTOR]:
            return " ".join(named)
    for found in _TITLED.finditer(text):
        if titled := _surname(found[1]):
            return titled
    for found in _WITH.finditer(text):
        other = _surname(found[1])
        if other and found[1][0].isupper() and specialty_in(found[0]) is None:
            return other
    return None


def wants_other_doctor(text: str) -> bool:
    """Whether any other doctor will do."""
    return bool(_OTHER_DOCTOR.search(fold(text)))


def bare_practitioner_in(text: str) -> str | None:
    """A name of one to three words that stands by itself, as the answer to a question for a doctor."""
    words = re.findall(r"[^\W\d_]+", text)
    is_name = 0 < len(words) <= 3 and not any(fold(word) in _NOT_A_DOCTOR for word in words)  # noqa: PLR2004
    return " ".join(words) if is_name and words == re.findall(r"\w+", text) else None


def _surname(words: str) -> str | None:
    """The words up to the first that is no name: all that begin with a capital, else only the first."""
    name: list[str] = []
    for word in words.replace(".", " ").split():
        plain = fold(word)
        if plain in _PARTICLES and name:
            name.append(word)
            continue
        if plain in _NOT_A_DOCTOR or specialty_in(plain) or (name and not word[0].isupper()):
            break
        name.append(word)
    while name and fold(name[-1]) in _PARTICLES:
        name.pop()
    return " ".join(name) or None


def time_words(text: str, today: date) -> str | None:
    """The message without its birth date, if it says when; None otherwise."""
    rest = without_past_dates(text, today)
    if _BIRTH.search(rest):
        if not any(day < today for day in dates_in(text)):
            return None  # "I was born on 14 May": the year is still to come
        rest = re.sub(r"\b(?:naci|nacid[oa]|born)\b[^;]{0,12};+", " ", rest)
    rest = " ".join(rest.replace(";", " ").split())
    says_when = span_of(rest, today) is not None or part_of_day_of(rest) is not None or hours_in(rest) is not None
    return rest if says_when else None
