"""Refusals of identification, registration and the agenda, in the order of their status."""

from django.utils.translation import gettext_lazy as _

from healthmate.common.errors import ErrorCode

IDENTITY_NOT_MATCHED = ErrorCode(
    "IDENTITY_NOT_MATCHED",
    403,
    _("The document and the birth date do not match our records. Check both, or contact the clinic."),
)
IDENTITY_REQUIRED = ErrorCode(
    "IDENTITY_REQUIRED", 403, _("We need to know who you are first: document and birth date.")
)
CONSENT_REQUIRED = ErrorCode(
    "CONSENT_REQUIRED", 403, _("To register, you must first agree that the clinic stores your data.")
)
REGISTRATION_REFUSED = ErrorCode(
    "REGISTRATION_REFUSED",
    403,
    _("We could not register you here. If you have been to the clinic before, identify yourself, or contact us."),
)
SLOT_NOT_FOUND = ErrorCode("SLOT_NOT_FOUND", 404, _("This time is not offered; look for free times again."))
APPOINTMENT_NOT_FOUND = ErrorCode("APPOINTMENT_NOT_FOUND", 404, _("You have no such appointment."))
SLOT_TAKEN = ErrorCode("SLOT_TAKEN", 409, _("Somebody else has just taken this time; choose another one."))
HOLD_EXPIRED = ErrorCode(
    "HOLD_EXPIRED", 409, _("This time was held for you for a while and is no longer free; choose another one.")
)
APPOINTMENT_OVERLAP = ErrorCode(
    "APPOINTMENT_OVERLAP", 409, _("You already have an appointment at that time; move or cancel it first.")
)
APPOINTMENT_NOT_BOOKED = ErrorCode(
    "APPOINTMENT_NOT_BOOKED", 409, _("This appointment is not booked, so it cannot be moved.")
)
APPOINTMENT_NOT_BEGUN = ErrorCode(
    "APPOINTMENT_NOT_BEGUN", 409, _("Whether the patient came can be said once the appointment has begun.")
)
APPOINTMENT_ALREADY_CANCELLED = ErrorCode(
    "APPOINTMENT_ALREADY_CANCELLED", 409, _("This appointment was cancelled already.")
)
APPOINTMENT_PAST = ErrorCode("APPOINTMENT_PAST", 409, _("This appointment is in the past."))
IDENTITY_NOT_STATED = ErrorCode(
    "IDENTITY_NOT_STATED",
    422,
    _("Ask the person to write this themselves in the conversation; only what they wrote counts."),
)
UNKNOWN_DOCUMENT_TYPE = ErrorCode("UNKNOWN_DOCUMENT_TYPE", 422, _("There is no such type of document."))
UNLIKELY_BIRTH_DATE = ErrorCode("UNLIKELY_BIRTH_DATE", 422, _("This birth date cannot be right."))
DATES_REVERSED = ErrorCode("DATES_REVERSED", 422, _("The last day is before the first."))
IDENTITY_LOCKED = ErrorCode(
    "IDENTITY_LOCKED", 429, _("There were too many attempts to identify. Try again later, or contact the clinic.")
)
