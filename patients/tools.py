"""The tools that the patients' app offers to `chat`, which finds them by the paths in `CHAT_TOOLS`.

An appointment in `ToolResult.data` is `{appointment_id, status, starts_at, label, practitioner, specialty}`
with `expires_at` while it is held and `reference` once it is booked. Instants are ISO 8601 with the
clinic's offset, `label` is the same in words. A refusal's `data` is `{error: {code, message}, ...details}`.
"""

from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import Any, TypeVar

from django.utils import timezone, translation

from healthmate.common.errors import ApiError
from healthmate.common.tools import (
    IdentityGrant,
    IdentityLevel,
    Tool,
    ToolArguments,
    ToolContext,
    ToolResult,
    refuse,
    tool,
)
from patients import errors, identity, labels, scheduling, selectors
from patients.access import record_access
from patients.models import Appointment, Patient, Slot
from patients.stated import stated_date, stated_number, stated_text, stated_words
from patients.tool_arguments import (
    Cancellation,
    Confirmation,
    Document,
    Move,
    Nothing,
    Proposal,
    Registration,
    SlotWish,
)

Args = TypeVar("Args", bound=ToolArguments)


def patients_tool(
    *,
    arguments: type[Args],
    level: IdentityLevel = IdentityLevel.ANONYMOUS,
    writes: bool = False,
    needs_consent: bool = False,
    waits_after: tuple[str, ...] = (),
) -> Callable[[Callable[[Args, ToolContext], ToolResult]], Tool[Args]]:
    """Declare a tool whose refusals are `ApiError`s, told in the person's language."""

    def declare(function: Callable[[Args, ToolContext], ToolResult]) -> Tool[Args]:
        @wraps(function)
        def answer(args: Args, context: ToolContext) -> ToolResult:
            with translation.override(context.language):
                try:
                    return function(args, context)
                except ApiError as error:
                    return refuse(error.error.code, str(error.message), **(error.details or {}))

        return tool(
            arguments=arguments, level=level, writes=writes, needs_consent=needs_consent, waits_after=waits_after
        )(answer)

    return declare


@patients_tool(arguments=Document, writes=True)
def fetch_patient_info(args: Document, context: ToolContext) -> ToolResult:
    """Identify the person who is writing by their document and birth date.

    Needed once before appointments can be proposed, listed, moved or cancelled. Ask the person for
    the type and number of their document and their birth date first; never invent or complete them.
    """
    _require_stated(args, context)
    patient = identity.identify(
        document_type=args.document_type,
        document_number=args.document_number,
        birth_date=args.birth_date,
        thread_id=context.thread_id,
        actor=context.actor,
    )
    return _identified(patient, context, purpose="identification")


@patients_tool(arguments=Registration, writes=True, needs_consent=True)
def create_patient(args: Registration, context: ToolContext) -> ToolResult:
    """Register a new patient, only when the person says that they have never been to this clinic.

    Ask for the type and number of their document, full name and birth date, and offer to take a
    phone number and an email address. The person must agree that their data is stored.
    """
    if not context.consent:
        raise ApiError(errors.CONSENT_REQUIRED)
    _require_stated(args, context)
    patient, created = identity.register(
        document_type=args.document_type,
        document_number=args.document_number,
        full_name=" ".join(args.full_name.split()),
        birth_date=args.birth_date,
        consent=context.consent,
        thread_id=context.thread_id,
        actor=context.actor,
        phone=args.phone or "",
        email=args.email or "",
    )
    result = _identified(patient, context, purpose="registration", registered=created)
    if not created:
        return result
    receipt = labels.registered_receipt(patient, language=context.language)
    return ToolResult(ok=True, data=result.data, identity=result.identity, did="registered", receipt=receipt)


@patients_tool(arguments=SlotWish)
def find_slots(args: SlotWish, context: ToolContext) -> ToolResult:
    """Find free times in the clinic's agenda, by specialty, doctor and when.

    `slots` are the earliest that fit. When none fits, `alternatives` are the nearest of the same specialty
    and doctor. When none fits, or neither specialty nor doctor was named, `specialties` are those that the
    clinic has. Offer only what this returns.
    """
    search = selectors.SlotSearch(**args.model_dump())
    slots = selectors.free_slots(search)
    data: dict[str, Any] = {
        "slots": [_slot(slot, context) for slot in slots],
        "timezone": timezone.get_default_timezone_name(),
    }
    if not slots:
        data["alternatives"] = [_slot(slot, context) for slot in selectors.nearest_slots(search)]
    if not slots or not (args.specialty or args.practitioner):
        data["specialties"] = selectors.offered_specialties()
    return ToolResult(ok=True, data=data)


@patients_tool(arguments=Proposal, level=IdentityLevel.MATCHED, writes=True)
def propose_appointment(args: Proposal, context: ToolContext) -> ToolResult:
    """Hold a free time for the person for ten minutes, before they confirm it.

    Then ask them to confirm. It is not booked until confirm_appointment succeeds.
    """
    hold = scheduling.propose_appointment(
        patient_id=_patient_id(context),
        slot_id=args.slot_id,
        thread_id=context.thread_id,
        reason=args.reason or "",
    )
    return ToolResult(ok=True, data=_appointment(hold, context))


