"""Appointments: staff book, move, cancel and close them through the agenda's own services."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from healthmate.common.errors import ApiError
from patients import errors
from patients.admin.agenda import WithSlotsFilter
from patients.admin.base import NotesAccess
from patients.models import Appointment, Practitioner
from patients.scheduling import (
    book_by_clinic,
    cancel_by_clinic,
    close_by_clinic,
    confirm_appointment,
    move_appointment,
)

BY_CLINIC = "cancelled by the clinic"
Status = Appointment.Status
NEXT: dict[str, tuple[Status, ...]] = {
    Status.PENDING: (Status.BOOKED, Status.CANCELLED),
    Status.BOOKED: (Status.CANCELLED, Status.FULFILLED, Status.NOSHOW),
    Status.FULFILLED: (Status.NOSHOW,),
    Status.NOSHOW: (Status.FULFILLED,),
    Status.CANCELLED: (),
}
# What the services tell a patient, as staff must read it: the field that it is about and the words.
STAFF_WORDS: dict[str, tuple[str, Promise]] = {
    errors.SLOT_NOT_FOUND.code: (
        "slot",
        _("This slot is not offered: it is blocked or past, or takes no appointments."),
    ),
    errors.SLOT_TAKEN.code: ("slot", _("Another patient has this slot.")),
    errors.HOLD_EXPIRED.code: ("status", _("The time is no longer held, and its slot is not free any more.")),
    errors.APPOINTMENT_OVERLAP.code: ("slot", _("The patient has another appointment at that time.")),
}


class AppointmentPractitionerFilter(WithSlotsFilter):
    """The practitioners who have an agenda, through the slot."""

    path = "slot__practitioner_id"


class AppointmentForm(forms.ModelForm[Appointment]):
    """What staff ask of the agenda; it checks the form alone and writes nothing."""

    refusal: ApiError | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if isinstance(status := self.fields.get("status"), forms.ChoiceField):
            now = Status(self.instance.status)
            status.choices = [(one.value, one.label) for one in (now, *NEXT[now])]

    def clean(self) -> dict[str, Any]:
        """The cleaned data, with what the agenda has refused as an error of the form."""
        cleaned = super().clean() or {}
        if self.refusal:
            field, words = STAFF_WORDS.get(self.refusal.error.code, ("", self.refusal.message))
            self.add_error(field if field in self.fields else None, str(words))
        if "cancel_reason" in self.changed_data and cleaned.get("status") != Status.CANCELLED:
            self.add_error("cancel_reason", _("Only for a cancellation: choose that status too."))
        return cleaned

    def _get_validation_exclusions(self) -> set[str]:
        # The services hold the slot's constraint under its lock, where an expired hold lapses; not so a check here.
        return {*super()._get_validation_exclusions(), "slot"}  # type: ignore[misc]


@admin.register(Appointment)
class AppointmentAdmin(NotesAccess):
    """Who comes when; the agenda's rules hold for staff as for patients."""

    form = AppointmentForm
    list_display = ("starts", "patient", "practitioner", "status", "reference", "reason")
    list_filter = ("status", AppointmentPractitionerFilter)
    search_fields = ("reference", "patient__full_name", "patient__identifiers__normalized")
    autocomplete_fields = ("patient", "slot")
    date_hierarchy = "slot__starts_at"
    list_select_related = ("patient", "slot__practitioner")
    actions = ("cancel", "mark_fulfilled", "mark_noshow")

    @admin.display(description=_("starts"), ordering="slot__starts_at")
    def starts(self, appointment: Appointment) -> Any:
        """When the slot begins."""
        return appointment.slot.starts_at

    @admin.display(description=_("practitioner"), ordering="slot__practitioner__full_name")
    def practitioner(self, appointment: Appointment) -> Practitioner:
        """Who sees the patient."""
        return appointment.slot.practitioner

    def get_fields(self, request: HttpRequest, obj: Appointment | None = None) -> tuple[str, ...]:
        """What is needed to book, or all that there is."""
        asked = ("patient", "slot", "reason")
        told = ("reference", "expires_at", "thread_id", "created_at", "updated_at")
        return (*asked, "status", "cancel_reason", *told) if obj else asked

    def get_readonly_fields(self, request: HttpRequest, obj: Appointment | None = None) -> tuple[str, ...]:
        """What nobody types, and what the appointment's status no longer lets anybody change."""
        fixed: tuple[str, ...] = ("reference", "expires_at", "thread_id", "created_at", "updated_at")
        if obj is None:
            return fixed
        fixed += ("patient",)
        if obj.status != Status.BOOKED:
            fixed += ("slot",)
        if not NEXT[obj.status]:
            fixed += ("status",)
        return fixed if Status.CANCELLED in NEXT[obj.status] else (*fixed, "cancel_reason")

    def get_form(
        self, request: HttpRequest, obj: Any | None = None, change: bool = False, **kwargs: Any
    ) -> type[forms.ModelForm[Any]]:
        """The form, with what the agenda refused when this request was tried."""
        form = super().get_form(request, obj, change, **kwargs)
        return type(form.__name__, (form,), {"refusal": getattr(request, "refusal", None)})

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The form; what the agenda refuses is undone as a whole and shown in it."""
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except ApiError as refusal:
            request.refusal = refusal  # type: ignore[attr-defined]
            return super().changeform_view(request, object_id, form_url, extra_context)

    def save_model(self, request: HttpRequest, obj: Appointment, form: Any, change: bool) -> None:
        """Let the agenda's services do what was asked; raises what they refuse."""
        if change:
            _change(obj, form.changed_data)
        else:
            obj.pk = book_by_clinic(patient_id=obj.patient_id, slot_id=obj.slot_id, reason=obj.reason).pk
        obj.refresh_from_db()

    @admin.action(description=_("Cancel the chosen appointments"), permissions=["change"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[Appointment]) -> None:
        """Cancel those that are booked or held."""
        self._tell(request, cancel_by_clinic(appointment_ids=_ids(queryset), reason=BY_CLINIC))

    @admin.action(description=_("The patient came"), permissions=["change"])
    def mark_fulfilled(self, request: HttpRequest, queryset: QuerySet[Appointment]) -> None:
        """Close booked appointments that took place."""
        self._tell(request, close_by_clinic(appointment_ids=_ids(queryset), came=True))

    @admin.action(description=_("The patient did not come"), permissions=["change"])
    def mark_noshow(self, request: HttpRequest, queryset: QuerySet[Appointment]) -> None:
        """Close booked appointments that did not take place."""
        self._tell(request, close_by_clinic(appointment_ids=_ids(queryset), came=False))

    def _tell(self, request: HttpRequest, changed: int) -> None:
        words = ngettext("%d appointment changed.", "%d appointments changed.", changed) % changed
        self.message_user(request, words, messages.SUCCESS if changed else messages.WARNING)


def _ids(appointments: QuerySet[Appointment]) -> list[Any]:
    return list(appointments.values_list("pk", flat=True))


def _change(wanted: Appointment, changed: list[str]) -> None:
    """Bring an appointment to what its form asks for, step by step; raises what the services refuse."""
    if "reason" in changed:
        wanted.save(update_fields=["reason", "updated_at"])
    if "slot" in changed:
        move_appointment(patient_id=wanted.patient_id, appointment_id=wanted.pk, slot_id=wanted.slot_id)
    if "status" in changed:
        STEPS[wanted.status](wanted)


def _book(wanted: Appointment) -> None:
    confirm_appointment(patient_id=wanted.patient_id, appointment_id=wanted.pk)


def _cancel(wanted: Appointment) -> None:
    if not cancel_by_clinic(appointment_ids=[wanted.pk], reason=wanted.cancel_reason or BY_CLINIC):
        raise ApiError(errors.APPOINTMENT_ALREADY_CANCELLED)


def _close(wanted: Appointment) -> None:
    came = wanted.status == Status.FULFILLED
    if not close_by_clinic(appointment_ids=[wanted.pk], came=came, correcting=True):
        raise ApiError(errors.APPOINTMENT_NOT_BEGUN)


STEPS: dict[str, Callable[[Appointment], None]] = {
    Status.BOOKED: _book,
    Status.CANCELLED: _cancel,
    Status.FULFILLED: _close,
    Status.NOSHOW: _close,
}
