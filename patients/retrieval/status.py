"""What a record's status says about now."""

from datetime import datetime

from django.db.models import Q

# The types whose records end by their status; of the others a status says how a deed went.
ENDING = frozenset(
    ("Condition", "AllergyIntolerance", "CarePlan", "Goal", "MedicationRequest", "MedicationStatement", "Coverage")
)
# Of FHIR's statuses; one that is empty says nothing, then a known end does.
CURRENT = frozenset(
    ("active", "recurrence", "relapse", "in-progress", "accepted", "planned", "on-hold", "current", "booked", "")
)


def is_current(status: str, ended_at: datetime | None, *, negated: bool) -> bool:
    """Whether a record holds now: by its status, and without one because no end is known.

    What says that there is nothing ("no known medication") holds until it is replaced, whatever its status.
    """
    return negated or (status in CURRENT and not (status == "" and ended_at is not None))


def holds_now(prefix: str = "") -> Q:
    """The same as a condition on records, or on what refers to them by `prefix`."""
    status, ended_at = f"{prefix}status", f"{prefix}ended_at"
    by_status = Q(**{f"{status}__in": CURRENT}) & ~Q(**{status: "", f"{ended_at}__isnull": False})
    return by_status | Q(**{f"{prefix}negated": True})
