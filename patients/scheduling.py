"""The agenda's writes: hold, book, move and cancel, each safe against two patients at once.

The patient's row is locked first, then the slot's, then the appointment's, always in this order (several of
one kind by key): the first keeps a patient from taking two times that overlap and the clinic from closing
what is being changed, the second keeps two patients from taking one time, the third keeps everybody else out.
"""

import secrets
from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet

from healthmate.common.clock import now
from healthmate.common.errors import ApiError, ErrorCode
from patients import errors
from patients.models import Appointment, Patient, Slot

HOLD_TIME = timedelta(minutes=10)
REFERENCE_ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"  # nothing that is mistaken when read aloud or copied
REFERENCE_LENGTH = 6
EXPIRED, RELEASED = "hold expired", "another time was chosen"

Status = Appointment.Status
OPEN = (Status.PENDING, Status.BOOKED)


def is_live() -> Q:
    """Appointments that occupy their slot now: booked, or held and not expired."""
    return Q(status=Status.BOOKED) | Q(status=Status.PENDING, expires_at__gt=now())


def is_offered(slot: Slot) -> bool:
    """Whether patients may have this slot, if nobody else has it."""
    return not slot.blocked and slot.practitioner.active and slot.starts_at > now()


@transaction.atomic
def propose_appointment(
    *, patient_id: int, slot_id: int, thread_id: UUID | None = None, reason: str = ""
) -> Appointment:
    """Hold a free slot for ten minutes; what the patient held before in this thread is let go.

    Proposing again what is held already renews the hold. Raises SLOT_NOT_FOUND, SLOT_TAKEN and
    APPOINTMENT_OVERLAP.
    """
    _lock_patient(patient_id)
    slot = _lock_slot(slot_id)
    _refuse_taken(slot, patient_id)
    holds = Appointment.objects.filter(patient_id=patient_id, status=Status.PENDING)
    hold = holds.filter(slot=slot).select_for_update(of=("self",)).first() or Appointment(patient_id=patient_id)
    _clear_time(patient_id, slot, besides=hold)
    if thread_id:
        _close(holds.filter(thread_id=thread_id).exclude(pk=hold.pk), because=RELEASED)
    hold.slot = slot
    hold.reason = reason or hold.reason
    hold.thread_id = thread_id or hold.thread_id
    hold.expires_at = now() + HOLD_TIME
    renewed = ["reason", "thread_id", "expires_at", "updated_at"]
    hold.save(update_fields=None if hold._state.adding else renewed)
    return hold


@transaction.atomic
def confirm_appointment(*, patient_id: int, appointment_id: UUID) -> Appointment:
    """Book what the patient holds and give it a reference; confirming a booked one again changes nothing.

    A hold that has expired is booked all the same while its slot is free. Raises
    APPOINTMENT_NOT_FOUND, APPOINTMENT_ALREADY_CANCELLED, APPOINTMENT_PAST, APPOINTMENT_OVERLAP and
    HOLD_EXPIRED.
    """
    _lock_patient(patient_id)
    slot_id = _own(patient_id, appointment_id).slot_id
    slot = _lock_slot(slot_id, offered=False)
    appointment = _own(patient_id, appointment_id, lock=True)  # as it is now that nobody else can close it
    if appointment.status == Status.BOOKED:
        return appointment
    if appointment.status != Status.PENDING and not appointment.lapsed:
        raise ApiError(_why_closed(appointment))
    if not is_offered(slot):
        raise ApiError(errors.HOLD_EXPIRED)
    _refuse_taken(slot, patient_id, error=errors.HOLD_EXPIRED)
    _clear_time(patient_id, slot, besides=appointment)
    appointment.status = Status.BOOKED
    appointment.reference = new_reference()
    appointment.expires_at = None
    appointment.cancel_reason = ""
    appointment.lapsed = False
    appointment.save(
        update_fields=["status", "reference", "expires_at", "cancel_reason", "lapsed", "updated_at"],
    )
    return appointment


@transaction.atomic
def move_appointment(*, patient_id: int, appointment_id: UUID, slot_id: int) -> Appointment:
    """Take a booked appointment to another free slot; its id and its reference stay.

    Moving to where it is already changes nothing. Raises APPOINTMENT_NOT_FOUND,
    APPOINTMENT_NOT_BOOKED, APPOINTMENT_ALREADY_CANCELLED, APPOINTMENT_PAST, SLOT_NOT_FOUND,
    SLOT_TAKEN and APPOINTMENT_OVERLAP.
    """
    _lock_patient(patient_id)
    slot = _lock_slot(slot_id, offered=False)
    appointment = _own(patient_id, appointment_id, lock=True)
    if appointment.status == Status.PENDING:
        raise ApiError(errors.APPOINTMENT_NOT_BOOKED)
    if appointment.status != Status.BOOKED or appointment.slot.starts_at <= now():
        raise ApiError(_why_closed(appointment))
    if appointment.slot_id == slot_id:
        return appointment
    if not is_offered(slot):
        raise ApiError(errors.SLOT_NOT_FOUND)
    _refuse_taken(slot, patient_id)
    _clear_time(patient_id, slot, besides=appointment)
    appointment.slot = slot
    appointment.save(update_fields=["slot", "updated_at"])
    return appointment


@transaction.atomic
def cancel_appointment(*, patient_id: int, appointment_id: UUID, reason: str = "") -> Appointment:
    """Cancel what the patient has booked or holds, which frees its slot.

    Raises APPOINTMENT_NOT_FOUND, APPOINTMENT_ALREADY_CANCELLED and APPOINTMENT_PAST.
    """
    _lock_patient(patient_id)
    appointment = _own(patient_id, appointment_id, lock=True)
    if appointment.status not in OPEN or appointment.slot.starts_at <= now():
        raise ApiError(_why_closed(appointment))
    appointment.status = Status.CANCELLED
    appointment.cancel_reason = reason
    appointment.save(update_fields=["status", "cancel_reason", "updated_at"])
    return appointment


