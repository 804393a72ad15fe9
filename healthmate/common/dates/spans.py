"""The days that somebody's words about when mean."""

import re
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import NamedTuple

from healthmate.common.dates.parts import GREETINGS
from healthmate.common.dates.words import (
    DAY,
    FULL_MONTH,
    LINK,
    MONTH,
    NUMBER,
    WEEKDAY,
    WEEKDAYS,
    day_number,
    month_number,
    number,
)
from healthmate.common.dates.written import in_figures, in_words, valid_date, whole_year
from healthmate.common.text import fold

Span = tuple[date, date]  # both days belong to it
Reader = Callable[[re.Match[str], date], Span | None]

ONE_DAY, ONE_WEEK = timedelta(days=1), timedelta(days=7)
OPEN_END = timedelta(days=90)  # "from Monday on"
LEAP_YEARS_APART = 9
THIS_CENTURY = 2000


class _Mention(NamedTuple):
    start: int
    span: Span
    is_date: bool


def span_of(text: str, today: date) -> Span | None:
    """The first and the last day that the words mean, seen from `today`; None when they name no day.

    Several days give the stretch that holds them all; a written date outweighs a weekday beside it;
    what the person says they cannot do is left out.
    """
    plain = _REFUSED.sub(_blank, GREETINGS.sub(_blank, _PART_WORDS.sub(_blank, fold(text))))
    mentions = list(_mentions(plain, today))
    dated = [mention for mention in mentions if mention.is_date] or mentions
    chosen = sorted(m for m in dated if not any(_holds(m.span, other.span) for other in dated))
    if not chosen:
        return None
    if len(chosen) == 1:
        return _bounded(plain[: chosen[0].start], chosen[0].span, today)
    first, last = chosen[0].span, chosen[-1].span
    if last[1] < first[0] and last[1] + ONE_WEEK >= first[0] and _RANGE.search(plain):
        last = (last[0] + ONE_WEEK, last[1] + ONE_WEEK)
    spans = [*(mention.span for mention in chosen[:-1]), last]
    return min(span[0] for span in spans), max(span[1] for span in spans)


def _mentions(plain: str, today: date) -> Iterator[_Mention]:
    """Every mention of days; what one pattern has taken, the next ones no longer see."""
    taken: set[int] = set()
    for find, year_of in ((in_figures, _this_century), (in_words, _only_whole)):
        for written, match in find(plain, year_of):
            if match.start() not in taken:
                taken.update(range(*match.span()))
                yield _Mention(match.start(), (written, written), is_date=True)
    plain = "".join("~" if place in taken else character for place, character in enumerate(plain))
    for pattern, read, is_date in _PATTERNS:
        for match in pattern.finditer(plain):
            if span := read(match, today):
                yield _Mention(match.start(), span, is_date)
        plain = pattern.sub(_blank, plain)


def _blank(match: re.Match[str]) -> str:
    return "~" * len(match[0])


def _holds(outer: Span, inner: Span) -> bool:
    return outer != inner and outer[0] <= inner[0] and inner[1] <= outer[1]


def _bounded(before: str, span: Span, today: date) -> Span:
    """The span, opened on one side by the words that lead to it ("from", "before")."""
    if _AFTER.search(before):
        return span[1] + ONE_DAY, span[1] + OPEN_END
    if _FROM.search(before):
        return span[0], span[0] + OPEN_END
    if _BEFORE.search(before):
        return today, span[0] - ONE_DAY
    if _UNTIL.search(before):
        return today, span[1]
    return span


def _this_century(figures: str, month: int, day: int) -> int:
    return whole_year(figures) or THIS_CENTURY + int(figures.lstrip("'"))


def _only_whole(figures: str, month: int, day: int) -> int:
    return whole_year(figures) or 0  # "3 de diciembre, 10 de la mañana" has no year


def _week(day: date) -> Span:
    monday = day - timedelta(days=day.weekday())
    return monday, monday + 6 * ONE_DAY


def _calendar_month(day: date) -> Span:
    first = day.replace(day=1)
    return first, _add_months(first, 1) - ONE_DAY


def _add_months(day: date, months: int) -> date:
    years, month = divmod(day.month - 1 + months, 12)
    first = date(day.year + years, month + 1, 1)
    return valid_date(first.year, first.month, day.day) or _add_months(first, 1) - ONE_DAY


