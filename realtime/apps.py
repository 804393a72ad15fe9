"""The clinician's WebSocket."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class RealtimeConfig(AppConfig):
    """No models: sockets come and go, runs stay."""

    name = "realtime"
    verbose_name = _("WebSocket")
