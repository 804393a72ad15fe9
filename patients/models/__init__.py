"""The clinic's data, named after FHIR."""

from patients.models.chunks import RecordChunk
from patients.models.identity import Consent, DocumentType, IdentityAttempt, Patient, PatientIdentifier
from patients.models.records import (
    AccessEvent,
    ClinicalRecord,
    PatientReference,
    QuarantinedResource,
    SharedResource,
    SupersededVersion,
)
from patients.models.scheduling import Appointment, Practitioner, Slot

__all__ = [
    "AccessEvent",
    "Appointment",
    "ClinicalRecord",
    "Consent",
    "DocumentType",
    "IdentityAttempt",
    "Patient",
    "PatientIdentifier",
    "PatientReference",
    "Practitioner",
    "QuarantinedResource",
    "RecordChunk",
    "SharedResource",
    "Slot",
    "SupersededVersion",
]
