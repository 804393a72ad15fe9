"""The writes that this app offers to the others: identification, registration, the agenda, access events."""

from patients.access import name_records, record_access
from patients.identity import add_identifier, identify, register, registration_types
from patients.scheduling import (
    block_slots,
    book_by_clinic,
    cancel_appointment,
    cancel_by_clinic,
    close_by_clinic,
    confirm_appointment,
    move_appointment,
    propose_appointment,
)

__all__ = [
    "add_identifier",
    "block_slots",
    "book_by_clinic",
    "cancel_appointment",
    "cancel_by_clinic",
    "close_by_clinic",
    "confirm_appointment",
    "identify",
    "move_appointment",
    "name_records",
    "propose_appointment",
    "record_access",
    "register",
    "registration_types",
]
