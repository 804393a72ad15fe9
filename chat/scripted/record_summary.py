"""The scripted model for clinicians: an extract of what was found in the record, each line with its marker."""

import json
import re
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from chat.citations import sentences_of
from healthmate.common.text import fold

MAX_LINES = 8
MAX_EXCERPT = 300

_FENCE = re.compile(r"^- record fence: ([0-9a-f]+)$", re.MULTILINE)
_LABELLED = re.compile(r"([A-Z][\w ()-]{1,40}): (.+)")
_TOLD = ("Value", "Result", "Reason", "Status")


@dataclass(frozen=True)
class RecordRequest:
    """A request about a record, read: its entries, as they were shown, and the question."""

    question: str
    entries: list[dict[str, Any]] = field(default_factory=list)


def read_record_request(body: dict[str, Any]) -> RecordRequest | None:
    """What a Responses API request asks about a record; None when it is no such request."""
    fence = _FENCE.search(str(body.get("instructions") or ""))
    items = body.get("input")
    message = items[-1].get("content") if fence and isinstance(items, list) and items else None
    if fence is None or not isinstance(message, str):
        return None
    shown, closed, asked = message.partition(f"</record {fence[1]}>")
    if not closed:
        return None
    lines = shown.removeprefix(f"<record {fence[1]}>").strip().split("\n")  # a record may hold other separators
    entries = [entry for entry in map(json.loads, lines) if "marker" in entry]
    return RecordRequest(question=asked.strip().partition("\n")[2].strip(), entries=entries)


def summary_of(request: RecordRequest) -> str:
    """An extract of what was found, in the active language; says so when nothing was."""
    found = [entry for entry in request.entries if entry.get("found")][:MAX_LINES]
    if not found:
        return _("I find nothing in the patient's record that answers this question.")
    heading = _("What the record holds on this, as an automatic extract without a language model:")
    words = set(re.findall(r"\w{4,}", fold(request.question)))
    return "\n".join([heading, *(_line(entry, words) for entry in found)])


def _line(entry: dict[str, Any], words: set[str]) -> str:
    told = _excerpt(str(entry.get("text") or ""), words).rstrip(" .;:")
    date = f"{entry['date']}: " if entry.get("date") else ""
    return f"- {date}{told} {entry['marker']}."


def _excerpt(text: str, words: set[str]) -> str:
    """A record in one sentence: name, value, reason and status, and of its prose what fits the question best."""
    labelled: dict[str, str] = {}
    prose: list[str] = []
    first, *rest = text.split("\n")
    for line in rest:
        match = _LABELLED.fullmatch(line)
        if match:
            labelled.setdefault(match[1], match[2])
        else:
            prose += sentences_of(line)
    parts = [first.partition(": ")[2] or first, *(labelled[label] for label in _TOLD if label in labelled)]
    if prose:
        parts.append(max(prose, key=lambda sentence: len(words & set(re.findall(r"\w{4,}", fold(sentence))))))
    told = "; ".join(dict.fromkeys(part.strip().rstrip(".") for part in parts if part.strip()))
    told = re.sub(r"([.!?…])(?=\s)", ";", told)  # one sentence, so that its marker stands for all of it
    return told if len(told) <= MAX_EXCERPT else f"{told[:MAX_EXCERPT].rsplit(' ', 1)[0]}…"
