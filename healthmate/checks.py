"""System checks that fail at start and tell the mend."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

MAX_VECTOR_DIMENSIONS = 16_000  # pgvector's limit for a stored vector


@register()
def embedding_dimensions(**kwargs: Any) -> list[CheckMessage]:
    """`EMBEDDING_DIMENSIONS` is one that pgvector can store."""
    if 1 <= settings.EMBEDDING_DIMENSIONS <= MAX_VECTOR_DIMENSIONS:
        return []
    return [
        Error(
            f"EMBEDDING_DIMENSIONS is {settings.EMBEDDING_DIMENSIONS}; pgvector stores 1 to {MAX_VECTOR_DIMENSIONS}.",
            hint="Set it to the length that OPENAI_EMBEDDING_MODEL answers (1536 for text-embedding-3-small).",
            id="healthmate.E001",
        )
    ]


@register()
def redis_for_several_workers(**kwargs: Any) -> list[CheckMessage]:
    """Several workers share runs and limits through Redis; without it a reader may reach the wrong one."""
    if settings.WORKERS == 1 or settings.REDIS_URL:
        return []
    return [
        Error(
            f"WORKERS is {settings.WORKERS} but REDIS_URL is not set.",
            hint="Set REDIS_URL, or WORKERS=1.",
            id="healthmate.E002",
        )
    ]
