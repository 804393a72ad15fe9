"""Which of the listed times or appointments a person means."""

import re
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

from chat.scripted.understanding import practitioner_in, specialty_in
from chat.vocabulary import load
from healthmate.common.dates import AFTERNOON, EVENING, MORNING, Hours, hours_in, part_of_day_of, span_of, without_hours
from healthmate.common.dates.spelled import in_figures_only
from healthmate.common.dates.words import WEEKDAYS
from healthmate.common.text import fold

Option = dict[str, Any]

_CHOICES = load("scripted")["choices"]
_NOT_A_PLACE = rf"(?! (?:{_CHOICES['not_a_place']})\b)"
_PLACES = [re.compile(rf"(?<![\w:/.])(?:{words})\b(?![:/]){_NOT_A_PLACE}") for words in _CHOICES["places"]]
_LAST = re.compile(rf"\b(?:{_CHOICES['last']})\b{_NOT_A_PLACE}")
_EARLIEST = re.compile(rf"\b(?:{_CHOICES['earliest']})\b")
_NO_MATTER = re.compile(rf"\b(?:{_CHOICES['no_matter']})\b")
_ALL = re.compile(_CHOICES["all"])
_MORE = re.compile(rf"^\W*(?:y |and |no,? )?(?:{_CHOICES['more']})\b")
_OTHER_DAY = re.compile(rf"\b(?:{_CHOICES['other_day']})\b")
_LATER = re.compile(rf"\b(?:{_CHOICES['later']})\b")
_EARLIER = re.compile(rf"\b(?:{_CHOICES['earlier']})\b")
_NOT_IN_THE_DAY = re.compile(rf"\b(?:{_CHOICES['not_in_the_day']})\b")
_NONE = re.compile(rf"\b(?:{_CHOICES['none_of_them']})\b")
_FIGURE = re.compile(
    r"(?:^|[\s#(])(?P<lead>(?:(?:la|el|opcion|numero|num|nro|no|number|option|slot|the|turno|cita|horario|choice|"
    r"mejor|quiero|dame|take|want)\.?\s*)?#?)(?P<figure>\d{1,2})"
    r"(?![\d:/]|[.,]\d|\s?(?:st|nd|rd|th|de [a-z]|del [a-z])\b)" + _NOT_A_PLACE
)
_REFUSED = re.compile(r"\b(?:la|el|the) (?:\d|[a-z]+)(?: one)? no\b|\bnot (?:the )?(?:\d|[a-z]+)\b")
HOUR, NOON = 60, 12
_SHORT, _SHORT_WISH = 4, 8  # words
_DAY_OF_MONTH = re.compile(r"\b(?:el|the|dia|del) (?P<day>\d{1,2})\b(?![:/.]\d)")
_REFERENCE = re.compile(r"\bhm-?\s?([0-9a-z]{6})\b")
_PART_HOURS = {MORNING: (0, 12), AFTERNOON: (12, 18), EVENING: (18, 24)}


def picked(text: str, options: Sequence[Option], today: date) -> list[Option]:
    """The options that the message can mean, by place, hour, day, doctor, specialty or reference; [] for none.

    A range of hours ("after 3") picks nothing: it is a wish for other times.
    """
    hours = hours_in(text)
    if not options or (hours and not hours.is_moment):
        return []
    rest = _REFUSED.sub(" ", without_hours(text))
    place = _place(rest, len(options))
    signs = _signs(text, rest, hours, options, today)
    left = [option for option in options if all(sign(option) for sign in signs)]
    if _EARLIEST.search(rest):
        return sorted(left, key=_start)[:1]
    if place is not None:
        if not signs or options[place] in left:
            return [options[place]]
        return [left[place]] if place < len(left) else []
    if signs:
        return left
    return _by_bare_hour(in_figures_only(rest), options)


def names_place(text: str, count: int) -> bool:
    """Whether the message names a place in a list of that many."""
    return _place(_REFUSED.sub(" ", without_hours(text)), count) is not None


def is_no_matter(text: str) -> bool:
    """Whether the person does not mind which."""
    return bool(_NO_MATTER.search(fold(text)))


def means_all(text: str) -> bool:
    """Whether the person means all of them at once."""
    return bool(_ALL.search(fold(text)))


def wants_more(text: str) -> bool:
    """Whether the person asks what else there is."""
    return bool(_MORE.search(fold(text))) or bool(_NONE.search(fold(text)))


