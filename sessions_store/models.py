"""The device-keyed session lock (seed 5's `conversation_states`)."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


def default_session_ttl() -> int:
    """`DEFAULT_SESSION_TTL`, in seconds."""
    return int(settings.DEFAULT_SESSION_TTL)


class ConversationState(models.Model):
    """Which assistant continues a device's conversation; expires by its own `session_ttl`."""

    device_id = models.CharField(_("device"), max_length=160, primary_key=True)
    active_agent = models.CharField(_("assistant"), max_length=50, null=True, blank=True)
    locked_at = models.DateTimeField(_("locked"), null=True, blank=True, db_index=True)
    session_ttl = models.PositiveIntegerField(_("lifetime in seconds"), default=default_session_ttl)

    class Meta:
        db_table = "conversation_states"
        verbose_name = _("device session")
        verbose_name_plural = _("device sessions")

    def __str__(self) -> str:
        return self.active_agent or "-"
