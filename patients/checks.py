"""System checks of the clinic's data, run where a database may be asked (`migrate`, `check --database default`)."""

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Tags, Warning, register  # noqa: A004 - Django's name
from django.db import connection

from healthmate.common.embedding import embedder
from patients.embedding import unembedded
from patients.models import RecordChunk


@register(Tags.database)
def embeddings(databases: Sequence[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """The stored vectors compare with those that the settings' model gives."""
    if not databases or RecordChunk._meta.db_table not in connection.introspection.table_names():
        return []
    model = embedder().model()
    if not unembedded(model=model).filter(embedding__isnull=False).exists():
        return []
    return [
        Warning(
            "Some pieces of records have vectors of another model or length than the settings name "
            f"({model}): a search finds them by their words alone.",
            hint="Run `manage.py embed_records`, or set OPENAI_EMBEDDING_MODEL and EMBEDDING_DIMENSIONS back.",
            id="patients.W001",
        )
    ]
