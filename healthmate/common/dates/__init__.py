"""Dates as people write them, in Spanish and English: full dates, and a patient's words about when."""

from healthmate.common.dates.hours import Hours, hours_in, without_hours
from healthmate.common.dates.parts import AFTERNOON, EVENING, MORNING, part_of_day_of
from healthmate.common.dates.spans import Span, span_of
from healthmate.common.dates.written import dates_in, without_past_dates

__all__ = [
    "AFTERNOON",
    "EVENING",
    "MORNING",
    "Hours",
    "Span",
    "dates_in",
    "hours_in",
    "part_of_day_of",
    "span_of",
    "without_hours",
    "without_past_dates",
]
