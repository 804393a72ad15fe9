"""Who somebody says they are, read by rules: documents, birth dates, names, ways to reach them."""

import re
from datetime import date

from chat.vocabulary import load
from healthmate.common.dates import dates_in, without_past_dates
from healthmate.common.text import fold

_VOCABULARY = load("scripted")
_LONG: dict[str, str] = _VOCABULARY["document_types"]["long"]
_SHORT: dict[str, str] = _VOCABULARY["document_types"]["short"]
_NUMBERED: dict[str, str] = _VOCABULARY["document_types"]["numbers"]
_NOT_A_NAME = frozenset(_VOCABULARY["names"]["not_a_name"].split())

# A few words may stand between a kind of document and its number. Each is taken whole and never given back,
# so the time is linear in the message.
_FILLER = (
    r"(?>\s*+(?:[:#,\-]|(?:numero|number|nro|num|n[o°])(?![a-z])\.?|"
    r"(?:documento|document|card|del?|es|is|el|mi|my|id)(?![a-z]))){0,8}+\s*+"
)
_NUMBER = r"([a-z]{0,3}-?\d[\d.'\- ]{1,24}\d|[a-z]{1,3}\d{4,20})"
_TYPED = [
    (code, re.compile(rf"(?<![a-z0-9])(?:{_LONG[code]}|{_SHORT[code]})(?![a-z]){_FILLER}{_NUMBER}")) for code in _LONG
]
_NAMED = [(code, re.compile(rf"(?<![a-z0-9])(?:{words})(?![a-z0-9])")) for code, words in _LONG.items()]
_ABBREVIATED = [(code, re.compile(rf"(?<![a-z0-9])(?:{words})(?![a-z0-9])")) for code, words in _SHORT.items()]
_DENIED = re.compile(r"\b(?:no (?:es|era|tengo|fue)|not|en vez de|instead of)(?: (?:una?|mi|la|el|a|my|the))?\s*$")
# Elsewhere "ti" is a pronoun and "mr" a title, unless they stand in capitals.
_CORRECTION = re.compile(
    r"(?:(?:quise|queria|decir|era|es|tipo|type|perdon|sorry|i|meant|it's|it|is|was|un|una|a|mi|my|el|la|the|no|sino|de|"
    r"documento|document|digo|mejor|con)\W+)*+[a-z.]{2,5}\W*"
)
_UNTYPED = re.compile(rf"\b(?:documento|identificacion|document|id|identification)(?![a-z0-9]){_FILLER}{_NUMBER}")
_BARE_NUMBER = re.compile(r"(?<![\w/+])(\d(?:[. ']?\d){5,14})(?![\w/])")
_TYPE_NUMBER = re.compile(r"\W*(?:(?:el|la|opcion|tipo|numero|number|option|type|the)\s+)*(10|[1-9])\W*")
_NAME = re.compile(
    r"(?:me llamo|mi nombre(?: completo)? es|se llama|nombre(?: completo)?:|full name:|name:|"
    r"my (?:full )?name is|my name's|(?:his|her) name is|i am called|"
    r"(?:^|[.,;!]\s*|\b(?:hola|hello|hi|hey)\s+)(?:soy|i am|i'm))\s+"
    r"([^\W\d_][\w'’\-]*(?:\s+[^\W\d_][\w'’\-]*){0,5})",
    re.IGNORECASE,
)
_PARTICLES = frozenset(["de", "del", "la", "las", "los", "y", "van", "von", "da", "dos", "san"])
_PHONE = re.compile(
    r"\b(?:tel(?:efono)?|cel(?:ular)?|movil|whatsapp|phone(?: number)?|mobile|cell|numero de contacto)\b\.?"
    r"[\s:]*(?:(?:es|is|el|numero|number|no\.?)[\s:]+){0,3}(\+?\(?\d[\d \-.()]{5,18}\d)"
    r"|(?<![\w.])(\+\d[\d \-.()]{6,18}\d)"
)
_EMAIL = re.compile(r"(?<![\w.+\-])[\w.+\-]{1,64}@[\w\-]{1,63}(?:\.[\w\-]{1,63}){1,4}")
FEWEST_NAME_WORDS, MAX_NAME_WORDS = 2, 7


