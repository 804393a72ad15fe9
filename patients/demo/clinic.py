"""The demo clinic's agenda: who works when, and the appointments that stand already."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path

from django.utils import timezone

from healthmate.common.clock import local_today, now
from patients.models import Appointment, Patient, Practitioner, Slot
from patients.scheduling import confirm_appointment, new_reference, propose_appointment

PEOPLE = Path(__file__).parent / "fhir"
SYSTEM = "https://healthmate.demo/profesionales"
WEEKS = 3
VISIT = timedelta(minutes=30)
SATURDAY = 5

MORNINGS = ((8, 12),)
WHOLE_DAYS = ((8, 12), (14, 17))
AFTERNOONS = ((14, 18),)
EVENINGS = ((15, 20),)


@dataclass(frozen=True)
class Shift:
    """A practitioner, on which weekdays (Monday is 0) and between which hours they see patients."""

    identifier: str
    name: str
    specialty: str
    weekdays: tuple[int, ...]
    hours: tuple[tuple[int, int], ...]


SHIFTS = (
    Shift("1001", "Dra. Elena Restrepo", "Medicina general", (0, 1, 2, 3, 4), WHOLE_DAYS),
    Shift("1002", "Dr. Mateo Quintero", "Medicina general", (0, 2, 4), AFTERNOONS),
    Shift("1003", "Dra. Marcela Ospina", "Pediatría", (0, 1, 2, 3, 4), MORNINGS),
    Shift("1004", "Dr. Julián Castaño", "Cardiología", (1, 3), WHOLE_DAYS),
    Shift("1005", "Dr. Tomás Arango", "Dermatología", (0, 3), AFTERNOONS),
    Shift("1006", "Dra. Paula Benavides", "Ginecología", (1, 2, 4), MORNINGS),
    Shift("1007", "Lic. Andrea Zuluaga", "Psicología", (0, 1, 2, 3), EVENINGS),
    Shift("1008", "Dra. Lucía Fajardo", "Odontología", (2, 4), WHOLE_DAYS),
)
# Identifier of a patient and of a practitioner, days ago, hour, reason.
PAST = (
    ("30995750", "1001", 28, 9, "Control de diabetes e hipertensión"),
    ("19384756", "1004", 40, 10, "Control de cardiología"),
    ("1019876543", "1006", 35, 11, "Control prenatal"),
)
COMING = (("80123456", "1001", "Control de asma"), ("1019876543", "1006", "Control prenatal"))


def open_agenda() -> int:
    """Make sure of the practitioners and of their slots for the next three weeks; how many slots are new."""
    practitioners = _practitioners()
    before = Slot.objects.count()
    Slot.objects.bulk_create(
        (
            Slot(practitioner=practitioners[shift.identifier], starts_at=start, ends_at=start + VISIT)
            for shift in SHIFTS
            for start in _starts(shift)
        ),
        ignore_conflicts=True,
    )
    return Slot.objects.count() - before


def fill_agenda() -> None:
    """Make sure of the visits of the past, and that those who come back have their next one booked."""
    for number, identifier, days, hour, reason in PAST:
        _past_visit(_patient(number), _practitioner(identifier), days, hour, reason)
    for number, identifier, reason in COMING:
        _next_visit(_patient(number), _practitioner(identifier), reason)


def _practitioners() -> dict[str, Practitioner]:
    return {
        shift.identifier: Practitioner.objects.get_or_create(
            identifier_system=SYSTEM,
            identifier=shift.identifier,
            defaults={"full_name": shift.name, "specialty": shift.specialty},
        )[0]
        for shift in SHIFTS
    }


def _starts(shift: Shift) -> list[datetime]:
    today = local_today()
    days = [today + timedelta(days=ahead) for ahead in range(WEEKS * 7 + 1)]
    return [
        start
        for day in days
        if day.weekday() in shift.weekdays
        for first, last in shift.hours
        for half_hour in range((last - first) * 2)
        if (start := _at(day, first) + half_hour * VISIT) > now()
    ]


def _at(day: date, hour: int) -> datetime:
    return timezone.make_aware(datetime.combine(day, time(hour)))


def _patient(number: str) -> Patient:
    return Patient.objects.get(identifiers__normalized=number, identifiers__document_type__issuer_scoped=False)


def _practitioner(identifier: str) -> Practitioner:
    return Practitioner.objects.get(identifier_system=SYSTEM, identifier=identifier)


def _past_visit(patient: Patient, practitioner: Practitioner, days: int, hour: int, reason: str) -> None:
    if patient.appointments.filter(status=Appointment.Status.FULFILLED).exists():
        return
    day = local_today() - timedelta(days=days)
    day -= timedelta(days=max(day.weekday() - SATURDAY + 1, 0))  # on a Friday, if it fell on a weekend
    start = _at(day, hour)
    slot, _ = Slot.objects.get_or_create(
        practitioner=practitioner, starts_at=start, defaults={"ends_at": start + VISIT}
    )
    Appointment.objects.create(
        patient=patient, slot=slot, status=Appointment.Status.FULFILLED, reference=new_reference(), reason=reason
    )


def _next_visit(patient: Patient, practitioner: Practitioner, reason: str) -> None:
    """Book the last free slot of the agenda, which leaves the next days to whoever tries the demo."""
    if patient.appointments.filter(status=Appointment.Status.BOOKED, slot__starts_at__gt=now()).exists():
        return
    free = practitioner.slots.filter(starts_at__gt=now(), blocked=False, appointments=None)
    if slot := free.order_by("-starts_at").first():
        held = propose_appointment(patient_id=patient.pk, slot_id=slot.pk, reason=reason)
        confirm_appointment(patient_id=patient.pk, appointment_id=held.pk)
