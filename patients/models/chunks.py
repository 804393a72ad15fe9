"""Pieces of clinical records as they are searched."""

from django.contrib.postgres.search import SearchVector, SearchVectorField
from django.db import models
from django.utils.translation import gettext_lazy as _
from pgvector.django import VectorField

from patients.models.identity import Patient
from patients.models.records import ClinicalRecord


def _indexed(language: str) -> models.GeneratedField:
    """The words of the name and of the text, stemmed; those of the name weigh more."""
    expression = SearchVector("name", weight="A", config=language) + SearchVector("text", weight="D", config=language)
    return models.GeneratedField(expression=expression, output_field=SearchVectorField(), db_persist=True)


class RecordChunk(models.Model):
    """A piece of one record of one patient: its words, their roots, and its vector once it is embedded.

    Searched by `patients.retrieval` alone. The vector's column has no fixed dimension, so that another model is
    a matter of settings and `embed_records`; `embedding_model` and the vector's own length say what it compares with.
    """

    patient = models.ForeignKey(Patient, on_delete=models.CASCADE, related_name="+")
    record = models.ForeignKey(ClinicalRecord, on_delete=models.CASCADE, related_name="chunks")
    number = models.PositiveSmallIntegerField(_("piece"))
    name = models.CharField(_("name"), max_length=500, blank=True)
    text = models.TextField(_("text"))
    english = _indexed("english")
    spanish = _indexed("spanish")
    roots = SearchVectorField(editable=False)
    content_hash = models.CharField(max_length=64, editable=False)
    version = models.PositiveSmallIntegerField(editable=False)
    embedding = VectorField(null=True, editable=False)
    embedding_model = models.CharField(max_length=200, blank=True, editable=False)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("record", "number"), name="unique_record_chunk"),
            models.CheckConstraint(
                condition=models.Q(embedding__isnull=True, embedding_model="")
                | (models.Q(embedding__isnull=False) & ~models.Q(embedding_model="")),
                name="embedding_has_model",
            ),
        )
        verbose_name = _("piece of a record")
        verbose_name_plural = _("pieces of records")

    def __str__(self) -> str:
        return f"{self.record_id}#{self.number}"
