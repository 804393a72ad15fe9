"""The words of clinical questions, read from the data files in `patients/vocabulary`.

A phrase is known by its roots, so that number, gender, accents and the spelling of the two languages do not matter.
"""

import tomllib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

from patients.roots import roots_of, words_of

Phrase = tuple[str, ...]  # roots
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

    One that is `meant` leaves the other types out; one that is not is only preferred.
    """

    name: str
    types: frozenset[str]
    meant: bool = True
    current: bool = False


@dataclass(kw_only=True)
class Meaning:
    """All that a phrase may mean; nothing at all for a word of no weight."""

    concepts: list[Concept] = field(default_factory=list)
    kinds: list[Kind] = field(default_factory=list)
    flags: set[str] = field(default_factory=set)

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

    `filler` are the roots that add nothing to a record's name, `likely` the types by the kind of a concept.
    """

    by_words: Meanings = field(default_factory=lambda: Meanings(Meaning))
    by_roots: Meanings = field(default_factory=lambda: Meanings(Meaning))
    longest: int = 1
    filler: frozenset[str] = frozenset()
    likely: dict[str, frozenset[str]] = field(default_factory=dict)

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
        return self.by_roots.get(_key(roots)) if own is None else own


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
    )
    for phrase in chain.from_iterable(words["ignored"].values()):
        made.ignore(phrase)
    for flag, phrases in words["flags"].items():
        for phrase in phrases:
            made.add(phrase, flag)
    for name, table in kinds["kind"].items():
        for key, current in (("words", False), ("current_words", True)):
            kind = Kind(name=name, types=frozenset(table["types"]), meant=table.get("meant", True), current=current)
            for phrase in table.get(key, ()):
                made.add(phrase, kind)
    for concept, called in _concepts() + _classes():
        for phrase in called:
            made.add(phrase, concept)
    return made


def _load(name: str) -> dict[str, Any]:
    return tomllib.loads((FOLDER / f"{name}.toml").read_text(encoding="utf-8"))


def _concepts() -> list[tuple[Concept, list[str]]]:
    """Every entry of the files of terms: what it is called, in any language, is what is searched."""
    return [
        (Concept(name=name, kind=kind, phrases=_phrases([name, *others])), [name, *others])
        for file in ("conditions", "medicines", "procedures", "tests", "vaccines", "other")
        for kind, terms in _load(file).items()
        for name, others in terms.items()
    ]


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
