"""Keeping what an import refused, and letting go of what it took in the end."""

from typing import Any

from patients.fhir.files import BadInputError, Entry, loads
from patients.fhir.shapes import clip
from patients.importing.turns import turn
from patients.models import QuarantinedResource

MAX_UNREADABLE = 20_000
MAX_FILE = 500


def file_key(file: str) -> str:
    """A file's path as it is stored: the end of one that is too long."""
    return file[-MAX_FILE:]


def as_received(entry: Entry) -> Any:
    """The resource as JSON, or its text where it is none."""
    raw = bytes(entry.raw)
    if not raw:
        return None
    try:
        return loads(raw)
    except BadInputError:
        return raw[:MAX_UNREADABLE].decode(errors="replace").replace("\x00", "")


def keep(file: str, refused: list[tuple[Entry, str]]) -> None:
    """Make a file's quarantine what this run refused of it: nothing older stays, nothing is there twice."""
    with turn():
        stored = {(row.index, row.entry): row for row in QuarantinedResource.objects.filter(file=file_key(file))}
        for entry, reason in refused:
            row = stored.pop((entry.index, entry.inner), None)
            columns = _columns(entry, reason)
            if row is None:
                _add(file, entry, columns)
            elif any(getattr(row, name) != value for name, value in columns.items()):
                for name, value in columns.items():
                    setattr(row, name, value)
                row.save()
        QuarantinedResource.objects.filter(pk__in=[row.pk for row in stored.values()]).delete()


def add(file: str, refused: list[tuple[Entry, str]]) -> None:
    """Add to a file's quarantine what was refused after the whole file had been read."""
    with turn():
        for entry, reason in refused:
            _add(file, entry, _columns(entry, reason))


def _add(file: str, entry: Entry, columns: dict[str, Any]) -> None:
    QuarantinedResource.objects.update_or_create(
        file=file_key(file), index=entry.index, entry=entry.inner, defaults=columns
    )


def _columns(entry: Entry, reason: str) -> dict[str, Any]:
    return {
        "resource_type": entry.type[:60],
        "resource_id": entry.id[:120],
        "reason": clip(reason, 500),
        "resource": as_received(entry),
    }
