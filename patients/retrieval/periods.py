"""The time that a question about a record is about: years, months, days, and stretches that lie behind us."""

import re
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from healthmate.common.dates import dates_in
from healthmate.common.dates.words import FULL_MONTH, NUMBER, month_number, number
from healthmate.common.text import fold

YEAR = r"(?P<year>(?:19|20)\d\d)"
NOT_A_YEAR = r"(?<![\d./:-])"
FULL_DATE = re.compile(
    r"\b\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}\b"
    r"|\b\d{1,2} (?:de )?[a-z]+ (?:del? )?(?:19|20)\d\d\b|\b[a-z]+ \d{1,2},? (?:19|20)\d\d\b"
)
MONTH_OF_YEAR = re.compile(rf"\b{FULL_MONTH}(?: of| de| del)?,? {YEAR}\b")
BETWEEN = re.compile(
    rf"\b(?:between|entre|from|de|desde|del)\s+{YEAR}\s+(?:and|y|to|a|al|hasta|until)\s+(?P<last>(?:19|20)\d\d)\b"
)
WHOLE_YEAR = re.compile(rf"{NOT_A_YEAR}\b{YEAR}\b(?![./:-]?\d)")
SINCE = re.compile(r"\b(?:since|after|desde|despues de|a partir de|posterior(?:es)? a)\b[^.?!]*$")
UNTIL = re.compile(r"\b(?:before|until|up to|prior to|antes de|hasta|previ[oa]s? a|anterior(?:es)? a)\b[^.?!]*$")
AGO = re.compile(
    rf"\b(?:in |within |over |during |en |durante )?(?:the |los |las )?(?:last|past|ultim[oa]s) (?P<count>{NUMBER}) "
    rf"(?P<unit>dias?|days?|semanas?|weeks?|mes(?:es)?|months?|anos?|years?)\b"
    rf"|\b(?:ultim[oa]s) (?P<count2>{NUMBER}) (?P<unit2>dias?|semanas?|mes(?:es)?|anos?)\b"
)
LAST_YEAR = re.compile(r"\b(?:(?:el |del )?(?:ano pasado|ultimo ano)|(?:the )?(?:last|past) year)\b")
THIS_YEAR = re.compile(r"\b(?:este ano|this year)\b")
LAST_MONTH = re.compile(r"\b(?:(?:el |del )?(?:mes pasado|ultimo mes)|(?:the )?(?:last|past) month)\b")
DAYS = {"d": 1, "s": 7, "w": 7, "m": 31, "a": 366, "y": 366}
OLDEST, NEWEST = date(1800, 1, 1), date(2999, 12, 31)


class Period(NamedTuple):
    """The first and the last day; both belong to it."""

    first: date
    last: date

    @property
    def bounds(self) -> tuple[datetime, datetime]:
        """The instants from which and before which, with room for the time zone that a date does not tell."""
        room = timedelta(hours=14)
        first = datetime(self.first.year, self.first.month, self.first.day, tzinfo=UTC) - room
        last = datetime(self.last.year, self.last.month, self.last.day, tzinfo=UTC) + timedelta(days=1)
        return first, last + room

    def holds(self, day: str) -> bool:
        """Whether a day, a month or a year as it was written down (ISO) lies in it, at least in part."""
        return self.first.isoformat()[: len(day)] <= day <= self.last.isoformat()[: len(day)]


def period_in(question: str, today: date) -> tuple[Period | None, str]:
    """(the period that a question names, the folded question without the words that name it)."""
    plain = fold(question)
    for find in (_stretch, _between, _day, _month, _year):
        if found := find(plain, today):
            period, match = found
            before = plain[: match.start()]
            if SINCE.search(before) and period.last != today:
                period = Period(period.first, NEWEST)
            elif UNTIL.search(before):
                period = Period(OLDEST, period.first - timedelta(days=1))
            return period, f"{before} ; {plain[match.end() :]}"
    return None, plain


Found = tuple[Period, re.Match[str]] | None


def _stretch(plain: str, today: date) -> Found:
    if match := AGO.search(plain):
        count, unit = match["count"] or match["count2"], match["unit"] or match["unit2"]
        return Period(today - timedelta(days=number(count) * DAYS[unit[0]]), today), match
    if match := THIS_YEAR.search(plain):
        return Period(date(today.year, 1, 1), date(today.year, 12, 31)), match
    if match := LAST_YEAR.search(plain):
        return Period(date(today.year - 1, 1, 1), today), match
    if match := LAST_MONTH.search(plain):
        return Period(today - timedelta(days=62), today), match
    return None


def _between(plain: str, today: date) -> Found:
    match = BETWEEN.search(plain)
    if match is None or match["last"] < match["year"]:
        return None
    return Period(date(int(match["year"]), 1, 1), date(int(match["last"]), 12, 31)), match


def _day(plain: str, today: date) -> Found:
    for match in FULL_DATE.finditer(plain):
        if found := sorted(dates_in(match[0])):
            return Period(found[0], found[-1]) if len(found) == 1 else Period(found[0], found[0]), match
    return None


def _month(plain: str, today: date) -> Found:
    match = MONTH_OF_YEAR.search(plain)
    if match is None:
        return None
    first = date(int(match["year"]), month_number(match["month"]), 1)
    return Period(first, (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)), match


def _year(plain: str, today: date) -> Found:
    match = WHOLE_YEAR.search(plain)
    return (Period(date(int(match["year"]), 1, 1), date(int(match["year"]), 12, 31)), match) if match else None
