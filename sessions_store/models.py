"""The device-keyed session lock (seed 5's `conversation_states`)."""

from django.conf import settings
from django.db import models
from django.db.models import DateTimeField, DurationField, F, Func
from django.db.models.expressions import Combinable
from django.utils.translation import gettext_lazy as _

MAX_SESSION_TTL = 2_147_483_647  # seconds; what the column holds


def default_session_ttl() -> int:
    """`DEFAULT_SESSION_TTL`, in seconds."""
    return int(settings.DEFAULT_SESSION_TTL)


def _in_utc(moment: Combinable) -> Func:
    """Between times with and without a zone: only on the latter can PostgreSQL reckon for a stored column."""
    return Func(moment, template="(%(expressions)s AT TIME ZONE 'UTC')", output_field=DateTimeField())


_LIFETIME = Func(F("session_ttl"), template="make_interval(secs => %(expressions)s)", output_field=DurationField())


class ConversationState(models.Model):
    """Which assistant continues a device's conversation; expires by its own `session_ttl`."""

    # Not the primary key: that stands in the admin's addresses, and a device's id opens its conversation.
    device_id = models.CharField(max_length=160, unique=True, editable=False)
    device_hash = models.CharField(_("device"), max_length=12, db_index=True, editable=False)  # as in the logs
    active_agent = models.CharField(_("assistant"), max_length=50, null=True, blank=True)
    locked_at = models.DateTimeField(_("locked"), null=True, blank=True)
    session_ttl = models.PositiveIntegerField(_("lifetime in seconds"), default=default_session_ttl)
    ends_at = models.GeneratedField(
        verbose_name=_("ends"),
        expression=_in_utc(_in_utc(F("locked_at")) + _LIFETIME),
        output_field=DateTimeField(null=True),
        db_persist=True,
        db_index=True,
    )

    class Meta:
        db_table = "conversation_states"
        ordering = ("-locked_at",)
        verbose_name = _("device session")
        verbose_name_plural = _("device sessions")

    def __str__(self) -> str:
        return self.active_agent or "-"