@transaction.atomic
def book_by_clinic(*, patient_id: int, slot_id: int, reason: str = "") -> Appointment:
    """Book a free slot for a patient at once, under the rules that hold for patients too.

    Raises SLOT_NOT_FOUND, SLOT_TAKEN and APPOINTMENT_OVERLAP.
    """
    hold = propose_appointment(patient_id=patient_id, slot_id=slot_id, reason=reason)
    return confirm_appointment(patient_id=patient_id, appointment_id=hold.pk)


@transaction.atomic
def cancel_by_clinic(*, appointment_ids: Iterable[UUID], reason: str) -> int:
    """Cancel these appointments for the clinic, those that are booked or held; how many."""
    return _close(_locked(appointment_ids).filter(status__in=OPEN), because=reason)


@transaction.atomic
def close_by_clinic(*, appointment_ids: Iterable[UUID], came: bool, correcting: bool = False) -> int:
    """Say of booked appointments that have begun whether the patient came; how many.

    `correcting` also changes what was said before.
    """
    status = Status.FULFILLED if came else Status.NOSHOW
    known = (Status.BOOKED, Status.FULFILLED, Status.NOSHOW) if correcting else (Status.BOOKED,)
    begun = _locked(appointment_ids).filter(status__in=known, slot__starts_at__lte=now())
    return begun.update(status=status, updated_at=now())


@transaction.atomic
def block_slots(*, slot_ids: Iterable[int], blocked: bool) -> int:
    """Take slots out of what is offered, or put them back; appointments in them stay. How many changed."""
    slots = Slot.objects.filter(pk__in=list(slot_ids)).exclude(blocked=blocked)
    return slots.update(blocked=blocked)


def new_reference() -> str:
    """A reference code that no appointment has, like HM-7K3Q9X."""
    while True:
        reference = "HM-" + "".join(secrets.choice(REFERENCE_ALPHABET) for _ in range(REFERENCE_LENGTH))
        if not Appointment.objects.filter(reference=reference).exists():
            return reference


def _lock_patient(patient_id: int) -> None:
    if not Patient.objects.select_for_update(no_key=True).filter(pk=patient_id).values_list("pk", flat=True):
        raise ApiError(errors.APPOINTMENT_NOT_FOUND)


def _lock_slot(slot_id: int, *, offered: bool = True) -> Slot:
    """The slot, locked; SLOT_NOT_FOUND if there is none, or if it must be `offered` and is not."""
    slots = Slot.objects.select_related("practitioner").select_for_update(of=("self",), no_key=True)
    slot = slots.filter(pk=slot_id).first()
    if slot is None or (offered and not is_offered(slot)):
        raise ApiError(errors.SLOT_NOT_FOUND)
    return slot


def _refuse_taken(slot: Slot, patient_id: int, *, error: ErrorCode = errors.SLOT_TAKEN) -> None:
    """Raise `error` if somebody else has a locked slot; an expired hold in it lapses on the way."""
    expired = slot.appointments.filter(status=Status.PENDING, expires_at__lte=now())
    _close(expired, because=EXPIRED, lapsed=True)
    if slot.appointments.filter(status__in=OPEN).exclude(patient_id=patient_id).exists():
        raise ApiError(error)


def _clear_time(patient_id: int, slot: Slot, *, besides: Appointment) -> None:
    """Let go of the patient's other holds while the slot lasts; APPOINTMENT_OVERLAP if one is booked."""
    others = Appointment.objects.filter(
        patient_id=patient_id, status__in=OPEN, slot__starts_at__lt=slot.ends_at, slot__ends_at__gt=slot.starts_at
    ).exclude(pk=besides.pk)
    _close(others.filter(status=Status.PENDING), because=RELEASED)
    if overlapping := others.filter(status=Status.BOOKED).first():
        raise ApiError(errors.APPOINTMENT_OVERLAP, details={"appointment_id": str(overlapping.pk)})


def _own(patient_id: int, appointment_id: UUID, *, lock: bool = False) -> Appointment:
    own = Appointment.objects.filter(patient_id=patient_id, pk=appointment_id)
    if lock:
        own = own.select_for_update(of=("self",))
    appointment = own.select_related("slot__practitioner").first()
    if appointment is None:
        raise ApiError(errors.APPOINTMENT_NOT_FOUND)
    return appointment


def _locked(appointment_ids: Iterable[UUID]) -> QuerySet[Appointment]:
    """These appointments with their patients locked, read after whoever was changing them has finished."""
    chosen = Appointment.objects.filter(pk__in=list(appointment_ids))
    patients = Patient.objects.filter(pk__in=chosen.values("patient_id")).order_by("pk")
    list(patients.select_for_update(no_key=True).values_list("pk", flat=True))
    list(chosen.order_by("pk").select_for_update(of=("self",)).values_list("pk", flat=True))
    return chosen


def _why_closed(appointment: Appointment) -> ErrorCode:
    cancelled = appointment.status == Status.CANCELLED
    return errors.APPOINTMENT_ALREADY_CANCELLED if cancelled else errors.APPOINTMENT_PAST


def _close(appointments: QuerySet[Appointment], *, because: str, lapsed: bool = False) -> int:
    return appointments.update(status=Status.CANCELLED, cancel_reason=because, lapsed=lapsed, updated_at=now())
