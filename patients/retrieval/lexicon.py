"""The words of clinical questions, read from the data files in `patients/vocabulary`.

A phrase is known by its roots, so that number, gender, accents and the spelling of the two languages do not matter.
"""

import re
import tomllib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cache, cached_property
from itertools import chain
from pathlib import Path
from typing import Any

from patients.retrieval.fillers import is_everyday, stems_of
from patients.roots import root, roots_of, words_of

Phrase = tuple[str, ...]  # roots
LEAST_LETTERS, LONG_ENOUGH = 5, 7  # of a root that is cut short, that is misspelled
NEARLY = 0.88
PLURALS = (re.compile(r"(?<=..)ies$"), re.compile(r"(?<=[^aeious])es$|(?<=[^s])s$"))
VISITS = re.compile(r"\b(?:visit|appointment|check ?up|consultation|visita|consulta|control|cita|chequeo)\b")
CALLED_VISIT = {
    "visit": ("visit", "appointment", "check", "checkup", "visita", "consulta", "control", "cita", "chequeo")
}
SORTS = ("words", "current_words", "weak_words", "weak_current_words")
FOLDER = Path(__file__).resolve().parent.parent / "vocabulary"


@dataclass(frozen=True, kw_only=True)
class Concept:
    """Something that records are about, under all its names; `kind` says what sort of thing it is."""

    name: str
    kind: str
    phrases: tuple[Phrase, ...]


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of record that a question asks for, by its FHIR types.

    One that is `meant` leaves the other types out; one that is not is only preferred. A `weak` one is named by a verb
    ("prescribed") and counts only where the question is not about something else; one that `yields_to` things of some
    kinds does not count beside them.
    """

    name: str
    types: frozenset[str]
    meant: bool = True
    current: bool = False
    weak: bool = False
    yields_to: frozenset[str] = frozenset()


@dataclass(kw_only=True)
class Meaning:
    """All that a phrase may mean; nothing at all for a word of no weight."""

    concepts: list[Concept] = field(default_factory=list)
    kinds: list[Kind] = field(default_factory=list)
    flags: set[str] = field(default_factory=set)

    @property
    def is_empty(self) -> bool:
        """Whether it means nothing."""
        return not (self.concepts or self.kinds or self.flags)

    def __iter__(self) -> Iterator[Concept | Kind | str]:
        """Everything it means."""
        return chain(self.concepts, self.kinds, self.flags)

    def add(self, meant: Concept | Kind | str) -> None:
        """Let it mean this too."""
        if isinstance(meant, Concept):
            self.concepts += [meant] if meant not in self.concepts else []
        elif isinstance(meant, Kind):
            self.kinds += [meant] if meant not in self.kinds else []
        else:
            self.flags.add(meant)


Meanings = defaultdict[Phrase, Meaning]


@dataclass(kw_only=True)
class Lexicon:
    """What phrases mean, by their words and by their roots in any order; a word's own meaning hides that of its root.

    `filler` are the roots that add nothing to a record's name; by the kind of a concept, `likely` are the types that
    answer and `never` those that do not. `remedies` are given for a concept, by its name. `breaks` is where folded text
    goes from one question to the next. `precautions` are roots of deeds that look for a disease, `no_values` the types
    that hold no measurements.
    """

    by_words: Meanings = field(default_factory=lambda: Meanings(Meaning))
    by_roots: Meanings = field(default_factory=lambda: Meanings(Meaning))
    longest: int = 1
    filler: frozenset[str] = frozenset()
    likely: dict[str, frozenset[str]] = field(default_factory=dict)
    never: dict[str, frozenset[str]] = field(default_factory=dict)
    precautions: frozenset[str] = frozenset()
    no_values: frozenset[str] = frozenset()
    breaks: re.Pattern[str] = re.compile("$")
    remedies: defaultdict[str, list[Concept]] = field(default_factory=lambda: defaultdict(list))

    def add(self, phrase: str, meant: Concept | Kind | str) -> None:
        """Let a phrase mean this, among other things."""
        self.by_words[_key(words_of(phrase))].add(meant)
        self.by_roots[_key(roots_of(phrase))].add(meant)
        self.longest = max(self.longest, len(roots_of(phrase)))

    def ignore(self, phrase: str) -> None:
        """Let a phrase be known, and mean nothing unless something else says so."""
        self.by_words.setdefault(_key(words_of(phrase)), Meaning())

    def meaning_of(self, words: Sequence[str], roots: Sequence[str]) -> Meaning | None:
        """What these words mean; None when they are not known."""
        own = self.by_words.get(_key(words))
        # A man (`hombre`) is no shoulder (`hombro`).
        if own is None and len(words) == 1 and is_everyday(words[0], as_listed=True):
            return None
        return self.by_roots.get(_key(roots)) if own is None else own

    def meant_by(self, word: str) -> Meaning | None:
        """What a word that is not known was meant to be: one that it begins, or that it misspells; None when unsure."""
        sought = root(word)
        if len(sought) < LEAST_LETTERS or sought in self.parts:
            return None
        for stem in stems_of(word):
            deed = self.by_roots.get((stem,)) if len(stem) >= LEAST_LETTERS else None
            if deed and any(concept.kind == "procedure" for concept in deed.concepts):
                return deed
        alike = (
            [known for known in self.single_roots if known.startswith(sought)] if len(sought) >= LEAST_LETTERS else []
        )
        meanings = {id(self.by_roots[known,]): self.by_roots[known,] for known in alike}
        if len(meanings) == 1:
            return next(iter(meanings.values()))
        if len(sought) < LONG_ENOUGH:
            return None
        close = get_close_matches(sought, self.single_roots, n=1, cutoff=NEARLY)
        return self.by_roots[close[0],] if close else None

    @cached_property
    def single_roots(self) -> list[str]:
        """The roots of things that are called by one word."""
        return [phrase[0] for phrase, meaning in self.by_roots.items() if len(phrase) == 1 and meaning.concepts]

    @cached_property
    def parts(self) -> frozenset[str]:
        """The roots of all words that are part of a phrase."""
        return frozenset(chain.from_iterable(self.by_roots))

    def settle(self) -> None:
        """Let the singular and the plural of a phrase mean the same, unless one of them is ignored."""
        numbers: defaultdict[Phrase, list[Meaning]] = defaultdict(list)
        for phrase, meaning in self.by_words.items():
            numbers[tuple(map(_singular, phrase))].append(meaning)
        for same in numbers.values():
            if len(same) > 1 and not any(meaning.is_empty for meaning in same):
                everything = [item for meaning in same for item in meaning]
                for meaning in same:
                    for item in everything:
                        meaning.add(item)


def _singular(word: str) -> str:
    return PLURALS[0].sub("y", word) if PLURALS[0].search(word) else PLURALS[1].sub("", word)


def _key(words: Sequence[str]) -> Phrase:
    """An adjective stands before its noun in one language and after it in the other."""
    return tuple(sorted(words))


@cache
def lexicon() -> Lexicon:
    """The vocabulary, read once."""
    words, kinds = _load("words"), _load("kinds")
    made = Lexicon(
        filler=frozenset(root for phrase in chain.from_iterable(words["filler"].values()) for root in roots_of(phrase)),
        likely={kind: frozenset(types) for kind, types in kinds["preferred"].items()},
        precautions=frozenset(root for phrase in words["precautions"]["words"] for root in roots_of(phrase)),
        no_values=frozenset(kinds["no_values"]["types"]),
        breaks=_breaks(**words["breaks"]),
        never={kind: frozenset(types) for kind, types in kinds["never"].items()},
    )
    for phrase in chain.from_iterable(words["ignored"].values()):
        made.ignore(phrase)
    meant: list[tuple[Concept | Kind | str, list[str]]] = [
        *words["flags"].items(),
        *_kinds(kinds),
        *_concepts(),
        *_classes(),
    ]
    for meaning, called in meant:
        for phrase in called:
            made.add(phrase, meaning)
    classes = {concept.name: concept for concept, _ in _classes()}
    for name, diseases in _load("remedies")["given_for"].items():
        for disease in diseases:
            made.remedies[disease].append(classes[name])
    made.settle()
    return made


def _breaks(*, after_comma: list[str], at: list[str]) -> re.Pattern[str]:
    """The end of a sentence (not a decimal point), a dash or a slash that stands alone, certain words."""
    return re.compile(
        r"[.?!;:\n¿¡]+(?<!\d[.:](?=\d))|\s[-/]+\s"
        rf"|,\s*(?=(?:and |but |y |pero )?(?:{'|'.join(after_comma)})\b)|\b(?:{'|'.join(at)})\b"
    )


def _kinds(file: dict[str, Any]) -> list[tuple[Kind, list[str]]]:
    """Every kind of record, once for each way in which its words name it."""
    return [
        (
            Kind(
                name=name,
                types=frozenset(table["types"]),
                meant=table.get("meant", True),
                current="current" in key,
                weak="weak" in key,
                yields_to=frozenset(table.get("yields_to", ())),
            ),
            table[key],
        )
        for name, table in file["kind"].items()
        for key in SORTS
        if key in table
    ]


def _load(name: str) -> dict[str, Any]:
    return tomllib.loads((FOLDER / f"{name}.toml").read_text(encoding="utf-8"))


def _concepts() -> list[tuple[Concept, list[str]]]:
    """Every entry of the files of terms: what it is called, in any language, is what is searched."""
    return [
        (Concept(name=name, kind=kind, phrases=_phrases(called)), called)
        for file in ("conditions", "medicines", "procedures", "tests", "vaccines", "other")
        for kind, terms in _load(file).items()
        for name, others in terms.items()
        for called in [[name, *others, *_visits([name, *others], kind)]]
    ]


def _visits(names: list[str], kind: str) -> list[str]:
    """The same visit under the other words for visits: `consulta posparto` is a `visita posparto` too."""
    whose = [name for name in names if VISITS.search(name) and words_of(VISITS.sub("", name))]
    return [VISITS.sub(word, name) for name in whose for word in CALLED_VISIT.get(kind, ())]


def _classes() -> list[tuple[Concept, list[str]]]:
    """Who asks for a class means its members, and not the other way round."""
    names = {concept.name: called for concept, called in _concepts()}
    found = []
    for kind, classes in _load("classes").items():
        for name, table in classes.items():
            called = [name, *table["called"]]
            members = [phrase for member in table["members"] for phrase in names.get(member, [member])]
            found.append((Concept(name=name, kind=kind, phrases=_phrases([*called, *members])), called))
    return found


def _phrases(names: list[str]) -> tuple[Phrase, ...]:
    return tuple(dict.fromkeys(map(roots_of, names)))
