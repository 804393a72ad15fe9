"""Markers such as [2] in an answer: kept where they name a shown record, dropped where they do not, and counted."""

import re
from collections.abc import Collection

MAX_MARKER_CHARS = 60
MAX_RANGE = 20
MAX_ABBREVIATION = 12
BLANKS = " \t"

_NUMBERS = r"\d{1,4}(?:\s*[,;–-]\s*\d{1,4})*"
_MARKER = re.compile(rf"(?P<blanks>[ \t]{{0,4}})\[\s*(?P<numbers>{_NUMBERS})\s*\]")
_MAY_BE_MARKER = re.compile(r"\[[\d\s,;–-]*")
_MARKS = rf"(?:\s*\[\s*{_NUMBERS}\s*\])*"
_SENTENCE_END = re.compile(rf"[.!?…]+[\"'»”)*_]*{_MARKS}(?=\s|$)")
_ABBREVIATION = re.compile(
    r"(?:\b(?:dra?|sra?|srta|prof|lic|mr|mrs|ms|vs|aprox|approx|núm|num|no|fig|p|ej|e\.g|i\.e|cf|st)"
    r"|(?:^|[\s.])[^\W\d_]|^\s*\d{1,3})\.$",
    re.IGNORECASE,
)
_LIST_SIGNS = re.compile(r"^[\s>*•·–|-]+")


class CitationGate:
    """Passes an answer on as it streams, without the markers that name none of the `known` records.

    What may still become a marker is held back, so that one that is cut across pieces is recognised.
    """

    def __init__(self, known: Collection[int]) -> None:
        self.cited: list[int] = []  # in the order of their first mention
        self._known = known
        self._held = ""

    def release(self, text: str) -> str:
        """What can be shown once `text` has come."""
        text = self._held + text
        cut = _settled(text)
        self._held = text[cut:]
        return self._checked(text[:cut])

    def finish(self) -> str:
        """What was held back when the answer ended."""
        text, self._held = self._held.rstrip(BLANKS), ""
        return self._checked(text)

    def _checked(self, text: str) -> str:
        return _MARKER.sub(self._mark, text) if "[" in text else text

    def _mark(self, match: re.Match[str]) -> str:
        named = numbers_in(match["numbers"])
        good = [number for number in named if number in self._known]
        self.cited += [number for number in dict.fromkeys(good) if number not in self.cited]
        if not good:
            return ""
        return match[0] if good == named else f"{match['blanks']}[{', '.join(map(str, good))}]"


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
    return _MARKER.sub(r"\g<blanks>(\g<numbers>)", text)


def confidence_of(text: str) -> float:
    """The share of an answer's sentences that carry a marker; 0 for an answer without sentences."""
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


def _settled(text: str) -> int:
    """How much of a text no later piece can change."""
    cut = len(text)
    opened = text.rfind("[", max(0, cut - MAX_MARKER_CHARS))
    if opened >= 0 and _MAY_BE_MARKER.fullmatch(text, opened):
        cut = opened
    while cut > 0 and text[cut - 1] in BLANKS and len(text) - cut < 2 * MAX_MARKER_CHARS:
        cut -= 1
    return cut


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
