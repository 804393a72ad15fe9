"""Factories of FHIR files and imports, of the clinic's people and agenda, of a tool's context."""

import gzip
import json
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.utils import timezone

from healthmate.common.tools import IdentityLevel, ToolContext
from patients.importer import ImportSummary, import_path
from patients.models import DocumentType, Patient, PatientIdentifier, Practitioner, Slot

Json = dict[str, Any]
WriteFile = Callable[..., Path]


@pytest.fixture
def fhir_file(tmp_path: Path) -> WriteFile:
    """Write a FHIR file: a JSON value, text or bytes; gzip when the name says so."""

    def write(content: Any, name: str = "file.json") -> Path:
        data = content if isinstance(content, bytes | str) else json.dumps(content)
        data = data.encode() if isinstance(data, str) else data
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
        return path

    return write


@pytest.fixture
def fhir_bundle(fhir_file: WriteFile) -> WriteFile:
    """Write a bundle of resources; a resource given as (fullUrl, resource) gets that fullUrl."""

    def write(*resources: Any, name: str = "bundle.json", type: str = "transaction") -> Path:  # noqa: A002 - FHIR's
        entries = []
        for item in resources:
            full_url, resource = item if isinstance(item, tuple) else ("", item)
            entries.append({"fullUrl": full_url, "resource": resource} if full_url else {"resource": resource})
        return fhir_file({"resourceType": "Bundle", "type": type, "entry": entries}, name)

    return write


@pytest.fixture
def fhir_patient() -> Callable[..., Json]:
    """A FHIR Patient with whatever a test adds or changes."""

    def make(**changes: Any) -> Json:
        return {
            "resourceType": "Patient",
            "id": "ana",
            "name": [{"family": "Rojas", "given": ["Ana"]}],
            "birthDate": "1990-05-14",
            **changes,
        }

    return make


@pytest.fixture
def import_ok(db: None) -> Callable[..., ImportSummary]:
    """Import, and insist that nothing was quarantined."""

    def run(*paths: Path) -> ImportSummary:
        summary = import_path(paths)
        assert summary.quarantined == []
        return summary

    return run


# --- The clinic: patients, agenda, tools ------------------------------------------------------------

NOON_ON_SATURDAY = "2026-11-21T17:00Z"  # 12:00 in Bogotá


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    """The clinic's time stands still at noon of Saturday 21 November 2026; `clock.shift(...)` moves it."""
    with time_machine.travel(NOON_ON_SATURDAY, tick=False) as coordinates:
        yield coordinates


@pytest.fixture
def make_patient() -> Callable[..., Patient]:
    """A patient with one document."""

    def make(
        number: str = "30995750", *, code: str = "CD", born: str = "1990-05-14", system: str = "", **columns: Any
    ) -> Patient:
        columns = {"full_name": "Laura Morales", "given_name": "Laura", "family_name": "Morales", **columns}
        patient = Patient.objects.create(birth_date=date.fromisoformat(born) if born else None, **columns)
        kind = DocumentType.objects.get(code=code)
        PatientIdentifier.objects.create(patient=patient, document_type=kind, number=number, system=system)
        return patient

    return make


@pytest.fixture
def make_practitioner() -> Callable[..., Practitioner]:
    """A practitioner who sees patients."""

    def make(full_name: str = "Dra. Elena Restrepo", specialty: str = "Medicina general", **columns: Any) -> Any:
        return Practitioner.objects.create(full_name=full_name, specialty=specialty, **columns)

    return make


@pytest.fixture
def make_slot(make_practitioner: Callable[..., Practitioner]) -> Callable[..., Slot]:
    """Half an hour of a practitioner's, at the clinic's time."""

    def make(start: str = "2026-11-24 10:00", practitioner: Practitioner | None = None, **columns: Any) -> Slot:
        starts_at = timezone.make_aware(datetime.fromisoformat(start))
        return Slot.objects.create(
            practitioner=practitioner or make_practitioner(),
            starts_at=starts_at,
            ends_at=starts_at + timedelta(minutes=30),
            **columns,
        )

    return make


@pytest.fixture
def make_context() -> Callable[..., ToolContext]:
    """What the server would know of a call."""

    def make(*said: str, patient: Patient | None = None, **values: Any) -> ToolContext:
        known = {"patient_id": patient.pk, "level": IdentityLevel.MATCHED} if patient else {}
        defaults = {"thread_id": uuid4(), "run_id": uuid4(), "actor": "device-1", "language": "en"}
        return ToolContext(said=said, **{**defaults, **known, **values})

    return make
