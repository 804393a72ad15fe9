"""What a record's status says about now."""

from datetime import datetime

from django.db.models import Q

# Of FHIR's statuses; one that is empty says nothing, then a known end does.
CURRENT = frozenset(
    ("active", "recurrence", "relapse", "in-progress", "accepted", "planned", "on-hold", "current", "booked", "")
)


def is_current(status: str, ended_at: datetime | None) -> bool:
    """Whether a record holds now: by its status, and without one because no end is known."""
    return status in CURRENT and not (status == "" and ended_at is not None)


def holds_now() -> Q:
    """The same as a condition on records."""
    return Q(status__in=CURRENT) & ~Q(status="", ended_at__isnull=False)
