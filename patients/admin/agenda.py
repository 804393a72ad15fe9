"""Practitioners, slots and appointments."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from healthmate.common.clock import now
from patients.admin.base import NotesAccess, pretty_json
from patients.models import Appointment, Practitioner, Slot
from patients.scheduling import HOLD_TIME, block_slots, cancel_by_clinic, is_live, new_reference, release_expired

BY_CLINIC = "cancelled by the clinic"
YEARS = range(1900, 2200)


class WithSlotsFilter(admin.SimpleListFilter):
    """The practitioners who have an agenda; an import may bring hundreds who have none."""

    title = _("practitioner")
    parameter_name = "practitioner"
    path = "practitioner_id"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Those with slots, by name."""
        working = Practitioner.objects.filter(slots__isnull=False).distinct()
        return [(str(pk), name) for pk, name in working.values_list("pk", "full_name")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The rows of the chosen one."""
        value = self.value()
        return queryset.filter(**{self.path: value}) if value and value.isdecimal() else queryset


class AppointmentPractitionerFilter(WithSlotsFilter):
    """The same, through the slot."""

    path = "slot__practitioner_id"


@admin.register(Practitioner)
class PractitionerAdmin(admin.ModelAdmin[Practitioner]):
    """Who sees patients."""

    list_display = ("full_name", "specialty", "active")
    list_filter = ("active", "specialty")
    search_fields = ("full_name", "specialty", "identifier")
    exclude = ("resource",)
    readonly_fields = ("fhir",)

    @admin.display(description=_("FHIR resource"))
    def fhir(self, practitioner: Practitioner) -> SafeString:
        """The resource as imported."""
        return pretty_json(practitioner.resource)


class SlotForm(forms.ModelForm[Slot]):
    """A slot; at the calendar's ends its time could be stored and, in another zone, not be read."""

    def clean(self) -> dict[str, Any]:
        """The cleaned data, its years those of a clinic."""
        cleaned = super().clean() or {}
        for name in ("starts_at", "ends_at"):
            moment = cleaned.get(name)
            if moment and moment.year not in YEARS:
                self.add_error(name, forms.DateTimeField.default_error_messages["invalid"])
        return cleaned


@admin.register(Slot)
class SlotAdmin(admin.ModelAdmin[Slot]):
    """The times that are offered, and who has them."""

    form = SlotForm
    list_display = ("starts_at", "ends_at", "practitioner", "blocked", "taken_by")
    list_filter = ("blocked", WithSlotsFilter)
    search_fields = ("practitioner__full_name", "practitioner__specialty")
    autocomplete_fields = ("practitioner",)
    date_hierarchy = "starts_at"
    actions = ("block", "unblock")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Slot]:
        """With practitioners and live appointments of all rows at once."""
        live = Appointment.objects.filter(is_live()).select_related("patient")
        return Slot.objects.select_related("practitioner").prefetch_related(Prefetch("appointments", live))

    @admin.display(description=_("patient"))
    def taken_by(self, slot: Slot) -> str:
        """Who has the slot now."""
        return next((f"{one.patient} ({one.get_status_display()})" for one in slot.appointments.all()), "-")

    @admin.action(description=_("Block the chosen slots"), permissions=["change"])
    def block(self, request: HttpRequest, queryset: QuerySet[Slot]) -> None:
        """Stop offering them."""
        self._block(request, queryset, blocked=True)

    @admin.action(description=_("Offer the chosen slots again"), permissions=["change"])
    def unblock(self, request: HttpRequest, queryset: QuerySet[Slot]) -> None:
        """Offer them again."""
        self._block(request, queryset, blocked=False)

    def _block(self, request: HttpRequest, queryset: QuerySet[Slot], *, blocked: bool) -> None:
        changed = block_slots(slot_ids=queryset.values_list("pk", flat=True), blocked=blocked)
        self.message_user(request, ngettext("%d slot changed.", "%d slots changed.", changed) % changed)


class AppointmentForm(forms.ModelForm[Appointment]):
    """An appointment; a hold that has expired is no reason to refuse its slot."""

    def clean(self) -> dict[str, Any]:
        """The cleaned data, the slot freed of an expired hold before it is checked."""
        cleaned = super().clean() or {}
        if slot := cleaned.get("slot"):
            release_expired(slot_id=slot.pk, besides=self.instance.pk)
        return cleaned


@admin.register(Appointment)
class AppointmentAdmin(NotesAccess):
    """Who comes when."""

    form = AppointmentForm
    list_display = ("starts", "patient", "practitioner", "status", "reference", "reason")
    list_filter = ("status", AppointmentPractitionerFilter)
    search_fields = ("reference", "patient__full_name", "patient__identifiers__normalized")
    autocomplete_fields = ("patient", "slot")
    date_hierarchy = "slot__starts_at"
    list_select_related = ("patient", "slot__practitioner")
    readonly_fields = ("reference", "expires_at", "thread_id", "created_at", "updated_at")
    actions = ("cancel", "mark_fulfilled", "mark_noshow")

    @admin.display(description=_("starts"), ordering="slot__starts_at")
    def starts(self, appointment: Appointment) -> Any:
        """When the slot begins."""
        return appointment.slot.starts_at

    @admin.display(description=_("practitioner"), ordering="slot__practitioner__full_name")
    def practitioner(self, appointment: Appointment) -> Practitioner:
        """Who sees the patient."""
        return appointment.slot.practitioner

    def save_model(self, request: HttpRequest, obj: Appointment, form: Any, change: bool) -> None:
        """What is booked here gets its reference, what is held here its end."""
        if obj.status == Appointment.Status.BOOKED and not obj.reference:
            obj.reference = new_reference()
        obj.expires_at = now() + HOLD_TIME if obj.status == Appointment.Status.PENDING else None
        super().save_model(request, obj, form, change)

    @admin.action(description=_("Cancel the chosen appointments"), permissions=["change"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[Appointment]) -> None:
        """Cancel those that are booked or held."""
        done = cancel_by_clinic(appointment_ids=queryset.values_list("pk", flat=True), reason=BY_CLINIC)
        self._tell(request, done)

    @admin.action(description=_("The patient came"), permissions=["change"])
    def mark_fulfilled(self, request: HttpRequest, queryset: QuerySet[Appointment]) -> None:
        """Close booked appointments that took place."""
        self._close(request, queryset, Appointment.Status.FULFILLED)

    @admin.action(description=_("The patient did not come"), permissions=["change"])
    def mark_noshow(self, request: HttpRequest, queryset: QuerySet[Appointment]) -> None:
        """Close booked appointments that did not take place."""
        self._close(request, queryset, Appointment.Status.NOSHOW)

    def _close(self, request: HttpRequest, queryset: QuerySet[Appointment], status: Appointment.Status) -> None:
        begun = queryset.filter(status=Appointment.Status.BOOKED, slot__starts_at__lte=now()).values_list("pk")
        self._tell(request, Appointment.objects.filter(pk__in=begun).update(status=status, updated_at=now()))

    def _tell(self, request: HttpRequest, changed: int) -> None:
        words = ngettext("%d appointment changed.", "%d appointments changed.", changed) % changed
        self.message_user(request, words, messages.SUCCESS if changed else messages.WARNING)