def wants_other_day(text: str) -> bool:
    """Whether the person asks for another day without saying which."""
    return bool(_OTHER_DAY.search(fold(text)))


def wants_part(text: str) -> str | None:
    """The part of the day that "later" or "earlier" asks for."""
    folded = fold(text)
    if len(folded.split()) > _SHORT_WISH or _NOT_IN_THE_DAY.search(folded):
        return None
    return AFTERNOON if _LATER.search(folded) else MORNING if _EARLIER.search(folded) else None


def is_in_part(option: Option, part: str) -> bool:
    """Whether an option begins in that part of the day."""
    first, last = _PART_HOURS[part]
    return first * HOUR <= minute_of(option) < last * HOUR


def minute_of(option: Option) -> int:
    """The minute of the day at which an option begins; -1 when it does not say."""
    found = re.search(r"T(\d\d):(\d\d)", _start(option))
    return int(found[1]) * HOUR + int(found[2]) if found else -1


def day_of(option: Option) -> date | None:
    """The day of an option."""
    try:
        return date.fromisoformat(_start(option)[:10])
    except ValueError:
        return None


def _start(option: Option) -> str:
    return str(option.get("starts_at") or "")


def _place(rest: str, count: int) -> int | None:
    figures = [int(found["figure"]) for found in _FIGURE.finditer(rest) if found["lead"] or _is_short(rest)]
    if len(set(figures)) == 1 and 1 <= figures[0] <= count:
        return figures[0] - 1
    named = [index for index, pattern in enumerate(_PLACES[:count]) if pattern.search(rest)]
    if len(named) == 1:
        return named[0]
    return count - 1 if _LAST.search(rest) and not named else None


def _is_short(rest: str) -> bool:
    return len(rest.split()) <= _SHORT


def _signs(
    text: str, rest: str, hours: Hours | None, options: Sequence[Option], today: date
) -> list[Callable[[Option], bool]]:
    """What the message says of the one that it means."""
    signs: list[Callable[[Option], bool]] = []
    if hours:
        signs.append(
            lambda option: (
                minute_of(option) in {hours.first, (hours.first + NOON * HOUR) % (24 * HOUR)}
                and (minute_of(option) == hours.first or not any(minute_of(other) == hours.first for other in options))
            )
        )
    if days := _days(rest, options, today):
        signs.append(lambda option: day_of(option) in days)
    if part := part_of_day_of(rest):
        signs.append(lambda option: is_in_part(option, part))
    if specialty := specialty_in(rest):
        signs.append(lambda option: _same_specialty(specialty, str(option.get("specialty") or "")))
    if doctor := practitioner_in(text, [str(option.get("practitioner") or "") for option in options]):
        wanted = set(fold(doctor).split())
        signs.append(lambda option: wanted <= set(fold(str(option.get("practitioner") or "")).split()))
    if reference := _REFERENCE.search(fold(text)):
        signs.append(lambda option: fold(str(option.get("reference") or "")).endswith(reference[1]))
    return signs


def _days(rest: str, options: Sequence[Option], today: date) -> set[date]:
    """The days of the options that the message names; a weekday means any such day when none is in its own week."""
    all_days = {day for option in options if (day := day_of(option))}
    if span := span_of(rest, today):
        weekdays = {WEEKDAYS[word] for word in re.findall(r"[a-z]+", rest) if word in WEEKDAYS}
        within = {day for day in all_days if span[0] <= day <= span[1]}
        return within or {day for day in all_days if day.weekday() in weekdays} or {span[0]}
    found = _DAY_OF_MONTH.search(rest)
    if found and int(found["day"]) > len(options):
        return {day for day in all_days if day.day == int(found["day"])}
    return set()


def _same_specialty(asked: str, offered: str) -> bool:
    return fold(asked) == fold(offered) or specialty_in(offered) == asked


def _by_bare_hour(rest: str, options: Sequence[Option]) -> list[Option]:
    """ "9" where there are only five options: an hour."""
    figures = [int(found["figure"]) for found in _FIGURE.finditer(rest) if _is_short(rest)]
    if len(figures) != 1 or figures[0] <= len(options):
        return []
    return [option for option in options if minute_of(option) in {figures[0] * HOUR, (figures[0] + NOON) * HOUR}]
