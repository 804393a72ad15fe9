"""Sentences of an answer as claims are sought in them: words without disguise, clauses, references."""

import re
import unicodedata
from bisect import bisect_left
from typing import NamedTuple

from chat.vocabulary import load
from healthmate.common.text import is_seen, without_disguise

_WORDS = {name: re.compile(words) for name, words in load("claims")["words"].items()}
_TOKEN = re.compile(r"[^\W_]+(?:['-][^\W_]+)*+|'s\b|[,;:.!?¿¡()\n–…]")
_ENDS_CLAUSE = frozenset(",;:.!?¿¡()\n–…")
_CODE = re.compile(r"\bhm ?-? ?([a-z0-9]{6})\b")
_STATUS_LINE = re.compile(r"^[\s\-–•.)\d]*(?:estado|status|state)\s*:")
_MARKS = str.maketrans({"*": "", "_": "", "~": "", "`": "", "‘": "'", "’": "'", "ʼ": "'", "´": "'", "|": ","})
_DASH = re.compile(r"[‐‑‒−﹣－]")


class Sentence(NamedTuple):
    """The words of a sentence and where they stand."""

    text: str  # the tokens with single blanks between
    words: list[str]
    starts: list[int]  # of each token in `text`
    codes: list[tuple[int, str]]  # where each reference ends in `text`, and the reference
    is_heading: bool
    is_status_line: bool

    def place(self, position: int) -> int:
        """The token at or behind a position of the text."""
        return bisect_left(self.starts, position)


def has_code(word: str) -> bool:
    """Whether the word is an appointment reference."""
    return bool(_CODE.fullmatch(word))


def codes_in(text: str) -> list[str]:
    """The appointment references in a text, known or not."""
    return [f"HM-{code[1]}".upper() for code in _CODE.finditer(_plain(text))]


def _plain(text: str) -> str:
    """Lower case without hidden letters, disguises and markup; of accents only those on a word's last vowel stay."""
    text = _DASH.sub("-", text).translate(_MARKS)
    if text.isascii():
        text = text.lower()
    else:
        text = "".join(filter(is_seen, unicodedata.normalize("NFKC", text).casefold()))
        text = unicodedata.normalize("NFD", without_disguise(text))
        text = unicodedata.normalize("NFC", "".join(_stays(text, place) for place in range(len(text))))
    return re.sub(r" [-—―] |[—―]", " – ", text)


def _stays(text: str, place: int) -> str:
    character = text[place]
    if character < "\x7f" or not unicodedata.combining(character):
        return character
    is_last = character == "\u0301" and text[place - 1] in "aeiou" and not text[place + 1 : place + 2].isalpha()
    return character if is_last else ""


def read(shown: str, rest: str) -> Sentence:
    """The sentence that `rest` ends, `shown` being the part of it that is out already."""
    plain = _plain(shown + rest)
    words, starts, length = [], [], 0
    for match in _TOKEN.finditer(plain):
        words.append(match[0])
        starts.append(length)
        length += len(match[0]) + 1
    text = " ".join(words)
    codes = [(match.end(), f"HM-{match[1]}".upper()) for match in _CODE.finditer(text)]
    return Sentence(
        text=text,
        words=words,
        starts=starts,
        codes=codes,
        is_heading=plain.rstrip().endswith(":"),
        is_status_line=bool(_STATUS_LINE.match(plain.strip())),
    )


def is_thing(word: str) -> bool:
    """Whether it is an appointment, or the doing or undoing of one, or a patient's entry."""
    return any(is_word(noun, word) for noun in ("appointment", "cancellation", "moving", "registration"))


def is_word(name: str, word: str) -> bool:
    """Whether it is a word of that list of the vocabulary."""
    return bool(_WORDS[name].fullmatch(word))


def clause(words: list[str], place: int) -> tuple[int, int]:
    """The first token of the clause of a token, and the one behind its last."""
    start = place
    while start > 0 and not is_boundary(words[start - 1]):
        start -= 1
    end = place
    while end < len(words) and not is_boundary(words[end]):
        end += 1
    return start, end


def is_boundary(word: str) -> bool:
    """Whether a clause ends there."""
    return word in _ENDS_CLAUSE or is_word("clause_end", word)


def part(words: list[str], place: int) -> tuple[int, int]:
    """The first token of the part of a clause, between "and"s, that a token is in, and the one behind its last."""
    start, end = clause(words, place)
    joins = [at for at in range(start, end) if words[at] in {"and", "y", "e"}]
    return max([start, *(at + 1 for at in joins if at < place)]), min([end, *(at for at in joins if at > place)])
