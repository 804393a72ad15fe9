"""The only queries of records' pieces and their vectors; every one starts from one patient."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.postgres.search import SearchQuery
from django.db.models import (
    Avg,
    BooleanField,
    Case,
    ExpressionWrapper,
    F,
    FloatField,
    Func,
    IntegerField,
    Q,
    QuerySet,
    StdDev,
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
from patients.retrieval.status import ENDING, holds_now

AT_MOST = 400
NEAREST = 40
STANDS_OUT = 3.0  # standard deviations above the mean of the patient's pieces
LEAST_SIMILAR = 0.25
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
    """The pieces of one patient: where every query begins. The database holds each piece to its record's patient."""
    return RecordChunk.objects.filter(patient_id=patient_id)


def by_words(patient_id: int, question: Question, vector: Vector | None) -> list[Candidate]:
    """Pieces that speak of any topic, or that are of the kind asked for when there is no topic."""
    flags = [f"topic_{number}" for number in range(len(question.topics))]
    found = _described(_within(pieces_of(patient_id), question), question, vector)
    if flags:
        denied = Q(record__negated=True, record__resource_type__in=question.preferred) if question.preferred else Q()
        spoken_of = _any((*(Q(**{flag: True}) for flag in flags), denied))
        found = found.filter(spoken_of).annotate(spoken_of=_spoken_of(question.topics))
    else:
        found = found.filter(_held(question), number=0).annotate(spoken_of=Value(0.0))
    date = F("record__recorded_at")
    by_date = date.asc(nulls_last=True) if question.first else date.desc(nulls_last=True)
    return _read(found.order_by("-spoken_of", by_date, "number", "pk")[:AT_MOST], question)


def nearest(patient_id: int, vector: Vector) -> list[Candidate]:
    """The pieces whose vectors stand out as near to the question's, by an exact scan of the patient's own.

    Models differ in how near all texts are to one another, so that nearness is judged by the patient's own pieces.
    """
    question = Question()
    found = _described(pieces_of(patient_id), question, vector)
    spread = found.aggregate(mean=Avg("similarity"), deviation=StdDev("similarity"))
    if spread["mean"] is None:
        return []
    least = max(LEAST_SIMILAR, spread["mean"] + STANDS_OUT * spread["deviation"])
    near = _read(found.order_by(F("similarity").desc(nulls_last=True), "pk")[:NEAREST], question)
    return [item for item in near if item.similarity is not None and item.similarity >= least]


def _spoken_of(topics: list[Topic]) -> Any:
    """How much of the question a piece speaks of; what stands in its name counts twice, so that it is not cut off."""
    weighed: Any = Value(0.0, output_field=FloatField())
    for number, topic in enumerate(topics):
        named = Q(roots=_roots_query(topic, weights="A"))
        for condition in (Q(**{f"topic_{number}": True}), named):
            weighed = weighed + Case(When(condition, then=topic.weight), default=0.0)
    return weighed


def _held(question: Question) -> Q:
    """What holds now, or no longer, where a list of such is asked for."""
    if not (question.current or question.past):
        return Q()
    now = holds_now("record__")
    return ~Q(record__resource_type__in=ENDING) | (now if question.current else ~now)


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
    said = Q(roots=_roots_query(topic))
    if not topic.kind:
        for column in ("english", "spanish"):
            said |= Q(**{column: SearchQuery(topic.words, search_type="plain", config=column)})
    return said


def _roots_query(topic: Topic, *, weights: str = "") -> SearchQuery:
    """Any of the topic's phrases, anywhere or in words of some weights only."""
    return SearchQuery(
        " | ".join(_in_order(phrase, weights) for phrase in topic.phrases), search_type="raw", config="simple"
    )


def _in_order(phrase: Phrase, weights: str) -> str:
    """A phrase in the language of to_tsquery; one of two words in either order."""
    suffix = f":{weights}" if weights else ""
    quoted = [f"'{root}'{suffix}" for root in phrase]
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
