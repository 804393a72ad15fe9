"""Clinical records as imported, what could not be imported, and who read what."""

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from patients.models.identity import Patient


class ClinicalRecord(models.Model):
    """One FHIR resource about one patient; `resource` is the JSON as imported."""

    patient = models.ForeignKey(Patient, on_delete=models.CASCADE, related_name="records")
    resource_type = models.CharField(_("type"), max_length=60)
    resource_id = models.CharField(_("FHIR id"), max_length=120)
    code_system = models.CharField(_("code system"), max_length=300, blank=True)
    code = models.CharField(_("code"), max_length=120, blank=True)
    display = models.CharField(_("name"), max_length=500, blank=True)
    status = models.CharField(_("status"), max_length=60, blank=True)
    category = models.CharField(_("category"), max_length=120, blank=True)
    value = models.CharField(_("value"), max_length=500, blank=True)
    negated = models.BooleanField(_("negated"), default=False, help_text=_("Says that something is absent."))
    recorded_at = models.DateTimeField(_("date"), null=True, blank=True)
    recorded_text = models.CharField(_("date as given"), max_length=40, blank=True)
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)
    text = models.TextField(_("text"), blank=True, help_text=_("Narrative and notes, without markup."))
    resource = models.JSONField(_("FHIR resource"))
    content_hash = models.CharField(max_length=64, editable=False)
    created_at = models.DateTimeField(_("imported"), db_default=Now())
    updated_at = models.DateTimeField(_("updated"), auto_now=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("patient", "resource_type", "resource_id"), name="unique_clinical_record"),
            # What a foreign key points to that may hold no record of another patient.
            models.UniqueConstraint(fields=("id", "patient"), name="unique_record_of_patient"),
        )
        indexes = (models.Index(fields=("patient", "resource_type", "-recorded_at"), name="record_patient_type_date"),)
        verbose_name = _("clinical record")
        verbose_name_plural = _("clinical records")

    def __str__(self) -> str:
        return f"{self.resource_type}/{self.resource_id}"


class SharedResource(models.Model):
    """A resource that belongs to no patient: organisations, places, medicines, devices in a catalogue."""

    resource_type = models.CharField(_("type"), max_length=60)
    resource_id = models.CharField(_("FHIR id"), max_length=120)
    display = models.CharField(_("name"), max_length=500, blank=True)
    resource = models.JSONField(_("FHIR resource"))
    content_hash = models.CharField(max_length=64, editable=False)
    updated_at = models.DateTimeField(_("updated"), auto_now=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("resource_type", "resource_id"), name="unique_shared_resource"),)
        verbose_name = _("shared resource")
        verbose_name_plural = _("shared resources")

    def __str__(self) -> str:
        return f"{self.resource_type}/{self.resource_id}"


class QuarantinedResource(models.Model):
    """A resource, or a file, that an import refused, with the reason; importing it well removes it."""

    file = models.CharField(_("file"), max_length=500)
    index = models.PositiveIntegerField(_("index"), null=True, blank=True, help_text=_("Empty for a whole file."))
    entry = models.PositiveIntegerField(
        _("entry"), null=True, blank=True, help_text=_("Within a bundle that stands inside a bundle or on a line.")
    )
    resource_type = models.CharField(_("type"), max_length=60, blank=True)
    resource_id = models.CharField(_("FHIR id"), max_length=120, blank=True)
    reason = models.CharField(_("reason"), max_length=500)
    resource = models.JSONField(_("as received"), null=True, blank=True)
    created_at = models.DateTimeField(_("refused"), auto_now=True)

    class Meta:
        ordering = ("-created_at",)
        constraints = (
            models.UniqueConstraint(
                fields=("file", "index", "entry"), name="unique_quarantined_place", nulls_distinct=False
            ),
        )
        verbose_name = _("quarantined resource")
        verbose_name_plural = _("quarantined resources")

    def __str__(self) -> str:
        return f"{self.file}#{self.index}"


class PatientReference(models.Model):
    """A FHIR reference by which imported resources name a patient: `Patient/<id>`, a URL or a urn.

    Ids that are no UUIDs are unique on one server only, so that two patients may share one.
    """

    patient = models.ForeignKey(Patient, on_delete=models.CASCADE, related_name="references")
    reference = models.CharField(_("reference"), max_length=500)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("reference", "patient"), name="unique_patient_reference"),)
        verbose_name = _("FHIR reference")
        verbose_name_plural = _("FHIR references")

    def __str__(self) -> str:
        return self.reference


class SupersededVersion(models.Model):
    """A version of an imported row that a later one replaced, so that importing it again is no news.

    The same organisation or patient often comes in several files that differ; without this a second
    run over them would write each version once more.
    """

    table = models.CharField(max_length=60)
    row = models.BigIntegerField()
    content_hash = models.CharField(max_length=64)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("table", "row", "content_hash"), name="unique_superseded_version"),
        )
        verbose_name = _("superseded version")
        verbose_name_plural = _("superseded versions")

    def __str__(self) -> str:
        return f"{self.table} {self.row}"


class AccessEvent(models.Model):
    """Who read which patient's record, when and why (FHIR AuditEvent)."""

    patient = models.ForeignKey(Patient, on_delete=models.CASCADE, related_name="access_events")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="access_events"
    )
    actor = models.CharField(_("actor"), max_length=80, help_text=_("A user's id or a device's short hash."))
    purpose = models.CharField(_("purpose"), max_length=60)
    thread_id = models.UUIDField(_("thread"), null=True, blank=True)
    run_id = models.UUIDField(_("run"), null=True, blank=True)
    details = models.JSONField(_("details"), default=dict, blank=True)
    at = models.DateTimeField(_("at"), db_default=Now())

    class Meta:
        ordering = ("-at",)
        indexes = (models.Index(fields=("patient", "-at"), name="access_patient_at"),)
        verbose_name = _("access event")
        verbose_name_plural = _("access events")

    def __str__(self) -> str:
        return f"{self.purpose} {self.at:%Y-%m-%d %H:%M}"
