"""What a clinician's question asks for, by rules and the vocabulary alone."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from healthmate.common.text import fold
from patients.retrieval.fillers import AT_HAND, BEFORE_A_SUBJECT, is_everyday, looks_clinical, named_in
from patients.retrieval.lexicon import Concept, Kind, Meaning, Phrase, lexicon
from patients.retrieval.periods import Period, period_in
from patients.roots import JOINING, WORD, root

MAX_WORDS = 120
MAX_TOPICS = 8
MAX_PARTS = 6
PROTECTION, PANEL = "protection", "panel"
MEASURED = frozenset(("test", "vital"))
MEDICINE = "MedicationRequest"
# What words that no vocabulary knows weigh beside one that it knows: each, and all together.
STRANGE, ALL_STRANGE = 0.35, 0.5

ALTERNATIVES = frozenset(("and", "or", "y", "o", ","))
WORD_OR_COMMA = re.compile(rf"{WORD.pattern}|,")
# "What is she on?" is about medicines; elsewhere "on" only joins.
ON = re.compile(r"\b(he|she|they|patient|pt)( is| was| are|'s)?( currently| now| still)? on\b(?! (?:file|record))")
# "Pa" is blood pressure, and short for "para" where an article follows.
PARA = re.compile(r"\bpa(?= (?:el|la|los|las|que|un|una|mi|su)\b)")


@dataclass(frozen=True, kw_only=True)
class Topic:
    """One thing that a record must be about: any of these phrases; words without a kind also as they stand."""

    words: str
    phrases: tuple[Phrase, ...]
    kind: str = ""
    weight: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Question:
    """One question, taken apart: the topics that a record must speak of, and what kind of record is asked for.

    `types` are meant: other records do not answer; `preferred` are likely to, `never` are not. Questions of the same
    `clause` are alternatives; `tested` when it speaks of tests or results.
    """

    topics: list[Topic] = field(default_factory=list)
    types: frozenset[str] = frozenset()
    preferred: frozenset[str] = frozenset()
    never: frozenset[str] = frozenset()
    flags: frozenset[str] = frozenset()
    tested: bool = False
    period: Period | None = None
    clause: int = 0

    @property
    def asks_something(self) -> bool:
        """Whether there is anything to look for."""
        return bool(self.topics or self.types or self.period)

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


@dataclass(frozen=True, kw_only=True)
class Token:
    """A word of a question: whether it is one of several, whether it stands where a subject does or is named like one.

    `place` counts the words that only join others too.
    """

    word: str
    place: int = 0
    alternative: bool = False
    subject: bool = False


@dataclass(kw_only=True)
class Said:
    """A phrase of a question: what it means (None when no vocabulary knows it), and whether it is one of several.

    `subject` says that it stands where the subject of a question does, `idle` that it is a word of everyday speech.
    """

    words: list[str]
    meaning: Meaning | None
    place: int = 0
    alternative: bool = False
    subject: bool = False
    idle: bool = False

    @property
    def is_ignored(self) -> bool:
        """Whether it is known, and of no weight."""
        return self.meaning is not None and self.meaning.is_empty


def understand(text: str, today: date) -> list[Question]:
    """The questions in a text, the one that is most likely meant first; none when there is nothing to look for.

    What is said of the time, and of newest or current, goes for all of them.
    """
    period, rest = period_in(text, today)
    rest = PARA.sub("para", ON.sub(r"\1\2\3 taking", rest))
    names = named_in(text)
    clauses = [said for clause in lexicon().breaks.split(rest) if (said := _joined(_scan(_tokens(clause, names))))]
    clauses = [said for clause in clauses if (said := _without_fillers(clause, listed=bool(period)))] or clauses
    flags = frozenset(flag for clause in clauses for flag in _flags(clause))
    parts: list[tuple[tuple[bool, bool, int], Question]] = []
    for place, clause in enumerate([*clauses, *_told_apart(clauses)]):
        named = any(kind.meant and not kind.weak for item in clause for kind in _kinds(item))
        asking = (part for part in _parts(clause, flags, period, place) if part.asks_something)
        parts += [((bool(part.topics) or named, bool(_flags(clause)), place), part) for part in asking]
    # What is named by a verb alone ("before I prescribe...") counts where there is nothing else.
    parts = [(weight, part) for weight, part in parts if weight[0]] or parts
    if not parts and period:
        return [Question(flags=flags, period=period)]
    return [part for _, part in sorted(parts, key=lambda item: item[0], reverse=True)][:MAX_PARTS]


def _told_apart(clauses: list[list[Said]]) -> list[list[Said]]:
    """One clause says what about, another what kind of record ("chemotherapy: which drugs?"): the two as one."""
    about = [clause for clause in clauses if any(item.meaning and item.meaning.concepts for item in clause)]
    kinds = [clause for clause in clauses if clause not in about and any(True for item in clause for _ in _kinds(item))]
    return [about[0] + kinds[0]] if len(about) == len(kinds) == 1 else []


# --- From words to phrases --------------------------------------------------------------------------


def _tokens(clause: str, named: frozenset[str] = frozenset()) -> list[Token]:
    """The words, without those that only join others; `and`, `or` or a comma before one makes it an alternative."""
    tokens: list[Token] = []
    alternative = subject = False
    for place, word in enumerate(WORD_OR_COMMA.findall(fold(clause))[:MAX_WORDS]):
        subject = (subject or word in BEFORE_A_SUBJECT) and word != "," and word not in AT_HAND
        if word in JOINING or word == ",":
            alternative = alternative or word in ALTERNATIVES
            continue
        about = word not in BEFORE_A_SUBJECT and (subject or word in named)
        tokens.append(Token(word=word, place=place, alternative=alternative, subject=about))
        alternative = False
        # "allergic to any nuts", "for our lady": what a subject is called may stand further on.
        subject = subject and _is_ignored(word)
    return tokens


def _is_ignored(word: str) -> bool:
    meaning = lexicon().meaning_of([word], [root(word)])
    return meaning is not None and meaning.is_empty


def _scan(tokens: Sequence[Token], *, longest: int = MAX_WORDS) -> list[Said]:
    """The words as phrases of the vocabulary, the longest first, and the words between them."""
    vocabulary = lexicon()
    words = [token.word for token in tokens]
    roots = list(map(root, words))
    longest = min(longest, vocabulary.longest)
    found: list[Said] = []
    place = 0
    while place < len(words):
        for length in range(min(longest, len(words) - place), 0, -1):
            meaning = vocabulary.meaning_of(words[place : place + length], roots[place : place + length])
            if meaning is not None or length == 1:
                token = tokens[place]
                said = Said(words=words[place : place + length], meaning=meaning, place=token.place)
                said.alternative, said.subject = token.alternative, token.subject
                found.append(said)
                place += length
                break
    return found


def _joined(said: list[Said]) -> list[Said]:
    """Without words of no weight; words that meet where these stood are tried as phrases: `broke his wrist bone`."""
    joined: list[Said] = []
    alternative = False
    for item in said:
        alternative = item.alternative = item.alternative or alternative
        if item.is_ignored:
            continue
        alternative = False
        if joined and len(joined[-1].words) == len(item.words) == 1 and not item.alternative:
            words = [*joined[-1].words, *item.words]
            meaning = lexicon().meaning_of(words, list(map(root, words)))
            if meaning is not None and not meaning.is_empty:
                joined[-1] = Said(words=words, meaning=meaning, alternative=joined[-1].alternative)
                continue
        joined.append(item)
    for item in joined:
        if item.meaning is None and len(item.words) == 1:
            item.idle = is_everyday(item.words[0])
            item.meaning = None if item.idle else lexicon().meant_by(item.words[0])
    return joined


def _without_fillers(said: list[Said], *, listed: bool) -> list[Said]:
    """Where a list is asked for, and nothing known, without the unknown words that are not what it is about.

    `listed` says that a time makes a list of it.
    """
    if any(item.meaning and item.meaning.concepts for item in said):
        return said
    kinds = [kind for item in said for kind in _kinds(item)]
    if not (kinds or listed):
        return [] if all(item.idle for item in said) else said
    is_list = any(kind.meant and not kind.weak for kind in kinds)
    beside = {place for item in said if item.meaning for place in (item.place - 1, item.place + len(item.words))}
    return [item for item in said if item.meaning or not (item.idle or (is_list and not _is_subject(item, beside)))]


def _is_subject(item: Said, beside: set[int]) -> bool:
    """Whether an unknown word is what is asked about: it stands in such a place, or looks like a clinical word."""
    return item.subject or item.place in beside or looks_clinical(item.words[0])


def _flags(said: list[Said]) -> set[str]:
    flags = {flag for item in said if item.meaning for flag in item.meaning.flags}
    if any(kind.current for item in said for kind in _kinds(item)):
        flags.add("current")
    return flags


# --- From phrases to questions ------------------------------------------------------------------------


def _parts(said: list[Said], flags: frozenset[str], period: Period | None, clause: int) -> Iterator[Question]:
    """One question per alternative; the kinds of record are common to all."""
    kinds = [kind for item in said for kind in _kinds(item)]
    groups: list[list[Said]] = [[]]
    for item in said:
        has_topic = any(member.meaning is None or member.meaning.concepts for member in groups[-1])
        if item.alternative and has_topic and (item.meaning is None or item.meaning.concepts):
            groups.append([])
        groups[-1].append(item)
    for group in groups:
        yield replace(_question(group, kinds, flags), period=period, clause=clause)


def _question(said: list[Said], kinds: list[Kind], flags: frozenset[str]) -> Question:
    table = lexicon()
    all_concepts = [concept for item in said if item.meaning for concept in item.meaning.concepts]
    kinds = [kind for kind in kinds if not _gives_way(kind, all_concepts)]
    meant = frozenset(kind_type for kind in kinds if kind.meant for kind_type in kind.types)
    measured = bool(flags & {"latest", "first"}) or any(not kind.meant for kind in kinds)
    known = [(item, meant_here(item.meaning.concepts, meant, measured=measured)) for item in said if item.meaning]
    concepts = [concept for _, some in known for concept in some]
    topics = _topics(known, [item.words[0] for item in said if item.meaning is None], treated=MEDICINE in meant)
    named = frozenset(kind_type for kind in kinds for kind_type in kind.types)
    dated = flags & {"latest", "first"} and concepts and all(concept.kind in MEASURED for concept in concepts)
    return Question(
        topics=topics,
        types=meant or (frozenset() if topics else named),
        preferred=named or _types(concepts, table.likely),
        never=(_types(concepts, table.never) | (table.no_values if dated else frozenset())) - meant,
        tested=any(not kind.meant for kind in kinds),
        flags=flags,
    )


def _gives_way(kind: Kind, concepts: list[Concept]) -> bool:
    """Whether a kind of record only tells of what else the question is about."""
    if not concepts or kind.types & _types(concepts, lexicon().likely):
        return False
    return kind.weak or any(concept.kind in kind.yields_to for concept in concepts)


def _kinds(item: Said) -> Iterator[Kind]:
    """The kinds of record that a phrase names, within the name of a thing too: `blood pressure medication`."""
    if item.meaning is None:
        return
    yield from item.meaning.kinds
    if len(item.words) > 1:
        likely = _types(item.meaning.concepts, lexicon().likely)
        for part in _scan([Token(word=word) for word in item.words], longest=1):
            yield from (kind for kind in (part.meaning.kinds if part.meaning else ()) if kind.types & likely)


def meant_here(concepts: list[Concept], types: frozenset[str], *, measured: bool) -> list[Concept]:
    """Of all that a phrase may mean, what fits the kind of record asked for.

    By itself a disease is no vaccine, and high blood pressure is a disease and no reading, unless a value is asked for.
    """
    likely = lexicon().likely
    fitting = [concept for concept in concepts if likely.get(concept.kind, frozenset()) & types]
    if fitting:
        return fitting
    if not measured and any(concept.kind == "condition" for concept in concepts):
        concepts = [concept for concept in concepts if concept.kind not in MEASURED]
    return [concept for concept in concepts if concept.kind != PROTECTION]


def _types(concepts: list[Concept], table: dict[str, frozenset[str]]) -> frozenset[str]:
    return frozenset(kind_type for concept in concepts for kind_type in table.get(concept.kind, ()))


def _topics(known: list[tuple[Said, list[Concept]]], strange: list[str], *, treated: bool) -> list[Topic]:
    """One topic per thing; where medicines are asked for, a disease means what is given for it too.

    Beside one of its measurements a panel is only where that is to be found.
    """
    topics: dict[str, Topic] = {}
    is_measured = any(concept.kind in MEASURED for _, concepts in known for concept in concepts)
    for item, concepts in known:
        if not concepts:
            continue
        remedies = [remedy for concept in concepts for remedy in lexicon().remedies.get(concept.name, ()) if treated]
        phrases = tuple(dict.fromkeys(phrase for concept in (*concepts, *remedies) for phrase in concept.phrases))
        name = min(concept.name for concept in concepts)
        kind = concepts[0].kind
        weight = STRANGE if kind == PANEL and is_measured else 1.0
        topics.setdefault(name, Topic(words=" ".join(item.words), phrases=phrases, kind=kind, weight=weight))
    strange = list(dict.fromkeys(strange))
    weight = min(STRANGE, ALL_STRANGE / len(strange)) if topics and strange else 1.0
    for word in strange:
        topics.setdefault(word, Topic(words=word, phrases=((root(word),),), weight=weight))
    return sorted(topics.values(), key=lambda topic: -topic.weight)[:MAX_TOPICS]
