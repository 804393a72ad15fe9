"""Text out of narratives and attachments: markup dropped, base64 decoded, sizes bounded."""

import base64
import binascii
import html
import re
import zlib
from collections.abc import Callable
from typing import Any

import nh3

from patients.fhir.shapes import Json, as_text, clip, concept_text, dicts, strings

MAX_TEXT = 200_000
MAX_DECODED = 20_000_000
# An HTML reader takes time by the square of the depth, of a tag's attributes, and of what may be entities.
MAX_HTML_MARKS = 5_000
GZIP = b"\x1f\x8b"
READABLE = re.compile(r"^(text/|application/(xhtml|xml|hl7-v3|hl7-sda|json)|application/\w*\+xml)", re.IGNORECASE)
MARKED_UP = re.compile(r"</[a-z]|<(?:br|script|style|img|iframe)\b|<[a-z]\w*/>", re.IGNORECASE)
HTML = re.compile(r"^\s*(?:<!doctype html|<html|<div|<p\b|<span|<table|<ul|<ol|<h\d)", re.IGNORECASE)
EMPTY = re.compile(r"<(\w+)((?:\s[^<>]*)?)/>")
BREAKS = re.compile(
    r"<\s*(?:br|/p|/div|/tr|/li|/h\d|/title|/paragraph|/item|/caption|/section)\b[^<>]*>", re.IGNORECASE
)
CELLS = re.compile(r"<\s*/(?:td|th)\s*>", re.IGNORECASE)
ACTIVE = re.compile(r"<\s*(script|style|iframe|object|template)\b.*?(?:<\s*/\s*\1\s*>|\Z)", re.IGNORECASE | re.DOTALL)
XML_ASIDES = (("<!--", "-->"), ("<?", "?>"), ("<!DOCTYPE", ">"))
TAG = re.compile(r"</?[A-Za-z][^<>]*>")
UNSEEN = {"script", "style", "template", "noscript", "iframe", "object"}
SPACES = re.compile(r"[^\S\n]+")
BLANK_LINES = re.compile(r"\s*\n\s*")


def plain(markup: str) -> str:
    """HTML as text: no tags, no scripts (escaped ones neither), no styles, one line per block."""
    if sum(map(markup.count, "<&=")) > MAX_HTML_MARKS:
        return _plain_xml(markup)
    # An HTML reader takes `<script/>` or `<title/>` for an opening, which swallows what follows.
    closed = EMPTY.sub(r"<\1\2></\1>", markup)
    spaced = CELLS.sub(" \\g<0>", BREAKS.sub("\n\\g<0>", closed))
    return _tidy(nh3.clean(spaced, tags=set(), clean_content_tags=UNSEEN))


def _plain_xml(markup: str) -> str:
    """XML that is no HTML (C-CDA) as text; an HTML reader would drop elements whose names it knows otherwise."""
    bare = EMPTY.sub(r"<\1\2></\1>", markup)
    for start, end in XML_ASIDES:
        bare = _replaced(bare, start, end, lambda inner: "")
    bare = _replaced(ACTIVE.sub("", bare), "<![CDATA[", "]]>", lambda inner: html.escape(inner, quote=False))
    return _tidy(TAG.sub(" ", CELLS.sub(" \\g<0>", BREAKS.sub("\n\\g<0>", bare))))


def _replaced(text: str, start: str, end: str, instead: Callable[[str], str]) -> str:
    """Every stretch from `start` to `end` replaced; one without an end stays, and is looked for only once."""
    parts, at = [], 0
    while (opens := text.find(start, at)) >= 0 and (closes := text.find(end, opens + len(start))) >= 0:
        parts += [text[at:opens], instead(text[opens + len(start) : closes])]
        at = closes + len(end)
    return "".join([*parts, text[at:]])


def _tidy(escaped: str) -> str:
    text = ACTIVE.sub("", html.unescape(escaped)).replace("\x00", "")
    return BLANK_LINES.sub("\n", SPACES.sub(" ", text)).strip()


def _prose(text: str, kind: str = "") -> str:
    """Text that may be markup under any label: older systems send XML as text/plain."""
    if "html" in kind.lower() or HTML.match(text):
        return plain(text)
    if "xml" in kind.lower() or (text.lstrip().startswith("<") and MARKED_UP.search(text)):
        return _plain_xml(text)
    return plain(text) if "plain" not in kind.lower() and MARKED_UP.search(text) else text.strip()


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
        return "\n".join(filter(None, (title, _prose(text, kind))))
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
            notes.append(_prose(said))
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
