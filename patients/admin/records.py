"""Records as imported, what an import refused, and who read what."""

from typing import Any

from django.contrib import admin
from django.db.models import Field, Model, QuerySet
from django.http import HttpRequest

from patients.admin.base import NotesAccess, ReadOnly, WithJson
from patients.models import AccessEvent, ClinicalRecord, QuarantinedResource, SharedResource


def _fields_of(model: type[Model], *, then: str = "fhir") -> list[str | list[str] | tuple[str, ...] | tuple[()]]:
    """Every field of a read-only page, the JSON last and readable."""
    names = [field.name for field in model._meta.get_fields() if isinstance(field, Field) and not field.auto_created]
    return [*(name for name in names if name != "resource"), then]


@admin.register(ClinicalRecord)
class ClinicalRecordAdmin(ReadOnly, WithJson, NotesAccess):
    """Records as imported."""

    list_display = ("display", "resource_type", "patient", "status", "value", "recorded_at", "negated")
    list_filter = ("resource_type", "negated", "status")
    search_fields = ("display", "code", "patient__full_name", "resource_id")
    list_select_related = ("patient",)
    show_full_result_count = False
    date_hierarchy = "recorded_at"
    fields = _fields_of(ClinicalRecord)

    def get_queryset(self, request: HttpRequest) -> QuerySet[ClinicalRecord]:
        """Without the JSON, which a list does not show."""
        return ClinicalRecord.objects.defer("resource", "text")


@admin.register(SharedResource)
class SharedResourceAdmin(ReadOnly, WithJson, admin.ModelAdmin[SharedResource]):
    """Organisations, places, medicines."""

    list_display = ("display", "resource_type", "resource_id", "updated_at")
    list_filter = ("resource_type",)
    search_fields = ("display", "resource_id")
    show_full_result_count = False
    fields = _fields_of(SharedResource)

    def get_queryset(self, request: HttpRequest) -> QuerySet[SharedResource]:
        """Without the JSON, which a list does not show."""
        return SharedResource.objects.defer("resource")


@admin.register(QuarantinedResource)
class QuarantinedResourceAdmin(ReadOnly, WithJson, admin.ModelAdmin[QuarantinedResource]):
    """What an import refused, and why."""

    list_display = ("file", "index", "entry", "resource_type", "resource_id", "reason", "created_at")
    list_filter = ("resource_type",)
    search_fields = ("file", "reason", "resource_id")
    fields = _fields_of(QuarantinedResource)

    def get_queryset(self, request: HttpRequest) -> QuerySet[QuarantinedResource]:
        """Without the JSON, which a list does not show."""
        return QuarantinedResource.objects.defer("resource")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """What has been dealt with may go."""
        return admin.ModelAdmin.has_delete_permission(self, request, obj)


@admin.register(AccessEvent)
class AccessEventAdmin(ReadOnly, admin.ModelAdmin[AccessEvent]):
    """Who read which patient's data, when and why; never edited."""

    list_display = ("at", "patient", "user", "actor", "purpose", "thread_id")
    list_filter = ("purpose",)
    search_fields = ("patient__full_name", "actor", "user__email")
    list_select_related = ("patient", "user")
    date_hierarchy = "at"
    show_full_result_count = False
