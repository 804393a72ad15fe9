"""The clinic's data, named after FHIR."""

from patients.models.identity import Consent, DocumentType, IdentityAttempt, Patient, PatientIdentifier
from patients.models.records import AccessEvent, ClinicalRecord, QuarantinedResource, SharedResource
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
    "Practitioner",
    "QuarantinedResource",
    "SharedResource",
    "Slot",
]
