"""Reads of the agenda and of patients, each limited to what the caller may see."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from django.db.models import Exists, OuterRef, QuerySet
from django.db.models.functions import ExtractHour, ExtractMinute
from django.utils import timezone

from healthmate.common.clock import local_today, now
from healthmate.common.dates import AFTERNOON, EVENING, MORNING, Hours, hours_in, part_of_day_of, span_of
from healthmate.common.errors import ApiError
from healthmate.common.text import fold
from patients import errors
from patients.identity import spellings
from patients.models import Appointment, ClinicalRecord, DocumentType, Patient, PatientIdentifier, Practitioner, Slot
from patients.scheduling import is_live
from patients.specialties import matching_specialties
from patients.withdrawn import is_withdrawn

RECENT = timedelta(days=180)
MAX_TYPE = 2**15  # document types are small integers
PARTS = {MORNING: (0, 12), AFTERNOON: (12, 18), EVENING: (18, 24)}  # local hours, the last one excluded
NEARLY = 60  # minutes: who asks for an hour takes one close to it
TITLES = frozenset(["dr", "dra", "doctor", "doctora", "lic", "prof", "el", "la", "con", "the", "with"])


@dataclass(frozen=True, kw_only=True)
class SlotSearch:
    """What a patient looks for; `when` is their own words, which explicit dates and parts overrule."""

    specialty: str | None = None
    practitioner: str | None = None
    date_from: date | None = None
    date_to: date | None = None
    part_of_day: str | None = None
    when: str | None = None

    def days(self) -> tuple[date | None, date | None]:
        """First and last day, both included, None where it is open; raises DATES_REVERSED."""
        first, last = self.date_from, self.date_to
        if not first and not last and self.when and (span := span_of(self.when, local_today())):
            first, last = span
        if first and last and last < first:
            raise ApiError(errors.DATES_REVERSED)
        return first, last

    def hours(self) -> Hours | None:
        """The stretch of the day that their words name; an hour gives what lies around it."""
        hours = hours_in(self.when) if self.when and not self.part_of_day else None
        return Hours(hours.first - NEARLY, hours.last + NEARLY) if hours and hours.is_moment else hours

    def part(self) -> str | None:
        """The part of the day that is asked for."""
        return self.part_of_day or (part_of_day_of(self.when) if self.when else None)


@dataclass(frozen=True, kw_only=True)
class KnownPatient:
    """A patient with the document that found them."""

    patient_id: int
    full_name: str
    document_type: str
    document_number: str


def patient_by_document(*, document_type_id: int, document_number: str) -> KnownPatient | None:
    """The one patient with that document; None for an unknown type, an unknown number, and one that two patients have.

    For those who may read every record: nothing is proved by knowing a number.
    """
    kind = DocumentType.objects.filter(id=document_type_id).first() if 0 < document_type_id < MAX_TYPE else None
    if kind is None:
        return None
    found = list(
        PatientIdentifier.objects.filter(document_type=kind, normalized__in=spellings(document_number, kind))
        .select_related("patient")
        .order_by("patient_id", "id")[:10]
    )
    if len({identifier.patient_id for identifier in found}) != 1:
        return None
    patient = found[0].patient
    return KnownPatient(
        patient_id=patient.pk,
        full_name=patient.full_name,
        document_type=kind.code,
        document_number=found[0].number,
    )


def count_records(*, patient_id: int) -> int:
    """How many clinical records the patient has, without those that were entered in error."""
    wrong = ClinicalRecord.objects.filter(is_withdrawn(), pk=OuterRef("pk"))
    return ClinicalRecord.objects.filter(~Exists(wrong), patient_id=patient_id).count()


def free_slots(search: SlotSearch, *, limit: int = 8) -> list[Slot]:
    """The first free slots that fit, with their practitioners, earliest first."""
    slots = _by_practitioner(_offered(), search)
    first, last = search.days()
    if first:
        slots = slots.filter(starts_at__gte=_midnight(first))
    if last and last < date.max:  # nothing comes after the calendar's last day
        slots = slots.filter(starts_at__lt=_midnight(last + timedelta(days=1)))
    zone = timezone.get_default_timezone()
    if hours := search.hours():
        minute = ExtractHour("starts_at", tzinfo=zone) * 60 + ExtractMinute("starts_at", tzinfo=zone)
        slots = slots.annotate(minute=minute).filter(minute__gte=hours.first, minute__lte=hours.last)
    elif part := search.part():
        start, end = PARTS[part]
        slots = slots.annotate(hour=ExtractHour("starts_at", tzinfo=zone)).filter(hour__gte=start, hour__lt=end)
    return list(slots.select_related("practitioner").order_by("starts_at", "id")[:limit])


def nearest_slots(search: SlotSearch, *, limit: int = 4) -> list[Slot]:
    """Free slots of the same specialty and practitioner when none fits the days: the next after, else the first."""
    slots = _by_practitioner(_offered(), search).select_related("practitioner").order_by("starts_at", "id")
    first, _last = search.days()
    after = list(slots.filter(starts_at__gte=_midnight(first))[:limit]) if first else []
    return after or list(slots[:limit])


def offered_specialties() -> list[str]:
    """The specialties for which there are free slots."""
    slots = _offered().exclude(practitioner__specialty="")
    # Ordered by the name alone: the slots' own order would make every time of day a different row.
    return list(slots.order_by("practitioner__specialty").values_list("practitioner__specialty", flat=True).distinct())


def appointments_of(*, patient_id: int) -> tuple[list[Appointment], list[Appointment]]:
    """The patient's own appointments: live ones to come, earliest first, and the last few before now."""
    own = Appointment.objects.filter(patient_id=patient_id).select_related("slot__practitioner")
    upcoming = own.filter(is_live(), slot__starts_at__gt=now()).order_by("slot__starts_at")
    recent = own.filter(slot__starts_at__lte=now(), slot__starts_at__gt=now() - RECENT).exclude(
        status__in=(Appointment.Status.PENDING, Appointment.Status.CANCELLED)
    )
    return list(upcoming), list(recent.order_by("-slot__starts_at")[:5])


def document_types() -> dict[str, str]:
    """Names of the documents that identify people, by their code."""
    return dict(DocumentType.objects.values_list("code", "name"))


def first_name_of(patient: Patient) -> str:
    """How to address a patient."""
    return (patient.given_name or patient.full_name).split(" ")[0]


def _offered() -> QuerySet[Slot]:
    taken = Appointment.objects.filter(is_live(), slot=OuterRef("pk"))
    return Slot.objects.filter(~Exists(taken), blocked=False, practitioner__active=True, starts_at__gt=now())


def _by_practitioner(slots: QuerySet[Slot], search: SlotSearch) -> QuerySet[Slot]:
    """The slots of those who are asked for; names and specialties are few, so they are compared here."""
    if not search.specialty and not search.practitioner:
        return slots
    offering = Practitioner.objects.filter(active=True, slots__starts_at__gt=now()).distinct()
    chosen = dict(offering.values_list("pk", "specialty"))
    if search.specialty:
        specialties = set(matching_specialties(search.specialty, set(chosen.values())))
        chosen = {pk: specialty for pk, specialty in chosen.items() if specialty in specialties}
    if search.practitioner:
        wanted = set(fold(search.practitioner).replace(".", " ").split()) - TITLES
        names = offering.filter(pk__in=chosen).values_list("pk", "full_name")
        chosen = {pk: "" for pk, name in names if wanted and wanted <= set(fold(name).replace(".", " ").split())}
    return slots.filter(practitioner_id__in=chosen)


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min), timezone.get_default_timezone())
