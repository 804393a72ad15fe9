"""The door to the model server, as those who embed texts see it."""

from collections.abc import Sequence

from django.conf import settings

from chat.services.model_io import ModelError
from chat.services.openai_service import OpenAIService, close_clients
from chat.services.scripted_model import MODEL_NAME
from healthmate.common.embedding import EmbeddingError, Vector


class ModelServerEmbedder:
    """Vectors of the configured model server; of the scripted model, which knows words alone, where there is none."""

    def model(self) -> str:
        """Whose vectors `embed` gives under the present settings, and their length."""
        return (
            f"{settings.OPENAI_EMBEDDING_MODEL if self._has_server() else MODEL_NAME}/{settings.EMBEDDING_DIMENSIONS}"
        )

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        """One vector per text, in order. Raises EmbeddingError."""
        model, semantic = self.model(), self._has_server()
        try:
            vectors = await OpenAIService().embed(texts)
        except ModelError as error:
            raise EmbeddingError(error.reason, retryable=error.retryable) from error
        return [Vector(model=model, values=values, semantic=semantic) for values in vectors]

    async def close(self) -> None:
        """Let go of this event loop's connections."""
        await close_clients()

    @staticmethod
    def _has_server() -> bool:
        return bool(settings.OPENAI_API_KEY or settings.OPENAI_BASE_URL)
