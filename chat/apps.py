"""Conversations: threads, messages, runs and the assistants that answer."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from healthmate.common import cleanup, embedding, health, metrics


class ChatConfig(AppConfig):
    """Knows tools by their registry only, never the apps that offer them."""

    name = "chat"
    verbose_name = _("Conversations")

    def ready(self) -> None:
        """Register what `/health` and `/metrics` ask, what `cleanup_sessions` cleans here, and who embeds texts."""
        from chat import figures  # noqa: PLC0415 (models are not loaded before)
        from chat.services import cleanup as tidying  # noqa: PLC0415 (models are not loaded before)
        from chat.services import openai_service  # noqa: PLC0415 (models are not loaded before)
        from chat.services.embedding import ModelServerEmbedder  # noqa: PLC0415 (models are not loaded before)

        embedding.register(ModelServerEmbedder())
        health.register("model", openai_service.probe, needed=False)
        cleanup.register("runs of dead processes", tidying.lapsed_runs)
        cleanup.register("idempotency keys", tidying.idempotency_keys)
        metrics.register_gauge(
            "healthmate_runs_open", "Runs that are not over.", label="status", read=figures.open_runs
        )
