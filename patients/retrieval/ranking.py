"""Which candidates answer a question, and in which order."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from patients.fhir.prose import encounter_class
from patients.fhir.records import is_nothing_known
from patients.retrieval.candidates import Candidate
from patients.retrieval.days import day_of
from patients.retrieval.lexicon import Phrase, lexicon
from patients.retrieval.question import MEASURED, Question, Topic
from patients.retrieval.status import ENDING, is_current
from patients.roots import roots_of

# Reciprocal rank fusion: what a list adds is 1 / (FUSION + rank); a small number lets the first ranks count.
FUSION = 10.0
VECTORS = 0.5  # the weight of the vectors' list beside that of the words
WORDS_ALONE = 0.1  # the same, for vectors that say no more than the words do

LEAST_COVERED = 0.5  # of the weight of a question's topics a record has to cover more than this
LEAST_LIKELY = 0.2  # of how well the words fit, times how likely such a record answers
CLOSE = 0.85  # of the best fit: as good, where the newest or the oldest is asked for
DENIED = 0.3  # "no known allergies", where one allergy is asked for
MEANING = 0.5  # a vector alone, beside words
PARTLY = 0.5  # what covers less of several topics counts, beside what covers them all
BODY = 0.45  # a topic in the text only, beside one in the name
PLAIN_NAME = 0.6  # a name that holds much beside the topic; the rest is for how little else it holds

UNLIKELY_TYPE = 0.6
NOT_CURRENT = 0.9
NEGATED = 0.8  # in a list, after what there is
LESS_DIRECT = {  # says what is planned, was said or is somebody else's, when nobody asked for that
    "DocumentReference": 0.6,
    "Composition": 0.6,
    "FamilyMemberHistory": 0.6,
    "Goal": 0.7,
    "CarePlan": 0.8,
    "DiagnosticReport": 0.9,
    "Encounter": 0.8,
}
BODY_PART, QUALITY = "body", "quality"
FIRST = ("AllergyIntolerance", "Condition", "MedicationRequest", "MedicationStatement", "Observation")
LONG_AGO = datetime(1, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Ranked:
    """A candidate with its score among the others, from 0 to 1, and how well it fits by itself."""

    candidate: Candidate
    score: float
    fit: float


def rank(candidates: Iterable[Candidate], question: Question, *, semantic: bool) -> list[Ranked]:
    """The candidates that answer, one per record, best first; none when the record holds nothing on the question."""
    fitting = _by_code(
        [(fit, item) for item in candidates if (fit := _fit(item, question)) > 0 and _asked_for(item, question)]
    )
    fitting = [(fit, item) for fit, item in fitting if fit * _likelihood(item, question) >= LEAST_LIKELY]
    best_pieces: dict[int, tuple[float, Candidate]] = {}
    for fit, item in fitting:
        held = best_pieces.get(item.record_id)
        if held is None or (fit, -item.number) > (held[0], -held[1].number):
            best_pieces[item.record_id] = (fit, item)
    scored = _fused(list(best_pieces.values()), question, semantic=semantic)
    if scored and (question.latest or question.first):
        return _by_date(scored, question)
    scored.sort(key=lambda item: (-round(item.score, 3), -_instant(item.candidate).timestamp()))
    return scored if question.topics else _by_type(scored)


def by_meaning(near: Iterable[Candidate]) -> list[Ranked]:
    """What was found by its vector alone, nearest first, one piece per record."""
    found: dict[int, Ranked] = {}
    for item in near:
        similarity = item.similarity or 0.0
        found.setdefault(item.record_id, Ranked(candidate=item, score=similarity * MEANING, fit=similarity * MEANING))
    return list(found.values())


def _fit(item: Candidate, question: Question) -> float:
    """How well the words fit, from 0 (not at all) to 1: the topics covered, and how much else the name holds."""
    if not question.topics:
        return 1.0
    covered = [topic for topic, spoken_of in zip(question.topics, item.topics, strict=True) if spoken_of]
    if not covered:
        return DENIED if item.negated and is_nothing_known(item.code, item.display) else 0.0
    share = sum(topic.weight for topic in covered) / sum(topic.weight for topic in question.topics)
    named = max((_named(roots_of(name), [topic.phrases for topic in covered]) for name in _names(item)), default=0.0)
    if named == 0 and item.resource_type == "Observation" and all(topic.kind in MEASURED for topic in covered):
        return 0.0  # "tests ordered: platelets" is no count of platelets
    if not question.tested and all(topic.kind == "condition" for topic in covered) and _looks_for(item):
        return 0.0  # a test for diabetes is no diabetes
    if share > LEAST_COVERED:
        return share * (BODY if named == 0 else PLAIN_NAME + (1 - PLAIN_NAME) * named)
    return PARTLY * (PLAIN_NAME + (1 - PLAIN_NAME) * named) if named and _is_enough(covered, question) else 0.0


def _looks_for(item: Candidate) -> bool:
    """Whether it is a procedure that looks for a disease, or is done against it."""
    return item.resource_type == "Procedure" and not lexicon().precautions.isdisjoint(roots_of(item.display))


def _is_enough(covered: list[Topic], question: Question) -> bool:
    """Whether some of several topics will do: a thing that is known, of the part of the body that was asked for."""
    parts_of_body = [topic for topic in question.topics if topic.kind == BODY_PART]
    things = [topic for topic in covered if topic.kind not in {"", BODY_PART, QUALITY}]
    return bool(things) and all(topic in covered for topic in parts_of_body)


def _by_code(fitting: list[tuple[float, Candidate]]) -> list[tuple[float, Candidate]]:
    """What bears the same code is the same thing under whatever name, and fits as well as its best name does."""
    best: dict[tuple[str, str], float] = {}
    for fit, item in fitting:
        key = (item.resource_type, item.code)
        best[key] = max(fit, best.get(key, 0.0))
    return [(best[item.resource_type, item.code] if item.code else fit, item) for fit, item in fitting]


def _names(item: Candidate) -> list[str]:
    """What the record is called: its name, what kind of encounter it was, the parts of an observation."""
    names = [item.display]
    if item.resource_type == "Encounter":
        names += encounter_class(item.category).split(", ")
    if item.resource_type in {"Observation", "ImagingStudy"}:
        names += [part.partition(":")[0] for part in item.value.split("; ") if ":" in part]
    return names


def _named(name: Sequence[str], topics: Sequence[Sequence[Phrase]]) -> float:
    """The share of a name's own words that the topics' phrases make up; 0 when it has none of them."""
    spoken: set[str] = set()
    for phrases in topics:
        spoken |= max((set(phrase) for phrase in phrases if _stands_in(phrase, name)), key=len, default=set())
    if not spoken:
        return 0.0
    filler = lexicon().filler
    return len(spoken) / len(spoken | {root for root in name if root not in filler and not root.isdecimal()})


def _stands_in(phrase: Phrase, name: Sequence[str]) -> bool:
    """Whether a name has these words next to each other, in any order."""
    length, wanted = len(phrase), sorted(phrase)
    return any(sorted(name[start : start + length]) == wanted for start in range(len(name) - length + 1))


def _asked_for(item: Candidate, question: Question) -> bool:
    """Whether it is of the time asked for; where a list of what holds now is asked for, or no longer, whether it does.

    Of a certain thing the end is worth knowing too: who asks whether a medicine is taken learns that it was stopped.
    """
    if question.period and not question.period.holds(day_of(item.recorded_text, item.recorded_at)):
        return False
    if item.resource_type not in ENDING:
        return True
    if question.topics or not (question.current or question.past):
        return True
    return _holds_now(item) is question.current


def _holds_now(item: Candidate) -> bool:
    return is_current(item.status, item.ended_at, negated=item.negated)


def _fused(items: list[tuple[float, Candidate]], question: Question, *, semantic: bool) -> list[Ranked]:
    """Reciprocal rank fusion of words and vectors, then what makes a record the likelier answer."""
    by_words = _ranks([round(fit, 2) for fit, _ in items])
    by_vector = _ranks([round(item.similarity or 0.0, 2) for _, item in items])
    weight = VECTORS if semantic else WORDS_ALONE
    has_vectors = any(item.similarity is not None for _, item in items)
    top = (1 + weight * has_vectors) / (FUSION + 1)
    ranked = []
    for (fit, item), word_rank, vector_rank in zip(items, by_words, by_vector, strict=True):
        fused = 1 / (FUSION + word_rank)
        if item.similarity is not None:
            fused += weight / (FUSION + vector_rank)
        likely = _likelihood(item, question)
        ranked.append(Ranked(candidate=item, fit=fit * likely, score=fused / top * likely))
    return ranked


def _ranks(values: Sequence[float]) -> list[int]:
    """1 for the highest; equal values share a rank, and the next one follows it."""
    places = {value: place for place, value in enumerate(sorted(set(values), reverse=True), 1)}
    return [places[value] for value in values]


def _likelihood(item: Candidate, question: Question) -> float:
    likely = 1.0
    if question.preferred:
        likely *= 1.0 if item.resource_type in question.preferred else UNLIKELY_TYPE
    if item.resource_type not in question.preferred:
        likely *= LESS_DIRECT.get(item.resource_type, 1.0)
    if item.resource_type in ENDING and not question.past and not _holds_now(item):
        likely *= NOT_CURRENT
    if item.negated and not question.topics:
        likely *= NEGATED
    return likely


def _by_date(scored: list[Ranked], question: Question) -> list[Ranked]:
    """Those that fit about as well as the best by their date, the others after them."""
    best = max(item.fit for item in scored)
    sign = 1 if question.first else -1

    def place(item: Ranked) -> tuple[bool, float, float]:
        instant, score = sign * _instant(item.candidate).timestamp(), -round(item.score, 3)
        return (False, instant, score) if item.fit >= CLOSE * best else (True, score, instant)

    return sorted(scored, key=place)


def _by_type(scored: list[Ranked]) -> list[Ranked]:
    """Lists of several types in turns, so that the longest does not hide the others; what holds now comes first."""
    places: Counter[tuple[str, bool]] = Counter()
    turns: list[tuple[bool, int, int]] = []
    for item in scored:
        kind = item.candidate.resource_type
        over = kind in ENDING and not _holds_now(item.candidate)
        turns.append((over, places[kind, over], FIRST.index(kind) if kind in FIRST else len(FIRST)))
        places[kind, over] += 1
    order = sorted(range(len(scored)), key=lambda place: (turns[place], place))
    return [scored[place] for place in order]


def _instant(item: Candidate) -> datetime:
    return item.recorded_at or LONG_AGO
