"""Markers such as [2] in an answer: kept where they name a shown record, dropped where they do not, and counted."""

import re
from collections.abc import Collection

MAX_HELD_CHARS = 4_000  # room for hundreds of numbers; and `int` reads no text of more than 4300 digits
MAX_BLANKS = 400
MAX_RANGE = 20
MAX_ABBREVIATION = 12
BLANKS = " \t"

# Possessive, so that no text makes the search slow.
_NUMBERS = r"\d++(?:\s*+[,;–-]\s*+\d++)*+"
_INSIDE = re.compile(rf"\s*+{_NUMBERS}\s*+")
_MARKER = re.compile(rf"\[\s*+(?P<numbers>{_NUMBERS})\s*+\]")
_TOKEN = re.compile(r"[\[\]]|[\d\s,;–-]+|[^\[\]\d\s,;–-]+")
_FILLING = re.compile(r"[\d\s,;–-]")
_MARKS = rf"(?:\s*\[\s*+{_NUMBERS}\s*+\])*"
_SENTENCE_END = re.compile(rf"[.!?…]+[\"'»”)*_]*{_MARKS}(?=\s|$)")
_ABBREVIATION = re.compile(
    r"(?:\b(?:dra?|sra?|srta|prof|lic|mr|mrs|ms|vs|aprox|approx|núm|num|no|fig|p|ej|e\.g|i\.e|cf|st)"
    r"|(?:^|[\s.])[^\W\d_]|^\s*\d{1,3})\.$",
    re.IGNORECASE,
)
_LIST_SIGNS = re.compile(r"^[\s>*•·–|-]+")


class CitationGate:
    """Passes an answer on as it streams, without the markers that name none of the `known` records.

    What may still become a marker, or go with one, is held back, so that what is shown does not depend on
    where the answer was cut into pieces; every marker that is shown names known records only. A bracket that
    stays open for more than MAX_HELD_CHARS is dropped up to its end.
    """

    def __init__(self, known: Collection[int]) -> None:
        self.cited: list[int] = []  # in the order of their first mention
        self._known = known
        self._held = ""  # blanks, then brackets that are open with nothing but numbers in them
        self._dropping = False

    def release(self, text: str) -> str:
        """What can be shown once `text` has come."""
        return "".join(map(self._passed, _TOKEN.findall(text)))

    def finish(self) -> str:
        """What was held back when the answer ended."""
        text, self._held, self._dropping = self._held.rstrip(BLANKS), "", False
        return text

    def _passed(self, piece: str) -> str:
        if piece not in {"[", "]"} and not _FILLING.match(piece):
            self._dropping = False
            return self._let_go(piece)
        if self._dropping:
            self._dropping = piece != "]"
            return ""
        if piece == "]":
            return self._closed()
        self._held += piece
        if "[" not in self._held:
            kept = self._held.rstrip(BLANKS)
            self._held = self._held[len(kept) :][:MAX_BLANKS]
            return kept
        if len(self._held) > MAX_HELD_CHARS:
            self._held, self._dropping = "", True
        return ""

    def _closed(self) -> str:
        """What a closing bracket settles; where its marker is dropped, that may be the inside of another."""
        before, opened, inside = self._held.rpartition("[")
        if not opened or not _INSIDE.fullmatch(inside):
            return self._let_go("]")
        named = numbers_in(inside)
        good = [number for number in named if number in self._known]
        if not good:
            self._held = before.rstrip(BLANKS)
            return ""
        self.cited += [number for number in dict.fromkeys(good) if number not in self.cited]
        is_as_said = good == named and len(inside.splitlines()) == 1  # a sentence's marker stands on its line
        self._held = before
        return self._let_go(f"[{inside if is_as_said else ', '.join(map(str, good))}]")

    def _let_go(self, text: str) -> str:
        text, self._held = self._held + text, ""
        return text


def numbers_in(text: str) -> list[int]:
    """The numbers of a marker: `1, 3-5` names four."""
    numbers: list[int] = []
    for part in re.split(r"\s*[,;]\s*", text.strip()):
        ends = [int(end) for end in re.split(r"\s*[–-]\s*", part)]
        is_range = len(ends) == 2 and 0 <= ends[1] - ends[0] <= MAX_RANGE  # noqa: PLR2004 (first and last)
        numbers += range(ends[0], ends[1] + 1) if is_range else ends
    return numbers


def without_markers(text: str) -> str:
    """Foreign text in which nothing looks like a marker: `[3]` becomes `(3)`."""
    return _MARKER.sub(r"(\g<numbers>)", text)


def confidence_of(text: str) -> float:
    """The share of sentences that carry a marker; 0 without sentences. Of an answer as the gate has passed it."""
    sentences = sentences_of(text)
    cited = sum(1 for sentence in sentences if _MARKER.search(sentence))
    return round(cited / len(sentences), 4) if sentences else 0.0


def sentences_of(text: str) -> list[str]:
    """The sentences of an answer, each with the markers that follow it; headings and rules are none."""
    found: list[str] = []
    for line in text.splitlines():
        if line.lstrip().startswith("#"):
            continue
        found += [piece for piece in _pieces(_LIST_SIGNS.sub("", line)) if _says_something(piece)]
    return found


def _pieces(line: str) -> list[str]:
    pieces, start = [], 0
    for match in _SENTENCE_END.finditer(line):
        rest = line[match.end() :].lstrip()
        before = line[max(start, match.start() - MAX_ABBREVIATION) : match.start() + 1]
        if rest and (_ABBREVIATION.search(before) or rest[0].islower()):
            continue
        pieces.append(line[start : match.end()])
        start = match.end()
    return [*pieces, line[start:]]


def _says_something(piece: str) -> bool:
    """Whether a piece is a sentence: it has a word, and is no heading that only leads to what follows."""
    words = _MARKER.sub("", piece)
    return any(letter.isalnum() for letter in words) and not words.rstrip(" *_").endswith(":")
