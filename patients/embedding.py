"""Giving pieces of records their vectors: in batches, each stored as it comes, so that a broken run goes on later."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Sequence

from django.db.models import Q, QuerySet

from healthmate.common.embedding import Vector, embedder
from patients.models import RecordChunk

AT_ONCE = 128  # texts in a request


def unembedded(*, model: str, patient_id: int | None = None) -> QuerySet[RecordChunk]:
    """The pieces, of one patient or of all, without a vector of this model."""
    whose = Q() if patient_id is None else Q(patient_id=patient_id)
    return RecordChunk.objects.filter(whose).exclude(embedding_model=model)


def embed_texts(texts: Sequence[str]) -> list[Vector]:
    """Vectors for a few texts, from a thread without an event loop. Raises EmbeddingError."""
    door = embedder()
    with asyncio.Runner() as runner:
        try:
            return runner.run(door.embed(texts))
        finally:
            runner.run(door.close())


def embed_chunks(*, at_once: int = AT_ONCE, patient_id: int | None = None) -> Iterator[int]:
    """Embed what has no vector of the present model; yields how many pieces at a time.

    Equal texts are sent once. Raises EmbeddingError; what was stored before stays.
    """
    door = embedder()
    model, last = door.model(), 0
    with asyncio.Runner() as runner:
        try:
            while batch := _next_texts(unembedded(model=model, patient_id=patient_id), after=last, at_once=at_once):
                last = max(pk for pks in batch.values() for pk in pks)
                texts = list(batch)
                vectors = runner.run(door.embed([text for _, text in texts]))
                yield sum(_store(text, batch[text], vector) for text, vector in zip(texts, vectors, strict=True))
        finally:
            runner.run(door.close())


def _next_texts(waiting: QuerySet[RecordChunk], *, after: int, at_once: int) -> dict[tuple[str, str], list[int]]:
    """The keys of the next pieces by (hash, text), for at most `at_once` different texts."""
    batch: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    rows = waiting.filter(pk__gt=after).order_by("pk").values_list("pk", "content_hash", "text")[: at_once * 8]
    for pk, content_hash, text in rows:
        if len(batch) == at_once and (content_hash, text) not in batch:
            break
        batch[content_hash, text].append(pk)
    return batch


def _store(text: tuple[str, str], pks: list[int], vector: Vector) -> int:
    """Store a vector with the pieces that still say what it was made from."""
    unchanged = RecordChunk.objects.filter(pk__in=pks, content_hash=text[0])
    return unchanged.update(embedding=vector.values, embedding_model=vector.model)
