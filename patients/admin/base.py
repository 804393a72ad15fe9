"""What several admin pages share."""

import json
from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from patients.access import record_access


def pretty_json(value: Any) -> SafeString:
    """JSON as people read it, escaped."""
    return format_html('<pre style="white-space: pre-wrap">{}</pre>', json.dumps(value, ensure_ascii=False, indent=2))


class ReadOnly:
    """For rows that are looked at, never written here."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody adds."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody changes."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody deletes."""
        return False


class NotesAccess(admin.ModelAdmin[Any]):
    """Opening a row of one patient's leaves an access event with the user's name on it."""

    patient_path = "patient_id"

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Model | None:
        """The row, its reading noted when the user may see it."""
        found: Model | None = super().get_object(request, object_id, from_field)
        if found is not None and self.has_view_or_change_permission(request, found):
            record_access(
                patient_id=getattr(found, self.patient_path),
                actor=str(request.user.pk),
                user_id=request.user.pk,
                purpose="admin",
                details={"model": self.opts.model_name, "id": str(found.pk)},
            )
        return found


class WithJson:
    """Shows `resource` as readable JSON."""

    @admin.display(description=_("FHIR resource"))
    def fhir(self, row: Any) -> SafeString:
        """The resource as received."""
        return pretty_json(row.resource)
