"""Full dates: day, month and year."""

import re
from collections.abc import Callable, Iterator
from datetime import date

from healthmate.common.clock import local_today
from healthmate.common.dates.spelled import in_figures_only
from healthmate.common.dates.words import DAY, LINK, MONTH, MONTH_NAME, day_number, month_number
from healthmate.common.text import fold

OLDEST_YEAR, LAST_YEAR = 1880, 2199
CENTURY = 100
YearOf = Callable[[str, int, int], int]  # the year for (its figures, the month, the day)

# Two figures are a year unless they are the hour of an appointment.
_YEAR = r"(?P<year>\d{4}(?!\d)|'?\d{2}(?!\d|\s?(?::|h\b|hrs\b|[ap]\.?\s?m\b)))"
_IN_WORDS = (
    re.compile(rf"{DAY}{LINK}{MONTH}{LINK}{_YEAR}"),
    re.compile(rf"\b{MONTH}{LINK}{DAY}{LINK}{_YEAR}"),
    re.compile(rf"(?<!\d)(?P<year>\d{{4}}){LINK}{MONTH}{LINK}{DAY}"),
    # "14may1990"
    re.compile(rf"(?<![\w.,/])(?P<day>\d{{1,2}})(?P<month>{MONTH_NAME})(?P<year>\d{{4}}|\d{{2}})(?!\w)"),
)
_ISO = re.compile(
    r"(?<![\d/-])(?P<year>\d{4})\s?(?P<mark>[-/.])\s?(?P<month>\d{1,2})\s?(?P=mark)\s?(?P<day>\d{1,2})(?![\d/-])"
)
_IN_FIGURES = (
    re.compile(
        r"(?<![\d/-])(?P<first>\d{1,2})\s?(?P<mark>[-/.])\s?(?P<second>\d{1,2})\s?(?P=mark)\s?(?P<year>\d{4}|\d{2})"
        r"(?![\d/-]|\.\d)"
    ),
    re.compile(r"(?<![\d.,/-])(?P<first>\d{1,2})\s(?P<second>\d{1,2})\s(?P<year>\d{4})(?![\d/-])"),
)


def dates_in(text: str) -> set[date]:
    """Every full date written in `text`; one in figures that can be read in two ways gives both.

    A year of two figures is the last such year whose date is not after today, as in a birth date.
    """
    plain = fold(text)
    readings = {plain, in_figures_only(plain)}
    return {
        written for reading in readings for find in (in_words, in_figures) for written, _ in find(reading, _past_year)
    }


def without_past_dates(text: str, today: date) -> str:
    """The folded text, its numbers in figures, without the full dates before `today`."""
    plain = in_figures_only(fold(text))
    for find in (in_words, in_figures):
        for written, match in list(find(plain, _past_year)):
            if written < today:
                plain = plain[: match.start()] + ";" * (match.end() - match.start()) + plain[match.end() :]
    return plain


def in_words(plain: str, year_of: YearOf) -> Iterator[tuple[date, re.Match[str]]]:
    """The dates of folded text whose month has its name, each with where it stands."""
    for pattern in _IN_WORDS:
        for match in pattern.finditer(plain):
            month, day = month_number(match["month"]), day_number(match["day"])
            if written := valid_date(year_of(match["year"], month, day), month, day):
                yield written, match


def in_figures(plain: str, year_of: YearOf) -> Iterator[tuple[date, re.Match[str]]]:
    """The dates of folded text in figures, day first and then month first where both are possible."""
    for match in _ISO.finditer(plain):
        if written := valid_date(int(match["year"]), int(match["month"]), int(match["day"])):
            yield written, match
    for pattern in _IN_FIGURES:
        for match in pattern.finditer(plain):
            first, second = int(match["first"]), int(match["second"])
            for day, month in ((first, second), (second, first)):
                if written := valid_date(year_of(match["year"], month, day), month, day):
                    yield written, match


def valid_date(year: int, month: int, day: int) -> date | None:
    """The date, or None where the calendar or a lifetime has no such day."""
    if not OLDEST_YEAR <= year <= LAST_YEAR:
        return None
    try:
        return date(year, month, day)
    except ValueError:
        return None


def whole_year(figures: str) -> int | None:
    """The year of four figures; None for two."""
    return int(figures) if len(figures) == len("1990") else None


def _past_year(figures: str, month: int, day: int) -> int:
    if year := whole_year(figures):
        return year
    today = local_today()
    recent = today.year // CENTURY * CENTURY + int(figures.lstrip("'"))
    return recent - (CENTURY if (recent, month, day) > (today.year, today.month, today.day) else 0)
