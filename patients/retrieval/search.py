"""Search one patient's record for what bears on a question."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import chain

from healthmate.common.clock import local_today
from healthmate.common.embedding import Vector
from patients.retrieval import candidates
from patients.retrieval.days import day_of
from patients.retrieval.question import Question, understand
from patients.retrieval.ranking import Ranked, by_meaning, rank

LIMIT = 8
MAX_CHARS = 2_000  # of a question; what follows is not read
FROM_FIRST = 2  # hits of the likeliest question between one of each of the others


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
    words alone decide. What only stands out by its vector is returned where the words find nothing.
    """
    parts = understand(question[:MAX_CHARS], local_today())
    found = _by_clause([(part, _answers(patient_id, part, vector)) for part in parts])
    if not any(found) and vector is not None and vector.semantic:
        found = [by_meaning(candidates.nearest(patient_id, vector))]
    hits: dict[int, ChunkHit] = {}
    for item in _in_turns(found):
        if len(hits) == limit:
            break
        hits.setdefault(item.candidate.record_id, _hit(item))
    return list(hits.values())


def _answers(patient_id: int, question: Question, vector: Vector | None) -> list[Ranked]:
    found = candidates.by_words(patient_id, question, vector)
    return rank(found, question, semantic=vector is not None and vector.semantic)


def _by_clause(found: list[tuple[Question, list[Ranked]]]) -> list[list[Ranked]]:
    """The hits of alternatives as one list, by score; where the newest is asked for each keeps its own order."""
    clauses: dict[int, list[list[Ranked]]] = {}
    for question, hits in found:
        clauses.setdefault(question.clause, []).append(hits)
    dated = any(question.latest or question.first for question, _ in found)
    return [
        list(_in_turns(lists)) if dated else sorted(chain(*lists), key=lambda item: -round(item.fit, 2))
        for lists in clauses.values()
    ]


def _in_turns(found: list[list[Ranked]]) -> Iterator[Ranked]:
    """The hits of several questions, some of the first before one of each of the others."""
    queues = [iter(hits) for hits in found]
    open_queues = list(queues)
    while open_queues:
        for queue in list(open_queues):
            for _ in range(FROM_FIRST if queue is queues[0] else 1):
                item = next(queue, None)
                if item is None:
                    open_queues.remove(queue)
                    break
                yield item


def _hit(item: Ranked) -> ChunkHit:
    found = item.candidate
    return ChunkHit(
        record_id=found.record_id,
        resource_type=found.resource_type,
        name=found.display,
        date=day_of(found.recorded_text, found.recorded_at),
        recorded_at=found.recorded_at,
        status=found.status,
        negated=found.negated,
        text=found.text,
        score=round(item.score, 4),
    )
