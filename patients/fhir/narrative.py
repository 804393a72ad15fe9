"""Text out of narratives and attachments: markup dropped, base64 decoded, sizes bounded."""

import base64
import binascii
import html
import re
import zlib
from typing import Any

import nh3

from patients.fhir.shapes import Json, as_text, clip, concept_text, dicts, strings

MAX_TEXT = 200_000
MAX_DECODED = 20_000_000
GZIP = b"\x1f\x8b"
READABLE = re.compile(r"^(text/|application/(xhtml|xml|hl7-v3|hl7-sda|json)|application/\w*\+xml)", re.IGNORECASE)
MARKUP = re.compile(r"<[a-zA-Z!?/]")
BREAKS = re.compile(r"<\s*(?:br|/p|/div|/tr|/li|/h\d|/title|/paragraph|/item|/caption|/section)\b[^>]*>", re.IGNORECASE)
CELLS = re.compile(r"<\s*/(?:td|th)\s*>", re.IGNORECASE)
UNSEEN = {"script", "style", "template", "noscript", "iframe", "object"}
SPACES = re.compile(r"[^\S\n]+")
BLANK_LINES = re.compile(r"\s*\n\s*")


def plain(markup: str) -> str:
    """Markup as text: no tags, no scripts, no styles, one line per block."""
    spaced = CELLS.sub(" \\g<0>", BREAKS.sub("\n\\g<0>", markup))
    text = html.unescape(nh3.clean(spaced, tags=set(), clean_content_tags=UNSEEN))
    return BLANK_LINES.sub("\n", SPACES.sub(" ", text)).strip()


def _decode(data: str) -> bytes:
    """The bytes of a base64 text, inflated when they are gzip; none when they are not base64."""
    try:
        raw = base64.b64decode("".join(data.split()), validate=True)
    except (binascii.Error, ValueError):
        return b""
    if not raw.startswith(GZIP):
        return raw
    try:
        return zlib.decompressobj(wbits=31).decompress(raw, MAX_DECODED)
    except zlib.error:
        return b""


def attachment_text(attachment: Json) -> str:
    """What an attachment says: decoded when it is text, named when it is anything else."""
    kind, title = as_text(attachment.get("contentType")), as_text(attachment.get("title"))
    data = as_text(attachment.get("data"))
    content = _decode(data) if data else b""
    if content and READABLE.match(kind or "text/plain"):
        # Notes from older systems say they are text and are Latin-1.
        text = content.decode("utf-8", "strict") if _is_utf8(content) else content.decode("cp1252", "replace")
        text = text.replace("\x00", "").removeprefix("\ufeff")
        text = plain(text) if MARKUP.search(text) else text.strip()
        return "\n".join(filter(None, (title, text)))
    if not (data or attachment.get("url")):
        return title
    return f"[{' '.join(filter(None, (title, kind or 'attachment')))}]"


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


def _attachments(resource: Json) -> list[Json]:
    held = [part.get("attachment") for part in dicts(resource.get("content"))]
    return [item for value in (*held, *dicts(resource.get("presentedForm"))) for item in dicts(value)]


def _sections(resource: Json, depth: int = 0) -> list[str]:
    if depth > 10:  # noqa: PLR2004 - deeper than any document, shallower than the stack
        return []
    parts = []
    for section in dicts(resource.get("section")):
        parts += [as_text(section.get("title")), narrative(section), *_sections(section, depth + 1)]
    return parts


def narrative(element: Json) -> str:
    """The XHTML narrative of a resource or section as text."""
    return "\n".join(plain(div) for text in dicts(element.get("text")) if (div := as_text(text.get("div"))))


def _notes(resource: Json) -> list[str]:
    notes: list[str] = []
    for name in ("note", "comment", "conclusion", "description", "patientInstruction", "comments"):
        value: Any = resource.get(name)
        for item in value if isinstance(value, list) else [value]:
            said = as_text(item.get("text")) or concept_text(item) if isinstance(item, dict) else as_text(item)
            notes.append(plain(said) if MARKUP.search(said) else said)
    return notes


def all_text(resource: Json) -> str:
    """Everything a resource says in prose: narrative, sections, notes, attachments; each thing once."""
    parts = [
        narrative(resource),
        *_sections(resource),
        *_notes(resource),
        *map(attachment_text, _attachments(resource)),
    ]
    return clip("\n".join(dict.fromkeys(strings(parts))), MAX_TEXT)
