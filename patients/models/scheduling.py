"""The agenda: practitioners, their free slots, and appointments in them."""

import uuid

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from patients.models.identity import Patient


class Practitioner(models.Model):
    """Somebody who sees patients (FHIR Practitioner)."""

    full_name = models.CharField(_("full name"), max_length=300)
    specialty = models.CharField(_("specialty"), max_length=100, blank=True)
    identifier_system = models.CharField(_("identifier system"), max_length=300, blank=True)
    identifier = models.CharField(_("identifier"), max_length=120, blank=True)
    active = models.BooleanField(_("takes appointments"), default=True)
    resource = models.JSONField(_("FHIR resource"), default=dict, blank=True)
    content_hash = models.CharField(max_length=64, blank=True, editable=False)

    class Meta:
        ordering = ("full_name", "id")
        constraints = (
            models.UniqueConstraint(
                fields=("identifier_system", "identifier"),
                condition=~Q(identifier=""),
                name="unique_practitioner_identifier",
            ),
        )
        verbose_name = _("practitioner")
        verbose_name_plural = _("practitioners")

    def __str__(self) -> str:
        return self.full_name


class Slot(models.Model):
    """A time in which a practitioner can see one patient (FHIR Slot)."""

    practitioner = models.ForeignKey(Practitioner, on_delete=models.CASCADE, related_name="slots")
    starts_at = models.DateTimeField(_("starts"))
    ends_at = models.DateTimeField(_("ends"))
    blocked = models.BooleanField(_("blocked"), default=False, help_text=_("Not offered to patients."))

    class Meta:
        ordering = ("starts_at", "id")
        constraints = (
            models.UniqueConstraint(fields=("practitioner", "starts_at"), name="unique_slot_start"),
            models.CheckConstraint(condition=Q(ends_at__gt=F("starts_at")), name="slot_ends_after_start"),
        )
        indexes = (models.Index(fields=("starts_at",), name="slot_starts_at"),)
        verbose_name = _("slot")
        verbose_name_plural = _("slots")

    def __str__(self) -> str:
        return f"{self.practitioner} {timezone.localtime(self.starts_at):%Y-%m-%d %H:%M}"


class Appointment(models.Model):
    """A patient's place in a slot (FHIR Appointment)."""

    class Status(models.TextChoices):
        """FHIR's appointment status, as far as a clinic's assistant needs it."""

        PENDING = "pending", _("pending")
        BOOKED = "booked", _("booked")
        CANCELLED = "cancelled", _("cancelled")
        FULFILLED = "fulfilled", _("fulfilled")
        NOSHOW = "noshow", _("no-show")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.CASCADE, related_name="appointments")
    slot = models.ForeignKey(Slot, on_delete=models.PROTECT, related_name="appointments")
    status = models.CharField(_("status"), max_length=10, choices=Status, default=Status.PENDING)
    expires_at = models.DateTimeField(_("held until"), null=True, blank=True)
    reference = models.CharField(_("reference"), max_length=12, null=True, blank=True, unique=True)
    reason = models.CharField(_("reason"), max_length=300, blank=True)
    cancel_reason = models.CharField(_("reason of cancellation"), max_length=300, blank=True)
    # Nobody cancelled it: its hold ran out and another wanted the slot. Its patient may still confirm it.
    lapsed = models.BooleanField(_("lapsed"), default=False, editable=False)
    thread_id = models.UUIDField(_("thread"), null=True, blank=True, editable=False)
    created_at = models.DateTimeField(_("created"), db_default=Now())
    updated_at = models.DateTimeField(_("updated"), auto_now=True)

    class Meta:
        ordering = ("-slot__starts_at", "-created_at")
        constraints = (
            # A hold that has expired is released by whoever wants the slot next (services).
            models.UniqueConstraint(
                fields=("slot",), condition=Q(status__in=("pending", "booked")), name="one_live_appointment_per_slot"
            ),
            models.CheckConstraint(
                condition=~Q(status="pending") | Q(expires_at__isnull=False), name="pending_appointment_expires"
            ),
            models.CheckConstraint(
                condition=~Q(status="booked") | Q(reference__isnull=False), name="booked_appointment_has_reference"
            ),
            models.CheckConstraint(
                condition=Q(lapsed=False) | Q(status="cancelled"), name="lapsed_appointment_is_cancelled"
            ),
        )
        indexes = (models.Index(fields=("patient", "status"), name="appointment_patient"),)
        verbose_name = _("appointment")
        verbose_name_plural = _("appointments")

    def __str__(self) -> str:
        return f"{self.reference or self.status}"
