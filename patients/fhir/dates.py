"""FHIR dates: partial, with a zone, without one, or not dates at all."""

import re
from datetime import UTC, date, datetime, time
from typing import Any

from django.utils import timezone

from patients.fhir.shapes import Json, as_dict, as_list, as_text, choice
from patients.fhir.values import quantity_text

PARTIAL = re.compile(r"(\d{4})(?:-(\d{1,2}))?$")
LEAP_SECOND = re.compile(r"(T\d\d:\d\d):60")
NON_DATES = ("Age", "Range", "String")
# Systems write the calendar's ends for "not known" and "never"; in another zone they are no dates at all.
FIRST_YEAR, LAST_YEAR = 2, 9998


def parse_date(text: str) -> date | None:
    """The day that `text` names (the time is dropped); none when it names no single day."""
    if PARTIAL.match(text):
        return None
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        return None


def parse_instant(value: Any) -> datetime | None:
    """An aware instant in UTC: a partial date is its first moment, no zone means the clinic's.

    None for what is no date, and for the first and the last year of the calendar.
    """
    text = LEAP_SECOND.sub(r"\1:59", as_text(value)).replace("T24:00", "T00:00")
    try:
        if partial := PARTIAL.match(text):
            parsed = datetime.combine(date(int(partial[1]), int(partial[2] or 1), 1), time())
        else:
            parsed = datetime.fromisoformat(text)
        if parsed.tzinfo is None:
            parsed = parsed.replace(tzinfo=timezone.get_default_timezone())
        return parsed.astimezone(UTC) if FIRST_YEAR <= parsed.year <= LAST_YEAR else None
    except (ValueError, OverflowError):
        return None


def _start(value: Any) -> str:
    """The text of a date element: a primitive, a Period's start (else its end), or a Timing's first event."""
    if not isinstance(value, dict):
        return next(filter(None, map(as_text, as_list(value))), "")
    bounds = as_dict(as_dict(value.get("repeat")).get("boundsPeriod"))
    candidates = [value.get("start"), *as_list(value.get("event")), bounds.get("start"), value.get("end")]
    return next(filter(None, map(as_text, candidates)), "")


def when(resource: Json, names: tuple[str, ...]) -> tuple[datetime | None, str]:
    """(instant, text as given) of the first of `names` that holds a date; a choice element counts by its stem.

    An onset that is an age or words gives the text alone, unless another element holds a date.
    """
    words = ""
    for name in names:
        kind, value = ("", resource[name]) if name in resource else choice(resource, name)
        text = quantity_text(value) if kind in NON_DATES and isinstance(value, dict) else _start(value)
        if not text:
            continue
        instant = parse_instant(text) if kind not in NON_DATES else None
        if instant is not None:
            return instant, text
        words = words or text
    return None, words


def end_of(resource: Json, instants: tuple[str, ...], periods: tuple[str, ...]) -> datetime | None:
    """When it ended: the first of `instants` that is a date, else the end of the first of `periods` that has one."""
    for name in (*instants, *periods):
        value = resource[name] if name in resource else choice(resource, name)[1]
        if not isinstance(value, dict) and name in periods:
            continue
        text = as_text(value.get("end")) if isinstance(value, dict) else as_text(value)
        if (instant := parse_instant(text)) is not None:
            return instant
    return None
