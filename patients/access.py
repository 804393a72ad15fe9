"""Who reads which patient's data: every read leaves an event."""

from typing import Any
from uuid import UUID

from patients.models import AccessEvent


def record_access(
    *,
    patient_id: int,
    actor: str,
    purpose: str,
    thread_id: UUID | None = None,
    run_id: UUID | None = None,
    user_id: UUID | None = None,
    details: dict[str, Any] | None = None,
) -> AccessEvent:
    """Note that `actor` (a user's id or a device's short hash) read this patient's data, and what for.

    `details` holds ids, names of tools and counts, never what was read.
    """
    return AccessEvent.objects.create(
        patient_id=patient_id,
        actor=actor,
        purpose=purpose,
        thread_id=thread_id,
        run_id=run_id,
        user_id=user_id,
        details=details or {},
    )


def name_records(*, event_id: int, records: list[int]) -> None:
    """Add to an event which records are about to be shown. Raises AccessEvent.DoesNotExist."""
    event = AccessEvent.objects.get(pk=event_id)
    event.details = {**event.details, "records": records}
    event.save(update_fields=["details"])
