"""What a clinician asked about whose record, and what the answer rests on."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from chat.models.conversations import Contact
from chat.models.runs import Run


class ClinicalQuery(models.Model):
    """A question over the WebSocket (seed 3): its thread is about one patient and holds this one run."""

    run = models.OneToOneField(Run, on_delete=models.CASCADE, primary_key=True, related_name="clinical_query")
    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="clinical_queries")
    session_id = models.CharField(_("session"), max_length=128, help_text=_("The client's own name for it."))
    document_type_id = models.BigIntegerField(_("document type"), help_text=_("As it was asked for, known or not."))
    document_number = models.CharField(_("document number"), max_length=120)
    confidence = models.FloatField(_("confidence"), default=0.0, help_text=_("Share of sentences that cite a record."))
    citations = models.JSONField(_("citations"), default=list, blank=True)
    records_analyzed = models.PositiveIntegerField(_("records searched"), default=0)
    chunks_used = models.PositiveIntegerField(_("pieces used"), default=0)
    created_at = models.DateTimeField(_("asked"), db_default=Now())

    class Meta:
        ordering = ("-created_at",)
        constraints = (
            models.CheckConstraint(condition=Q(confidence__gte=0, confidence__lte=1), name="confidence_is_a_share"),
        )
        indexes = (models.Index(fields=("contact", "session_id", "-created_at"), name="clinical_query_session"),)
        verbose_name = _("clinical query")
        verbose_name_plural = _("clinical queries")

    def __str__(self) -> str:
        return str(self.run_id)
