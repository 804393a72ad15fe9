"""Which assistant serves a device, and for how long."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from healthmate.common import cleanup


class SessionsStoreConfig(AppConfig):
    """Device-keyed session locks (seed 5)."""

    name = "sessions_store"
    verbose_name = _("Device sessions")

    def ready(self) -> None:
        """Register what `cleanup_sessions` deletes here."""
        from sessions_store import services  # noqa: PLC0415 (models are not loaded before)

        cleanup.register("device sessions", services.expired_sessions)
