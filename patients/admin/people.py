"""Patients, their documents, and attempts to identify."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import ForeignKey, Func, Prefetch, Q, QuerySet, Value
from django.db.models.functions import Lower
from django.forms import ModelChoiceField
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from healthmate.common.text import fold
from patients.admin.base import NotesAccess, ReadOnly, pretty_json
from patients.documents import normalize_number
from patients.models import Consent, DocumentType, IdentityAttempt, Patient, PatientIdentifier


@admin.register(DocumentType)
class DocumentTypeAdmin(admin.ModelAdmin[DocumentType]):
    """The table of documents, which a clinic may edit."""

    list_display = ("id", "code", "name", "issuer_scoped")
    list_display_links = ("code",)
    search_fields = ("code", "name")


class IdentifierForm(forms.ModelForm[PatientIdentifier]):
    """An identifier; one that another patient has is refused before the database does."""

    def clean(self) -> dict[str, Any]:
        """The cleaned data; the number's normal form must be nobody else's."""
        cleaned = super().clean() or {}
        number, kind, system = cleaned.get("number", ""), cleaned.get("document_type"), cleaned.get("system", "")
        if number and not normalize_number(number):
            self.add_error("number", _("A number needs letters or digits."))
        elif number:
            wanted = PatientIdentifier(document_type=kind, system=system, number=number)
            wanted.normalize()
            same = PatientIdentifier.objects.filter(
                document_type=kind, scope=wanted.scope, normalized=wanted.normalized
            ).exclude(pk=self.instance.pk)
            if same.exists():
                self.add_error("number", _("A patient has this document already."))
        return cleaned


class IdentifierFormSet(forms.BaseInlineFormSet):  # type: ignore[type-arg]
    """A patient's identifiers, each only once."""

    def clean(self) -> None:
        """Refuse the same document twice in one form."""
        super().clean()
        seen = set()
        for form in self.forms:
            data = getattr(form, "cleaned_data", {})
            if not data.get("number") or data.get("DELETE"):
                continue
            key = (data.get("document_type"), data.get("system"), normalize_number(data["number"]))
            if key in seen:
                raise forms.ValidationError(_("The same document is there twice."))
            seen.add(key)


class IdentifierInline(admin.TabularInline[PatientIdentifier, Patient]):
    """Every identifier finds the patient."""

    model = PatientIdentifier
    form = IdentifierForm
    formset = IdentifierFormSet
    extra = 0

    def get_queryset(self, request: HttpRequest) -> QuerySet[PatientIdentifier]:
        """With the document types that the rows' names need."""
        return super().get_queryset(request).select_related("document_type")

    def formfield_for_foreignkey(
        self, db_field: ForeignKey[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> ModelChoiceField[Any] | None:
        """Read the choices once, not once per row."""
        field = super().formfield_for_foreignkey(db_field, request, **kwargs)
        if isinstance(field, ModelChoiceField):
            choices: Any = field.choices
            field.choices = list(choices)
        return field


class ConsentInline(ReadOnly, admin.TabularInline[Consent, Patient]):
    """What the patient agreed to, in their words."""

    model = Consent
    extra = 0
    fields = ("scope", "words", "given_at", "withdrawn_at")


@admin.register(Patient)
class PatientAdmin(NotesAccess):
    """People, found by name (accents do not matter), any document, phone or email."""

    patient_path = "pk"
    list_display = ("full_name", "document", "birth_date", "gender", "phone", "records")
    list_filter = ("gender", "deceased")
    search_fields = ("full_name", "phone", "email")
    search_help_text = _("Name, document, phone or email")
    date_hierarchy = "birth_date"
    list_per_page = 50
    inlines = (IdentifierInline, ConsentInline)
    readonly_fields = ("records", "agenda", "fhir", "created_at", "updated_at")
    exclude = ("resource",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Patient]:
        """With the identifiers of all rows at once."""
        identifiers = PatientIdentifier.objects.select_related("document_type")
        return Patient.objects.defer("resource").prefetch_related(Prefetch("identifiers", identifiers))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """By what the fields hold, by document in any spelling, by name without accents."""
        found, duplicates = super().get_search_results(request, queryset, search_term)
        if not search_term.strip():
            return found, duplicates
        plain = Func(Lower("full_name"), Value("áéíóúüñ"), Value("aeiouun"), function="TRANSLATE")
        named = Q()
        for word in fold(search_term).split():
            named &= Q(plain_name__contains=word)
        by_name = Patient.objects.alias(plain_name=plain).filter(named).values("pk")
        number = normalize_number(search_term)
        by_number = PatientIdentifier.objects.filter(normalized=number).values("patient_id")
        return queryset.filter(Q(pk__in=found.values("pk")) | Q(pk__in=by_name) | Q(pk__in=by_number)), duplicates

    @admin.display(description=_("document"))
    def document(self, patient: Patient) -> str:
        """The primary identifier: the first in the table's order."""
        return next((str(identifier) for identifier in patient.identifiers.all()), "-")

    @admin.display(description=_("clinical records"))
    def records(self, patient: Patient) -> SafeString:
        """A link to the patient's records."""
        return _link_to_list("clinicalrecord", patient, _("records"))

    @admin.display(description=_("appointments"))
    def agenda(self, patient: Patient) -> SafeString:
        """A link to the patient's appointments."""
        return _link_to_list("appointment", patient, _("appointments"))

    @admin.display(description=_("FHIR resource"))
    def fhir(self, patient: Patient) -> SafeString:
        """The resource as imported."""
        return pretty_json(patient.resource)


def _link_to_list(model: str, patient: Patient, words: Any) -> SafeString:
    if patient._state.adding:
        return SafeString("-")
    address = reverse(f"admin:patients_{model}_changelist")
    return format_html('<a href="{}?patient__id__exact={}">{}</a>', address, patient.pk, words)


@admin.register(IdentityAttempt)
class IdentityAttemptAdmin(ReadOnly, admin.ModelAdmin[IdentityAttempt]):
    """Failed attempts and locks; deleting one lifts the lock."""

    list_display = ("subject", "failures", "locked_until", "last_at")
    search_fields = ("subject",)
    ordering = ("-last_at",)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whoever has the permission may lift a lock."""
        return admin.ModelAdmin.has_delete_permission(self, request, obj)