def _coming(today: date, month: int, day: int) -> Span | None:
    """The next such day of the calendar, today included."""
    for year in range(today.year, today.year + LEAP_YEARS_APART):
        if (found := valid_date(year, month, day)) and found >= today:
            return found, found
    return None


def _named_day(match: re.Match[str], today: date) -> Span | None:
    return _coming(today, month_number(match["month"]), day_number(match["day"]))


def _numeric_day(match: re.Match[str], today: date) -> Span | None:
    first, second = int(match["first"]), int(match["second"])
    return _coming(today, second, first) or _coming(today, first, second)


def _day_range(match: re.Match[str], today: date) -> Span | None:
    month = month_number(match["month"])
    first, last = _coming(today, month, int(match["first"])), _coming(today, month, int(match["last"]))
    if not first or not last:
        return None
    return (first[0], last[1]) if first <= last else (today, last[1])  # it has begun


def _weekday(match: re.Match[str], today: date) -> Span:
    word = match["weekday"] or match["weekday_after"]
    weekday = WEEKDAYS[word]
    if _IN_NEXT_WEEK.search(match[0]):
        day = _week(today + ONE_WEEK)[0] + weekday * ONE_DAY
    else:
        ahead = (weekday - today.weekday()) % 7
        day = today + timedelta(days=ahead or (0 if match[0].startswith(("este ", "this ")) else 7))
    return day, day


def _from_now(match: re.Match[str], today: date) -> Span:
    count, unit = number(match["count"]), match["unit"]
    if unit.startswith(("semana", "week")):
        return _week(today + count * ONE_WEEK)
    if unit.startswith("m"):
        return _week(_add_months(today, count))
    day = today + count * ONE_DAY
    # "En ocho días" and "en quince días" are one and two weeks to a Spanish speaker.
    return (day - ONE_DAY if unit.startswith("dia") and count in (8, 15) else day), day


def _stretch(match: re.Match[str], today: date) -> Span:
    count, unit = number(match["count"]), match["unit"]
    if unit.startswith(("semana", "week")):
        return today, today + count * ONE_WEEK
    if unit.startswith("m"):
        return today, _add_months(today, count)
    return today, today + count * ONE_DAY


def _weekend(match: re.Match[str], today: date) -> Span:
    saturday = _week(today)[0] + 5 * ONE_DAY
    if re.search(rf"\b{_NEXT}\b", match[0]):
        saturday += ONE_WEEK
    return max(saturday, today), saturday + ONE_DAY


def _day_of_month(match: re.Match[str], today: date) -> Span | None:
    for months in range(3):
        first = _add_months(today.replace(day=1), months)
        if (found := valid_date(first.year, first.month, int(match["day"]))) and found >= today:
            return found, found
    return None


def _whole_month(match: re.Match[str], today: date) -> Span | None:
    first = today.replace(month=month_number(match["month"]), day=1)
    if first.month < today.month:
        first = first.replace(year=today.year + 1)
    return max(first, today), _calendar_month(first)[1]


def _in_days(days: int) -> Reader:
    return lambda match, today: (today + days * ONE_DAY, today + days * ONE_DAY)


_PART_WORDS = re.compile(
    r"\b(?:por|en|de|a|durante) las? (?:mananas?|tardes?|noches?)\b|\b(?:las?|una) (?:mananas?|tardes?|noches?)\b"
)
_REFUSED = re.compile(
    r"\b(?:no (?:puedo|podria|podre|me (?:sirve|viene bien|va bien|queda bien)|quiero|estoy|tengo tiempo)|can'?t|"
    r"cannot|not|except|excepto|menos|salvo)\b.*?(?=[,;]|\.\s|$|\b(?:pero|sino|mejor|prefiero|but|rather|better|instead)\b)"
)
_RANGE = re.compile(r"\b(?:entre|desde|del?|between|from|al?|hasta|to|through|until)\b")
_TO_IT = r"(?: del?)?(?: el| la| los| the| on| dia)*\s*$"
_AFTER = re.compile(rf"\b(?:despues|pasad[oa]|after){_TO_IT}")
_FROM = re.compile(rf"\b(?:desde|a partir|from|starting|beginning|as of|since){_TO_IT}")
_BEFORE = re.compile(rf"\b(?:antes|before){_TO_IT}")
_UNTIL = re.compile(rf"\b(?:hasta|until|till|no later than|a mas tardar){_TO_IT}")

