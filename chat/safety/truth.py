"""Holds back what the database does not bear out: no "booked" unless this run booked (design, section 4)."""

import re
from collections.abc import Iterable, Mapping

from django.utils.translation import gettext as _
from django.utils.translation import override

from chat.safety.claims import ANY_STATUS, is_unfounded
from chat.safety.sentences import codes_in
from chat.vocabulary import load

MAX_HELD = 600  # characters; a longer sentence is judged by pieces
CONTEXT = 240  # characters of what is out already by which the rest of a sentence is understood

# Letters that other alphabets share in looks, and hidden ones: text with any of them is read closely.
_ODD = r"[^\x00-\x7f\xa0-\xac\xae-\xff‐-–—‘’“”…•€\u2190-\u2bff\ufe0f\U0001f000-\U0001faff]|\w[*_~`]+(?:\w|\Z)"
_NEVER_END = re.compile(
    r"(?:\b(?:dra?|sra?|srta|lic|ing|prof|mrs?|ms|st|n[oº]|n[uú]m|nro|tel|ext|aprox|approx|esq|av|jr|gral|apt|vs|[^\W\d_])"
    r"|(?:^|\n)\s*\d{1,3})\.$",
    re.IGNORECASE,
)
_HALF_OF_DAY = re.compile(r"\b[ap]\. ?m\.$", re.IGNORECASE)
_END = re.compile(r"\.[\"'»”’)\]*_]*(?=\s|[¿¡A-ZÁÉÍÓÚÑ])|[!?…][\"'»”’)\]*_!?]*|[\n\r\u2028\u2029]")
_NEW_BLOCK = re.compile(r"\s*(?:[-–•*#>|]|\d{1,3}[.)]\s)|\s*$")


def _prefix_tree(stems: Iterable[str]) -> str:
    """A pattern for any stem at the beginning of a word, or for a part of one at the very end of the text."""
    tree: dict[str, dict] = {}  # type: ignore[type-arg]
    for stem in stems:
        node = tree
        for letter in stem:
            node = node.setdefault(letter, {})
        node[""] = {}
    return _alternatives(tree, is_root=True)


def _alternatives(node: dict[str, dict], *, is_root: bool = False) -> str:  # type: ignore[type-arg]
    if "" in node:
        return ""
    branches = "|".join(re.escape(letter) + _alternatives(below) for letter, below in sorted(node.items()))
    return f"(?:{branches})" if is_root else f"(?:{branches}|\\Z)"


_STEMS = [stem for stem in load("claims")["suspect"]["stems"].split("|") if stem]
_SUSPECT = re.compile(rf"(?<![^\W\d_]){_prefix_tree(_STEMS)}|{_ODD}", re.IGNORECASE)


