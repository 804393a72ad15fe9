"""Practitioners and their slots."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from patients.admin.base import pretty_json
from patients.models import Appointment, Practitioner, Slot
from patients.scheduling import block_slots, is_live

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
