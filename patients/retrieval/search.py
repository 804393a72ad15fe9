"""Search one patient's record for what bears on a question."""

from dataclasses import dataclass
from datetime import datetime

from healthmate.common.clock import local_today
from healthmate.common.embedding import Vector
from patients.retrieval import candidates
from patients.retrieval.days import day_of
from patients.retrieval.question import understand
from patients.retrieval.ranking import rank

LIMIT = 8


@dataclass(frozen=True, kw_only=True)
class ChunkHit:
    """A piece of a record that bears on the question; `score` is from 0 to 1, `date` as the record gives it.

    `negated` says that the fact is absent, was not done or is not so.
    """

    record_id: int
    resource_type: str
    name: str
    date: str
    recorded_at: datetime | None
    status: str
    negated: bool
    text: str
    score: float


def search(patient_id: int, question: str, *, limit: int = LIMIT, vector: Vector | None = None) -> list[ChunkHit]:
    """What one patient's record holds on a question, best first, one piece per record; nothing when it holds nothing.

    `vector` is the question's embedding; without it, and for pieces that are not embedded by the same model, the
    words alone decide.
    """
    asked = understand(question, local_today())
    if not (asked.topics or asked.types or asked.preferred or asked.period):
        return []
    found = candidates.by_words(patient_id, asked, vector)
    ranked = rank(found, asked, semantic=vector is not None and vector.semantic)
    return [
        ChunkHit(
            record_id=item.candidate.record_id,
            resource_type=item.candidate.resource_type,
            name=item.candidate.display,
            date=day_of(item.candidate.recorded_text, item.candidate.recorded_at),
            recorded_at=item.candidate.recorded_at,
            status=item.candidate.status,
            negated=item.candidate.negated,
            text=item.candidate.text,
            score=round(item.score, 4),
        )
        for item in ranked[:limit]
    ]
