"""Spanish or English, yes or no: the little that the server itself must understand of a message."""

import re
from collections.abc import Iterable
from typing import NamedTuple

from chat.vocabulary import any_of, load
from healthmate.common.text import fold

LANGUAGES = ("es", "en")
LONGEST_ANSWER = 24  # words; whoever writes more says more than yes or no
TO_CANCEL = "cancel"

_VOCABULARY = load("language")
_ANSWERS = _VOCABULARY["answers"]
_WORDS = {language: frozenset(_VOCABULARY["words"][language].split()) for language in LANGUAGES}
_NOT_ME = re.compile(rf"\b{any_of(_ANSWERS['not_me'])}\b")

Phrases = frozenset[tuple[str, ...]]


def _phrases(*names: str) -> Phrases:
    listed = (_ANSWERS[name].replace("\n", "|").split("|") for name in names)
    return frozenset(tuple(phrase.split()) for phrases in listed for phrase in phrases if phrase)


_CLAUSES = _phrases("clauses")
_YES = _phrases("yes") | _CLAUSES
_YES_TO = {TO_CANCEL: _YES | _phrases("cancel")}
_NO = _phrases("no")
_HARMLESS = _phrases("harmless") | frozenset((name,) for name in _ANSWERS["names"].split())
_BESIDE_NO = _HARMLESS | _phrases("after_no")
_KNOWN_WORDS = frozenset(word for phrase in _YES_TO[TO_CANCEL] | _NO | _BESIDE_NO for word in phrase)
_LONGEST_PHRASE = max(map(len, _YES_TO[TO_CANCEL] | _NO | _BESIDE_NO))
_PIECE = re.compile(r"[^\W_]+(?:'[^\W_]+)*+|\S")
_AGREE, _KIND, _DECLINE = (frozenset(_ANSWERS[f"symbols_{name}"]) for name in ("that_agree", "yes", "no"))
_SILENT = frozenset(".,;:!¡-–—()\"'…*_~\u200d\ufe0f")
_SKIN_TONES = frozenset(map(chr, range(0x1F3FB, 0x1F400)))


class _Word(NamedTuple):
    plain: str
    may_be_if: bool  # "si" without its accent, with no comma behind it


def detect_language(text: str, *, default: str) -> str:
    """`es` or `en`, whichever has more of its everyday words in `text`; `default` on a tie."""
    words = re.findall(r"[a-z']+", fold(text))
    scores = {language: sum(word in known for word in words) for language, known in _WORDS.items()}
    if any(mark in text for mark in "¿¡ñáéíóúü"):
        scores["es"] += 1
    best = max(LANGUAGES, key=lambda language: scores[language])
    return best if scores[best] > min(scores.values()) else default


def says_yes(text: str, *, to: str | None = None) -> bool:
    """Whether the whole message agrees: no question, no condition, nothing beside courtesy and the thing asked.

    `to=TO_CANCEL` when the question was whether to cancel: "cancel it" agrees then, and only then.
    """
    words = _words(text)
    agree = _YES_TO.get(to or "", _YES)
    return words is not None and _is_made_of(_plain(words), agree, _HARMLESS) and not _is_conditional(words, agree)


def says_no(text: str) -> bool:
    """Whether the whole message declines, at most with a wish for something else beside it."""
    words = _words(text)
    return words is not None and _is_made_of(_plain(words), _NO, _BESIDE_NO)


def says_not_me(text: str) -> bool:
    """Whether somebody else has taken the device and says so."""
    return bool(_NOT_ME.search(fold(text)))


def _words(text: str) -> list[_Word] | None:
    """The words of a short answer, symbols as words; None when it is no answer of that kind."""
    pieces: list[str] = []
    for piece in _PIECE.findall(fold(text.replace("\N{VARIATION SELECTOR-16}", ""))):
        pieces.append(piece)
        if len(pieces) > 2 * LONGEST_ANSWER:
            return None
    accents = [fold(word) != word.casefold() for word in re.findall(r"\bs[iíìï]+\b", text, re.IGNORECASE)]
    words: list[_Word] = []
    for place, piece in enumerate(pieces):
        symbol = _symbol(piece)
        if symbol is None:
            return None
        if symbol == "":
            continue
        word = _known(piece) if symbol == piece else symbol
        has_accent = accents.pop(0) if re.fullmatch("si+", piece) and accents else False
        stops = place + 1 == len(pieces) or pieces[place + 1] in _SILENT
        words.append(_Word(word, word == "si" and not has_accent and not stops))
    return words if 0 < len(words) <= LONGEST_ANSWER else None


def _symbol(piece: str) -> str | None:
    """A word for itself, a telling symbol as `si` or `no`, "" for what says nothing, None for anything else."""
    if piece[0].isalnum():
        return piece
    if piece in _AGREE:
        return "ok"
    if piece in _DECLINE:
        return "no"
    return "" if piece in _SILENT or piece in _KIND or piece in _SKIN_TONES else None


def _known(word: str) -> str:
    """The word without its apostrophes, and without letters drawn out ("siii")."""
    word = word.replace("'", "")
    return word if word in _KNOWN_WORDS else re.sub(r"(.)\1+", r"\1", word)


def _plain(words: Iterable[_Word]) -> list[str]:
    return [word.plain for word in words]


def _is_made_of(words: list[str], needed: Phrases, allowed: Phrases) -> bool:
    """Whether the words are a row of these phrases, one of them at least a needed one."""
    reached: list[set[bool]] = [{False}, *(set[bool]() for _ in words)]
    for start, states in enumerate(reached[:-1]):
        for end in range(start + 1, min(start + _LONGEST_PHRASE, len(words)) + 1) if states else ():
            phrase = tuple(words[start:end])
            if phrase in needed:
                reached[end].add(True)
            elif phrase in allowed:
                reached[end] |= states
    return True in reached[-1]


def _is_conditional(words: list[_Word], agree: Phrases) -> bool:
    """Whether a "si" leads a clause that another yes depends on ("si está bien, confírmala")."""
    plain = _plain(words)
    return any(
        tuple(plain[place + 1 : end]) in _CLAUSES and _is_made_of(plain[end:], agree, _HARMLESS)
        for place, word in enumerate(words)
        if word.may_be_if
        for end in range(place + 2, len(words))
    )