def document_in(text: str, today: date) -> tuple[str | None, str] | None:
    """The document's type code (None when it is not said) and its number as written, if there is one."""
    plain = _without_contacts(without_past_dates(text, today))
    for code, pattern in _TYPED:
        if found := pattern.search(plain):
            return code, _number(found)
    found = _UNTYPED.search(plain) or _BARE_NUMBER.search(plain)
    return (None, _number(found)) if found else None


def document_type_in(text: str) -> str | None:
    """The document's type where it is named without a number; the last that is not denied."""
    folded = fold(text)
    named = _types(_NAMED, folded)
    if not named:
        named = _types(_ABBREVIATED, folded if _CORRECTION.fullmatch(folded) else _capitals(text))
    named = [mention for mention in named if not _DENIED.search(folded[: mention[0]])] or named
    return max(named, key=lambda mention: mention[:2])[2] if named else None


def document_type_of_number(text: str) -> str | None:
    """The type by its number in forms, for a message that is nothing else."""
    found = _TYPE_NUMBER.fullmatch(fold(text))
    return _NUMBERED[found[1]] if found else None


def birth_date_in(text: str, today: date) -> date | None:
    """The one past date that the message can mean; Spanish order, day first, when both orders fit."""
    past = sorted(day for day in dates_in(text) if day < today)
    if len(past) > 1 and (found := re.search(r"\b(\d{1,2})[/.\- ](\d{1,2})[/.\- ]\d{2,4}\b", text)):
        past = [day for day in past if (day.day, day.month) == (int(found[1]), int(found[2]))] or past
    return past[0] if past else None


def name_in(text: str) -> str | None:
    """The name by which a person introduces themselves."""
    for found in _NAME.finditer(text):
        words = _leading_name(found[1])
        if words and (len(words) > 1 or words[0][0].isupper()):
            return " ".join(words)
    return None


def bare_name_in(text: str) -> str | None:
    """A full name that stands by itself, as the answer to a question for it."""
    for piece in re.split(r"[,;:.\n\d@/()]", text):
        words = piece.split()
        if not FEWEST_NAME_WORDS <= len(words) <= MAX_NAME_WORDS:
            continue
        plain = [fold(word) for word in words]
        while plain and (plain[-1] in _NOT_A_NAME or document_type_in(plain[-1])):
            plain.pop()
        plain = plain[: len(words)]
        is_name = all(
            re.fullmatch(r"[^\W\d_][^\W\d_'’\-]*(?:['’\-][^\W\d_]+){0,2}", word) for word in words[: len(plain)]
        )
        if len(plain) >= FEWEST_NAME_WORDS and is_name and not any(_ends_a_name(word) for word in plain):
            return " ".join(words[: len(plain)])
    return None


def contacts_in(text: str) -> dict[str, str]:
    """`phone` and `email` as written, those that are there."""
    contacts = {}
    if found := _EMAIL.search(text):
        contacts["email"] = found[0]
    if phone := _PHONE.search(fold(_EMAIL.sub(" ", text))):
        contacts["phone"] = (phone[1] or phone[2]).strip(" .-")
    return contacts


def _leading_name(text: str) -> list[str]:
    words: list[str] = []
    for word in text.split():
        if _ends_a_name(fold(word)) or (not words and fold(word) in _PARTICLES):
            break
        words.append(word)
    while words and fold(words[-1]) in _PARTICLES:
        words.pop()
    return words


def _ends_a_name(word: str) -> bool:
    return word in _NOT_A_NAME and word not in _PARTICLES


def _types(patterns: list[tuple[str, re.Pattern[str]]], plain: str) -> list[tuple[int, int, str]]:
    """Where which type is named; what stands inside a longer name does not count."""
    spans = [(found.start(), found.end(), code) for code, pattern in patterns for found in pattern.finditer(plain)]
    return [
        (start, end, code)
        for start, end, code in spans
        if not any(o[0] <= start and end <= o[1] and o[1] - o[0] > end - start for o in spans)
    ]


def _capitals(text: str) -> str:
    """The message with only its words in capitals left, folded."""
    return " ".join(fold(word) if word.isupper() else "~" for word in text.split())


def _without_contacts(plain: str) -> str:
    return _PHONE.sub(" ; ", _EMAIL.sub(" ; ", plain))


def _number(found: re.Match[str]) -> str:
    return found[1].strip(" .-'").upper()
