"""Who a patient is: the person, their documents, what they agreed to, and attempts to identify."""

from typing import Any

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from patients.documents import normalize_number


class DocumentType(models.Model):
    """A kind of identity document, numbered as the health system numbers them (seed 3: 1 CC, 8 CD)."""

    id = models.PositiveSmallIntegerField(primary_key=True)
    code = models.CharField(_("code"), max_length=10, unique=True)
    name = models.CharField(_("name"), max_length=100)
    systems = models.JSONField(
        _("FHIR systems"), default=list, blank=True, help_text=_("Identifier systems that mean this type.")
    )
    hl7_codes = models.JSONField(
        _("HL7 codes"), default=list, blank=True, help_text=_("Codes of HL7 table 0203 that mean this type.")
    )
    issuer_scoped = models.BooleanField(
        _("unique per issuer only"),
        default=False,
        help_text=_("Two issuers may give out the same number (medical record numbers)."),
    )

    class Meta:
        ordering = ("id",)
        verbose_name = _("document type")
        verbose_name_plural = _("document types")

    def __str__(self) -> str:
        return self.code


class Patient(models.Model):
    """A person the clinic cares for (FHIR Patient)."""

    class Gender(models.TextChoices):
        """FHIR's administrative gender."""

        MALE = "male", _("male")
        FEMALE = "female", _("female")
        OTHER = "other", _("other")
        UNKNOWN = "unknown", _("unknown")

    full_name = models.CharField(_("full name"), max_length=300)
    given_name = models.CharField(_("given name"), max_length=150, blank=True)
    family_name = models.CharField(_("family name"), max_length=150, blank=True)
    birth_date = models.DateField(_("birth date"), null=True, blank=True)
    birth_date_text = models.CharField(
        _("birth date as given"), max_length=10, blank=True, help_text=_("Kept when only a year or month is known.")
    )
    gender = models.CharField(_("gender"), max_length=10, choices=Gender, default=Gender.UNKNOWN)
    phone = models.CharField(_("phone"), max_length=50, blank=True)
    email = models.EmailField(_("email"), blank=True)
    language = models.CharField(_("language"), max_length=10, blank=True)
    deceased = models.BooleanField(_("deceased"), default=False)
    resource = models.JSONField(_("FHIR resource"), default=dict, blank=True)
    content_hash = models.CharField(max_length=64, blank=True, editable=False)
    created_at = models.DateTimeField(_("created"), db_default=Now())
    updated_at = models.DateTimeField(_("updated"), auto_now=True)

    class Meta:
        ordering = ("full_name", "id")
        verbose_name = _("patient")
        verbose_name_plural = _("patients")

    def __str__(self) -> str:
        return self.full_name


class PatientIdentifier(models.Model):
    """One identifier of a patient; every one is kept and any of them finds the patient."""

    patient = models.ForeignKey(Patient, on_delete=models.CASCADE, related_name="identifiers")
    document_type = models.ForeignKey(
        DocumentType, on_delete=models.PROTECT, null=True, blank=True, related_name="identifiers"
    )
    system = models.CharField(_("system"), max_length=300, blank=True)
    number = models.CharField(_("number"), max_length=120, help_text=_("As it was given."))
    normalized = models.CharField(max_length=120, editable=False)
    # Empty for national documents, the system for numbers that are unique per issuer only.
    scope = models.CharField(max_length=300, blank=True, editable=False)

    class Meta:
        ordering = ("document_type_id", "id")
        constraints = (
            models.UniqueConstraint(
                fields=("document_type", "scope", "normalized"),
                name="unique_document",
                nulls_distinct=False,
            ),
        )
        indexes = (models.Index(fields=("normalized",), name="identifier_normalized"),)
        verbose_name = _("identifier")
        verbose_name_plural = _("identifiers")

    def __str__(self) -> str:
        return f"{self.document_type or self.system} {self.number}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Store the number with its normal form."""
        self.normalize()
        super().save(*args, **kwargs)

    def normalize(self) -> None:
        """Fill in the form and the scope in which the number is compared."""
        self.normalized = normalize_number(self.number) or self.number
        national = self.document_type is not None and not self.document_type.issuer_scoped
        self.scope = "" if national else self.system


class Consent(models.Model):
    """A patient's agreement to the storing of their data, in their own words (FHIR Consent)."""

    patient = models.ForeignKey(Patient, on_delete=models.CASCADE, related_name="consents")
    scope = models.CharField(_("scope"), max_length=50, default="registration")
    words = models.TextField(_("words"), help_text=_("What the person wrote to agree."))
    thread_id = models.UUIDField(_("thread"), null=True, blank=True)
    given_at = models.DateTimeField(_("given"), db_default=Now())
    withdrawn_at = models.DateTimeField(_("withdrawn"), null=True, blank=True)

    class Meta:
        verbose_name = _("consent")
        verbose_name_plural = _("consents")

    def __str__(self) -> str:
        return f"{self.scope} {self.given_at:%Y-%m-%d}"


class IdentityAttempt(models.Model):
    """Failed attempts to identify, counted per subject: a thread, a device or a document (hashed)."""

    subject = models.CharField(max_length=80, primary_key=True)
    failures = models.PositiveSmallIntegerField(default=0)
    locked_until = models.DateTimeField(null=True, blank=True)
    last_at = models.DateTimeField(auto_now=True, db_index=True)

    class Meta:
        verbose_name = _("identification attempts")
        verbose_name_plural = _("identification attempts")

    def __str__(self) -> str:
        return self.subject