@patients_tool(arguments=Confirmation, level=IdentityLevel.MATCHED, writes=True, waits_after=("propose_appointment",))
def confirm_appointment(args: Confirmation, context: ToolContext) -> ToolResult:
    """Book the time that is held, after the person has agreed to it."""
    booked = scheduling.confirm_appointment(patient_id=_patient_id(context), appointment_id=args.appointment_id)
    receipt = labels.booked_receipt(booked, language=context.language)
    return ToolResult(ok=True, data=_appointment(booked, context), did="booked", receipt=receipt)


@patients_tool(arguments=Move, level=IdentityLevel.MATCHED, writes=True)
def move_appointment(args: Move, context: ToolContext) -> ToolResult:
    """Move a booked appointment to another free time, after the person has agreed to that time."""
    moved = scheduling.move_appointment(
        patient_id=_patient_id(context), appointment_id=args.appointment_id, slot_id=args.slot_id
    )
    receipt = labels.moved_receipt(moved, language=context.language)
    return ToolResult(ok=True, data=_appointment(moved, context), did="moved", receipt=receipt)


@patients_tool(arguments=Cancellation, level=IdentityLevel.MATCHED, writes=True)
def cancel_appointment(args: Cancellation, context: ToolContext) -> ToolResult:
    """Cancel one of the person's appointments, or let go of a time that is held for them."""
    cancelled = scheduling.cancel_appointment(
        patient_id=_patient_id(context), appointment_id=args.appointment_id, reason=args.reason or ""
    )
    receipt = labels.cancelled_receipt(cancelled, language=context.language)
    return ToolResult(ok=True, data=_appointment(cancelled, context), did="cancelled", receipt=receipt)


@patients_tool(arguments=Nothing, level=IdentityLevel.MATCHED)
def list_appointments(args: Nothing, context: ToolContext) -> ToolResult:
    """List the person's own appointments: `appointments` to come and `recent` ones."""
    patient_id = _patient_id(context)
    upcoming, recent = selectors.appointments_of(patient_id=patient_id)
    _record(context, patient_id, purpose="appointments", shown=len(upcoming) + len(recent))
    return ToolResult(
        ok=True,
        data={
            "appointments": [_appointment(appointment, context) for appointment in upcoming],
            "recent": [_appointment(appointment, context) for appointment in recent],
            "timezone": timezone.get_default_timezone_name(),
        },
    )


def _patient_id(context: ToolContext) -> int:
    """Whose data this call may touch: the thread's own patient, never an argument."""
    if context.patient_id is None or context.level < IdentityLevel.MATCHED:
        raise ApiError(errors.IDENTITY_REQUIRED)
    return context.patient_id


def _require_stated(args: Document, context: ToolContext) -> None:
    """IDENTITY_NOT_STATED, with `missing`, unless the person wrote all of this in the conversation."""
    bare = args.document_number.upper().removeprefix(args.document_type.upper())
    stated = {
        "document_number": stated_number(args.document_number, context.said) or stated_number(bare, context.said),
        "birth_date": stated_date(args.birth_date, context.said),
    }
    if isinstance(args, Registration):
        stated["full_name"] = stated_words(args.full_name, context.said)
        stated["phone"] = not args.phone or stated_number(args.phone, context.said)
        stated["email"] = not args.email or stated_text(args.email, context.said)
    if missing := [name for name, was_said in stated.items() if not was_said]:
        raise ApiError(errors.IDENTITY_NOT_STATED, details={"missing": missing})


def _identified(patient: Patient, context: ToolContext, *, purpose: str, **data: Any) -> ToolResult:
    _record(context, patient.pk, purpose=purpose)
    return ToolResult(
        ok=True,
        data={"identified": True, "first_name": selectors.first_name_of(patient), **data},
        identity=IdentityGrant(patient_id=patient.pk, level=IdentityLevel.MATCHED),
    )


def _record(context: ToolContext, patient_id: int, *, purpose: str, **details: Any) -> None:
    record_access(
        patient_id=patient_id,
        actor=context.actor,
        purpose=purpose,
        thread_id=context.thread_id,
        run_id=context.run_id,
        details=details,
    )


def _slot(slot: Slot, context: ToolContext) -> dict[str, Any]:
    return {
        "slot_id": slot.pk,
        "starts_at": _iso(slot.starts_at),
        "label": labels.time_label(slot.starts_at, language=context.language),
        "practitioner": slot.practitioner.full_name,
        "specialty": slot.practitioner.specialty,
    }


def _appointment(appointment: Appointment, context: ToolContext) -> dict[str, Any]:
    slot = appointment.slot
    data: dict[str, Any] = {
        "appointment_id": str(appointment.pk),
        "status": str(appointment.status),
        "starts_at": _iso(slot.starts_at),
        "label": labels.time_label(slot.starts_at, language=context.language),
        "practitioner": slot.practitioner.full_name,
        "specialty": slot.practitioner.specialty,
    }
    if appointment.status == Appointment.Status.PENDING and appointment.expires_at:
        data["expires_at"] = _iso(appointment.expires_at)
    if appointment.reference:
        data["reference"] = appointment.reference
    return data


def _iso(moment: datetime) -> str:
    return timezone.localtime(moment).isoformat()
