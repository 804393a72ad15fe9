"""The execution of a turn, the tools it called, and keys that keep a retry from running twice."""

import uuid

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from chat.models.conversations import Contact, Message, Thread


class Run(models.Model):
    """One answer being made: from a stored message to exactly one terminal status."""

    class Status(models.TextChoices):
        """Design, section 2."""

        QUEUED = "queued", _("queued")
        IN_PROGRESS = "in_progress", _("in progress")
        COMPLETED = "completed", _("completed")
        FAILED = "failed", _("failed")
        CANCELLED = "cancelled", _("cancelled")
        INTERRUPTED = "interrupted", _("interrupted")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    thread = models.ForeignKey(Thread, on_delete=models.CASCADE, related_name="runs")
    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="runs")
    assistant = models.ForeignKey(
        "chat.Assistant", on_delete=models.SET_NULL, null=True, blank=True, related_name="runs"
    )
    status = models.CharField(_("status"), max_length=12, choices=Status, default=Status.QUEUED)
    error_code = models.CharField(_("error"), max_length=40, blank=True)
    model = models.CharField(_("model"), max_length=100, blank=True, help_text=_("Who really answered."))
    input_tokens = models.PositiveIntegerField(_("input tokens"), default=0)
    output_tokens = models.PositiveIntegerField(_("output tokens"), default=0)
    # A live process renews this; a run in progress whose lease has lapsed belongs to a dead one.
    lease_until = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(_("created"), db_default=Now())
    started_at = models.DateTimeField(_("started"), null=True, blank=True)
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)
    seen_at = models.DateTimeField(null=True, blank=True, editable=False)  # by an EventSource, to its end

    class Meta:
        ordering = ("-created_at",)
        constraints = (
            models.UniqueConstraint(
                fields=("thread",), condition=Q(status="in_progress"), name="one_run_in_progress_per_thread"
            ),
            models.CheckConstraint(
                condition=Q(status__in=("queued", "in_progress")) | Q(finished_at__isnull=False),
                name="terminal_run_is_finished",
            ),
        )
        indexes = (
            models.Index(fields=("thread", "status"), name="run_thread_status"),
            models.Index(
                fields=("lease_until",), condition=Q(status__in=("queued", "in_progress")), name="run_open_lease"
            ),
            models.Index(fields=("finished_at",), condition=Q(status="interrupted"), name="run_interrupted_at"),
        )
        verbose_name = _("run")
        verbose_name_plural = _("runs")

    def __str__(self) -> str:
        return f"{self.status} {self.id}"

    @property
    def is_over(self) -> bool:
        """Whether the status is a terminal one."""
        return self.status not in {self.Status.QUEUED, self.Status.IN_PROGRESS}


class ToolCall(models.Model):
    """A tool that the model asked for in a run, and what came back."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="tool_calls")
    position = models.PositiveSmallIntegerField()
    call_id = models.CharField(max_length=120)
    name = models.CharField(_("tool"), max_length=120)
    arguments = models.TextField(_("arguments"), help_text=_("As the model wrote them, valid or not."))
    output = models.JSONField(_("answer"), default=dict)
    ok = models.BooleanField(_("ok"))
    code = models.CharField(_("code"), max_length=60, blank=True)
    duration_ms = models.PositiveIntegerField(_("duration (ms)"), default=0)
    created_at = models.DateTimeField(_("called"), db_default=Now())

    class Meta:
        ordering = ("run", "position")
        constraints = (models.UniqueConstraint(fields=("run", "position"), name="unique_tool_call_position"),)
        verbose_name = _("tool call")
        verbose_name_plural = _("tool calls")

    def __str__(self) -> str:
        return self.name


class IdempotencyKey(models.Model):
    """A key that a client sent with a message: the same key again gets the same run."""

    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="idempotency_keys")
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64, help_text=_("Hash of where and what was sent."))
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="idempotency_keys")
    created_at = models.DateTimeField(db_default=Now(), db_index=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("contact", "key"), name="unique_idempotency_key"),)
        verbose_name = _("idempotency key")
        verbose_name_plural = _("idempotency keys")

    def __str__(self) -> str:
        return self.key
