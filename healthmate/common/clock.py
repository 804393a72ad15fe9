"""The clinic's time: what is stored is UTC, what people read and say is local."""

from datetime import date, datetime

from django.utils import timezone


def now() -> datetime:
    """The current instant, aware, in UTC."""
    return timezone.now()


def local_today() -> date:
    """Today's date where the clinic is (`CLINIC_TIME_ZONE`)."""
    return timezone.localdate()
