"""Times and appointments in a patient's language."""

from datetime import datetime

from django.utils import timezone, translation
from django.utils.dateformat import format as format_date
from django.utils.translation import gettext as _

from healthmate.common.clock import local_today
from patients.models import Appointment, Patient

# Formats of Django's `date` filter: without the year, and with it.
_FORMATS = {
    "es": (r"l j \d\e F, H:i", r"l j \d\e F \d\e Y, H:i"),
    "en": ("l, F j, g:i A", "l, F j, Y, g:i A"),
}


def time_label(moment: datetime, *, language: str) -> str:
    """A moment as the clinic says it, like "martes 24 de noviembre, 10:00"; the year only when it is another."""
    local = timezone.localtime(moment)
    short, long = _FORMATS.get(language.split("-", maxsplit=1)[0], _FORMATS["en"])
    with translation.override(language):
        return format_date(local, short if local.year == local_today().year else long)


def booked_receipt(appointment: Appointment, *, language: str) -> str:
    """The confirmation of a booking, with its reference."""
    with translation.override(language):
        sentence = _("Your appointment is booked: %(when)s with %(practitioner)s. Reference: %(reference)s.")
        return sentence % _facts(appointment, language)


def moved_receipt(appointment: Appointment, *, language: str) -> str:
    """The confirmation of a move; the reference has stayed."""
    with translation.override(language):
        sentence = _("Your appointment was moved: it is now %(when)s with %(practitioner)s. Reference: %(reference)s.")
        return sentence % _facts(appointment, language)


def cancelled_receipt(appointment: Appointment, *, language: str) -> str:
    """The confirmation of a cancellation; what was only held has no reference."""
    with translation.override(language):
        if not appointment.reference:
            sentence = _("The time %(when)s with %(practitioner)s is no longer held for you.")
        else:
            sentence = _("Your appointment %(reference)s, %(when)s with %(practitioner)s, is cancelled.")
        return sentence % _facts(appointment, language)


def registered_receipt(patient: Patient, *, language: str) -> str:
    """The confirmation of a registration."""
    with translation.override(language):
        return _("You are registered, %(name)s.") % {"name": patient.full_name}


def _facts(appointment: Appointment, language: str) -> dict[str, str]:
    practitioner = appointment.slot.practitioner
    specialty = f" ({practitioner.specialty})" if practitioner.specialty else ""
    return {
        "when": time_label(appointment.slot.starts_at, language=language),
        "practitioner": practitioner.full_name + specialty,
        "reference": appointment.reference or "",
    }
