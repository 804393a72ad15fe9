"""The day of a record as the record itself gives it."""

import re
from datetime import datetime

DAY = re.compile(r"\d{4}(?:-\d{2}(?:-\d{2})?)?(?![\d-])")


def day_of(recorded_text: str, recorded_at: datetime | None) -> str:
    """The date, month or year as it was written down, whatever the time zone; else the words that stand there."""
    written = DAY.match(recorded_text)
    if written:
        return written[0]
    return f"{recorded_at:%Y-%m-%d}" if recorded_at else recorded_text
