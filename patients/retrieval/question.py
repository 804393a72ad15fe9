"""What a clinician's question asks for, by rules and the vocabulary alone."""

from dataclasses import dataclass, field
from datetime import date

from patients.retrieval.lexicon import Concept, Kind, Meaning, Phrase, lexicon
from patients.retrieval.periods import Period, period_in
from patients.roots import root, words_of

MAX_WORDS = 120
MAX_TOPICS = 8
STRANGE = 0.35  # what a word that no vocabulary knows weighs beside one that it knows


@dataclass(frozen=True, kw_only=True)
class Topic:
    """One thing that a record must be about: any of these phrases, or the words as they stand."""

    words: str
    phrases: tuple[Phrase, ...]
    kind: str = ""
    weight: float = 1.0


@dataclass(kw_only=True)
class Question:
    """A question taken apart. `types` are meant: other records do not answer; `preferred` are likely."""

    topics: list[Topic] = field(default_factory=list)
    types: frozenset[str] = frozenset()
    preferred: frozenset[str] = frozenset()
    flags: frozenset[str] = frozenset()
    period: Period | None = None

    @property
    def current(self) -> bool:
        """Only what holds now."""
        return "current" in self.flags

    @property
    def latest(self) -> bool:
        """Only the newest."""
        return "latest" in self.flags

    @property
    def first(self) -> bool:
        """Only the oldest."""
        return "first" in self.flags and not self.latest

    @property
    def past(self) -> bool:
        """What holds no longer."""
        return "past" in self.flags and not self.current


def understand(text: str, today: date) -> Question:
    """Take a question apart: topics, kinds of record, newest or current, and the time it is about."""
    period, rest = period_in(text, today)
    words = words_of(rest)[:MAX_WORDS]
    question = Question(period=period)
    kinds: list[Kind] = []
    known: list[tuple[str, list[Concept]]] = []
    strange: list[str] = []
    flags: set[str] = set()
    for phrase, meaning in _scan(words):
        if meaning is None:
            strange.append(phrase)
            continue
        flags |= meaning.flags
        kinds += meaning.kinds
        if meaning.concepts:
            known.append((phrase, meaning.concepts))
    if any(kind.current for kind in kinds):
        flags.add("current")
    question.flags = frozenset(flags)
    question.topics = _topics(known, strange)
    question.types = frozenset(kind_type for kind in kinds if kind.meant for kind_type in kind.types)
    table = lexicon().likely
    question.preferred = frozenset(kind_type for kind in kinds for kind_type in kind.types) or frozenset(
        kind_type for _, concepts in known for concept in concepts for kind_type in table.get(concept.kind, ())
    )
    return question


def _scan(words: list[str]) -> list[tuple[str, Meaning | None]]:
    """The question as phrases of the vocabulary, the longest first, and the words between them."""
    vocabulary, roots = lexicon(), [root(word) for word in words]
    found: list[tuple[str, Meaning | None]] = []
    place = 0
    while place < len(words):
        for length in range(min(vocabulary.longest, len(words) - place), 0, -1):
            meaning = vocabulary.meaning_of(words[place : place + length], roots[place : place + length])
            if meaning is not None:
                found.append((" ".join(words[place : place + length]), meaning))
                place += length
                break
        else:
            found.append((words[place], None))
            place += 1
    return found


def _topics(known: list[tuple[str, list[Concept]]], strange: list[str]) -> list[Topic]:
    topics: dict[str, Topic] = {}
    for words, concepts in known:
        phrases = tuple(dict.fromkeys(phrase for concept in concepts for phrase in concept.phrases))
        name = min(concept.name for concept in concepts)
        topics.setdefault(name, Topic(words=words, phrases=phrases, kind=concepts[0].kind))
    weight = STRANGE if topics else 1.0
    for word in strange:
        topics.setdefault(word, Topic(words=word, phrases=((root(word),),), weight=weight))
    return sorted(topics.values(), key=lambda topic: -topic.weight)[:MAX_TOPICS]
