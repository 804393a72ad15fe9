"""The only queries of records' pieces and their vectors; every one starts from one patient."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.postgres.search import SearchQuery
from django.db.models import (
    BooleanField,
    Case,
    ExpressionWrapper,
    F,
    FloatField,
    Func,
    IntegerField,
    Q,
    QuerySet,
    Value,
    When,
)
from django.db.models.functions import Cast
from django.db.models.lookups import Exact
from pgvector.django import CosineDistance

from healthmate.common.embedding import Vector
from patients.models import RecordChunk
from patients.retrieval.lexicon import Phrase
from patients.retrieval.question import Question, Topic

AT_MOST = 400
NEAREST = 40
COLUMNS = (
    "resource_type",
    "code",
    "display",
    "category",
    "status",
    "value",
    "negated",
    "recorded_at",
    "recorded_text",
    "ended_at",
)


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A piece of a record that may answer; `topics` tells which topics of the question it speaks of."""

    record_id: int
    number: int
    text: str
    topics: tuple[bool, ...]
    similarity: float | None
    resource_type: str
    code: str
    display: str
    category: str
    status: str
    value: str
    negated: bool
    recorded_at: datetime | None
    recorded_text: str
    ended_at: datetime | None


def pieces_of(patient_id: int) -> QuerySet[RecordChunk]:
    """The pieces of one patient: where every query begins."""
    return RecordChunk.objects.filter(patient_id=patient_id, record__patient_id=patient_id)


def by_words(patient_id: int, question: Question, vector: Vector | None) -> list[Candidate]:
    """Pieces that speak of any topic, or that are of the kind asked for when there is no topic."""
    flags = [f"topic_{number}" for number in range(len(question.topics))]
    found = _described(_within(pieces_of(patient_id), question), question, vector)
    if flags:
        weighed = (
            Case(When(Q(**{flag: True}), then=topic.weight), default=0.0)
            for flag, topic in zip(flags, question.topics, strict=True)
        )
        found = found.filter(_any(Q(**{flag: True}) for flag in flags)).annotate(spoken_of=sum(weighed, Value(0.0)))
    else:
        found = found.filter(number=0).annotate(spoken_of=Value(0.0))
    date = F("record__recorded_at")
    by_date = date.asc(nulls_last=True) if question.first else date.desc(nulls_last=True)
    return _read(found.order_by("-spoken_of", by_date, "number", "pk")[:AT_MOST], question)


def nearest(patient_id: int, question: Question, vector: Vector) -> list[Candidate]:
    """The pieces whose vectors are nearest to the question's, by an exact scan of the patient's own."""
    found = _described(_within(pieces_of(patient_id), question), question, vector)
    near = _read(found.order_by(F("similarity").desc(nulls_last=True), "pk")[:NEAREST], question)
    return [item for item in near if item.similarity is not None]


def _within(pieces: QuerySet[RecordChunk], question: Question) -> QuerySet[RecordChunk]:
    if question.period:
        first, last = question.period.bounds
        pieces = pieces.filter(record__recorded_at__gte=first, record__recorded_at__lt=last)
    if question.types:
        pieces = pieces.filter(record__resource_type__in=question.types)
    return pieces.exclude(record__resource_type__in=question.never)


def _described(pieces: QuerySet[RecordChunk], question: Question, vector: Vector | None) -> QuerySet[RecordChunk]:
    topics: dict[str, Any] = {
        f"topic_{number}": ExpressionWrapper(_speaks_of(topic), output_field=BooleanField())
        for number, topic in enumerate(question.topics)
    }
    return pieces.annotate(**topics, similarity=_similarity(vector))


def _speaks_of(topic: Topic) -> Q:
    """Any of its phrases by their roots; a word that no vocabulary knows also as English and as Spanish."""
    said = Q(roots=SearchQuery(" | ".join(map(_in_order, topic.phrases)), search_type="raw", config="simple"))
    if not topic.kind:
        for column in ("english", "spanish"):
            said |= Q(**{column: SearchQuery(topic.words, search_type="plain", config=column)})
    return said


def _in_order(phrase: Phrase) -> str:
    """A phrase in the language of to_tsquery; one of two words in either order."""
    quoted = [f"'{root}'" for root in phrase]
    straight = " <-> ".join(quoted)
    return f"(({straight}) | ({' <-> '.join(reversed(quoted))}))" if len(quoted) == 2 else f"({straight})"  # noqa: PLR2004


def _similarity(vector: Vector | None) -> Any:
    """1 for the same direction; nothing for a piece whose vector another model made, or of another length."""
    if vector is None:
        return Value(None, output_field=FloatField())
    length = Func(F("embedding"), function="vector_dims", output_field=IntegerField())
    alike = Q(embedding_model=vector.model, embedding__isnull=False) & Q(Exact(length, len(vector.values)))
    distance = Cast(CosineDistance("embedding", vector.values), FloatField())
    return Case(When(alike, then=Value(1.0) - distance), default=None, output_field=FloatField())


def _any(conditions: Iterable[Q]) -> Q:
    found = Q()
    for condition in conditions:
        found |= condition
    return found


def _read(pieces: QuerySet[RecordChunk], question: Question) -> list[Candidate]:
    flags = [f"topic_{number}" for number in range(len(question.topics))]
    rows = pieces.values_list(
        "record_id", "number", "text", "similarity", *flags, *(f"record__{name}" for name in COLUMNS)
    )
    found = []
    for row in rows:
        record_id, number, text, similarity = row[:4]
        topics, columns = row[4 : 4 + len(flags)], row[4 + len(flags) :]
        found.append(
            Candidate(
                record_id=record_id,
                number=number,
                text=text,
                topics=tuple(bool(topic) for topic in topics),
                similarity=similarity,
                **dict(zip(COLUMNS, columns, strict=True)),
            )
        )
    return found
