"""Which assistant serves a device, and for how long."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class SessionsStoreConfig(AppConfig):
    """Device-keyed session locks (seed 5)."""

    name = "sessions_store"
    verbose_name = _("Device sessions")