class TruthGate:
    """Passes text on as it streams, except sentences that claim what was not done.

    `done` names what this run committed; `references` gives the status (`booked`, `cancelled`) of each appointment
    that a tool of this run has told of. A sentence may tell of one with its reference and its true status.
    """

    def __init__(self, *, done: Iterable[str], references: Mapping[str, str] | Iterable[str] = ()) -> None:
        self._done = frozenset(done)
        known = references if isinstance(references, Mapping) else dict.fromkeys(references, ANY_STATUS)
        self._references = {reference.upper(): status for reference, status in known.items()}
        self._shown = ""  # the end of what is out
        self._held = ""
        self._searched = 0  # up to here the held text has no end of a sentence
        self._nearby: list[str] = []  # the references that the last line named
        self._replaced = False

    def release(self, text: str) -> str:
        """The part of the text so far that may be shown now."""
        if not self._held and not _SUSPECT.search(text):
            self._shown = (self._shown + text)[-CONTEXT:]
            return text
        return self._read(self._held + text, at_end=False)

    def finish(self, language: str) -> str:
        """What is still held at the end, with the server's own sentence where something was taken out."""
        released = self._read(self._held, at_end=True)
        if self._replaced:
            with override(language):
                note = _("Nothing has been booked, changed or cancelled yet: I will tell you here with a reference.")
            released += f" {note}"
        return released

    def _read(self, text: str, *, at_end: bool) -> str:
        """Judge every sentence of `text` that is over; hold the last one if there is anything in it to judge."""
        released, begin = "", 0
        is_suspect = len(self._held) > 0 and self._searched > 0
        searched = self._searched
        while begin < len(text):
            if not is_suspect:
                suspect = _SUSPECT.search(text, begin)
                begin_of_suspect = suspect.start() if suspect else len(text)
                released += self._out(text[begin:begin_of_suspect])
                begin = begin_of_suspect
                if not suspect:
                    break
                if suspect.end() == len(text) and not at_end:  # perhaps only a part of a word
                    self._held, self._searched = text[begin:], 0
                    return released
                is_suspect, searched = True, begin
            end = self._end_of_sentence(text, begin, max(searched, begin))
            if end is None:
                end = len(text) if at_end else self._cut(text, begin)
            if end is None:
                break
            released += self._judged(text[begin:end])
            begin, is_suspect, searched = end, False, end
        self._held = text[begin:]
        # An end may lie within the last characters, whose meaning the next ones tell.
        self._searched = max(1, len(self._held) - 8) if self._held else 0
        return released

    def _out(self, text: str) -> str:
        self._shown = (self._shown + text)[-CONTEXT:]
        return text

    def _end_of_sentence(self, text: str, begin: int, start: int) -> int | None:
        for end in _END.finditer(text, start):
            if text[end.start()] == "." and not _is_full_stop(text, max(0, end.start() - 12), end.start() + 1):
                continue
            return end.end()
        return None

    def _cut(self, text: str, begin: int) -> int | None:
        """Where a sentence that goes on for too long is judged without its end."""
        if len(text) - begin <= MAX_HELD:
            return None
        blank = text.rfind(" ", begin + MAX_HELD // 2, begin + MAX_HELD)
        return blank + 1 if blank > begin else begin + MAX_HELD

    def _judged(self, rest: str) -> str:
        """The rest of a sentence, or nothing when it claims what was not done."""
        shown = _open_sentence(self._shown, rest)
        unfounded = is_unfounded(shown, rest, done=self._done, references=self._references, nearby=self._nearby)
        if codes := codes_in(shown + rest):
            self._nearby = codes
        elif not rest.strip():
            self._nearby = []
        if unfounded:
            self._replaced = True
            self._shown = ""
            return ""
        return self._out(rest)


def _is_full_stop(text: str, start: int, end: int) -> bool:
    """Whether the dot that ends text[start:end] ends a sentence, and is not of "Dr.", "a.m." or "1."."""
    before = text[start:end] if start else f"\n{text[:end]}"
    if _HALF_OF_DAY.search(before):
        following = text[end:].lstrip()[:1]
        return bool(following) and (following in "¿¡" or following.isupper())
    return not _NEVER_END.search(before)


def _open_sentence(shown: str, rest: str) -> str:
    """The part of the sentence that is out already; a line break alone does not end one, a new item of a list does."""
    begin = 0
    for end in _END.finditer(shown):
        if text_end := end.end():
            is_break = shown[end.start()] in "\n\r\u2028\u2029"
            follows = shown[text_end:] + rest
            line = shown[begin : end.start()].rstrip()
            if is_break and line and line[-1] not in ".!?:;…" and not _NEW_BLOCK.match(follows.split("\n", 1)[0]):
                continue
            if shown[end.start()] == "." and not _is_full_stop(shown, max(0, end.start() - 12), end.start() + 1):
                continue
            begin = text_end
    last = shown[-1:]
    if (
        begin < len(shown)
        and last == "."
        and rest[:1].isspace()
        and _is_full_stop(shown, max(0, len(shown) - 12), len(shown))
    ):
        begin = len(shown)
    return shown[begin:]