_NEXT = r"(?:proxim[oa]|siguiente|entrante|que viene|que entra|next|following|coming|upcoming)"
_NEXT_WEEK = rf"(?:{_NEXT} (?:semana|week)|(?:semana|week) {_NEXT})"
_IN_NEXT_WEEK = re.compile(rf"{_NEXT_WEEK}|^next ")
_DAYS, _WEEKS, _MONTHS = r"(?:dias?|days?)", r"(?:semanas?|weeks?)", r"(?:meses|mes|months?)"
_COUNTED = rf"(?P<count>{NUMBER})(?: de| of)? (?P<unit>{_DAYS}|{_WEEKS}|{_MONTHS})"
_TO = r"\s?(?:-|\bal?\b|\by\b|\bo\b|\bhasta\b|\bto\b|\band\b|\bor\b|\bthrough\b)\s?(?:el |the )?"
_FIRST_AND_LAST = rf"(?<![\d/:])(?P<first>\d{{1,2}}){_TO}(?P<last>\d{{1,2}})"

# The most telling words first. The third value says whether it is a date of the calendar.
_PATTERNS: tuple[tuple[re.Pattern[str], Reader, bool], ...] = (
    (re.compile(rf"{_FIRST_AND_LAST}{LINK}{MONTH}"), _day_range, True),
    (re.compile(rf"\b{MONTH}\s{_FIRST_AND_LAST}(?![\d:])"), _day_range, True),
    (re.compile(rf"{DAY}{LINK}{MONTH}"), _named_day, True),
    (re.compile(rf"\b{MONTH}{LINK}{DAY}(?!:|\s?[ap]\.?m)"), _named_day, True),
    (re.compile(r"(?<![\d/])(?P<first>\d{1,2})/(?P<second>\d{1,2})(?![\d/])"), _numeric_day, True),
    (re.compile(r"\b(?:pasado manana|(?:the )?day after tomorrow|overmorrow)\b"), _in_days(2), False),
    (re.compile(r"\b(?:hoy|today) en ocho\b"), _in_days(7), False),
    (re.compile(r"\b(?:esta (?:manana|tarde|noche)|this (?:morning|afternoon|evening)|tonight)\b"), _in_days(0), False),
    (re.compile(r"\b(?:hoy(?: mismo)?|today)\b"), _in_days(0), False),
    (re.compile(r"\b(?:manana|tomorrow)\b"), _in_days(1), False),
    (re.compile(rf"\b(?:{_NEXT} )?(?:fin de semana|finde|weekend)(?: {_NEXT})?\b"), _weekend, False),
    (
        re.compile(
            rf"\b(?:este |this |{_NEXT} )?(?P<weekday>{WEEKDAY})s?"
            rf"(?:,? (?:de |of |in )?(?:la |the )?{_NEXT_WEEK}| {_NEXT})?\b"
            rf"|\b{_NEXT_WEEK},? (?:el |on )?(?P<weekday_after>{WEEKDAY})\b"
        ),
        _weekday,
        False,
    ),
    (re.compile(rf"\b(?:{_NEXT}s?|within|within the next) {_COUNTED}\b"), _stretch, False),
    (re.compile(rf"\b(?:en|dentro de|in) (?:las? |los? )?{_COUNTED}\b"), _from_now, False),
    (re.compile(rf"\b{_COUNTED} from now\b"), _from_now, False),
    (re.compile(rf"\b{_NEXT_WEEK}\b"), lambda match, today: _week(today + ONE_WEEK), False),
    (re.compile(r"\b(?:esta semana|this week)\b"), lambda match, today: (today, _week(today)[1]), False),
    (
        re.compile(rf"\b(?:{_NEXT} (?:mes|month)|(?:mes|month) {_NEXT})\b"),
        lambda match, today: _calendar_month(_add_months(today.replace(day=1), 1)),
        False,
    ),
    (re.compile(r"\b(?:este mes|this month)\b"), lambda match, today: (today, _calendar_month(today)[1]), False),
    (re.compile(rf"\b(?:en|para|in|for|during|durante) {FULL_MONTH}\b"), _whole_month, False),
    (re.compile(r"\bdia (?P<day>\d{1,2})\b"), _day_of_month, True),
    # Below ten it is more often the number of an offer.
    (re.compile(r"\b(?:el|the|on) (?P<day>[123]\d)(?:th|st|nd|rd)?\b(?![:/.]\d)"), _day_of_month, True),
)
