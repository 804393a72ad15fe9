"""Conversations: threads, messages, runs and the assistants that answer."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ChatConfig(AppConfig):
    """Knows tools by their registry only, never the apps that offer them."""

    name = "chat"
    verbose_name = _("Conversations")
