"""Files of FHIR JSON as units of entries: each file is opened once, NDJSON is never held whole."""

import codecs
import gzip
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from patients.fhir import sources
from patients.fhir.kinds import KNOWN
from patients.fhir.references import id_from
from patients.fhir.shapes import Json, as_dict, as_text, kind_of
from patients.fhir.sources import BadInputError, Found, find

__all__ = ["BadInputError", "Entry", "Found", "Unit", "dumps", "find", "loads", "read"]

BOM = b"\xef\xbb\xbf"
LINES_AT_ONCE = 1000
BYTES_AT_ONCE = 16_000_000
UNKNOWN = "(unknown)"
MAX_DEPTH = 200
MAX_ENTRIES = 500_000
TOO_DEEP = "The JSON is nested too deeply."
NO_RESOURCE = "(entry without resource)"


class _Entry(msgspec.Struct):
    fullUrl: Any = None  # noqa: N815 - FHIR's name
    resource: msgspec.Raw = msgspec.Raw(b"null")
    request: Any = None
    response: Any = None


class _Head(msgspec.Struct):
    resourceType: Any = None  # noqa: N815 - FHIR's name
    id: Any = None


class _Bundle(msgspec.Struct):
    entry: msgspec.Raw = msgspec.Raw(b"[]")


_entries = msgspec.json.Decoder(list[msgspec.Raw])
_entry = msgspec.json.Decoder(_Entry)
_head = msgspec.json.Decoder(_Head)
_bundle = msgspec.json.Decoder(_Bundle)
_any = msgspec.json.Decoder()


@dataclass(kw_only=True)
class Entry:
    """One resource in one place: `index` counts entries or lines from 0, `inner` those of a bundle within."""

    file: str
    index: int | None = None
    inner: int | None = None
    full_url: str = ""
    type: str = UNKNOWN
    id: str = ""
    raw: bytes | msgspec.Raw = b""
    problem: str = ""
    passed_over: str = ""

    def resource(self) -> Json:
        """The resource as JSON that a database can hold; raises BadInputError."""
        value = loads(self.raw)
        if not isinstance(value, dict):
            raise BadInputError(f"The resource is {kind_of(value)}, not an object.")
        return value


@dataclass(kw_only=True)
class Unit:
    """Entries that are stored together, and how many bytes of the file have been read by now."""

    entries: list[Entry]
    bundle: bool
    position: int = 0
    problem: str = ""


def loads(raw: bytes | msgspec.Raw) -> Any:
    """JSON as PostgreSQL can hold it: no NUL, no lone surrogate, no NaN; raises BadInputError."""
    data = bytes(raw)
    try:
        value = _any.decode(data)
        # A depth takes as many brackets: few resources have to be measured.
        if data.count(b"{") + data.count(b"[") > MAX_DEPTH:
            _check_depth(value)
        return _clean(value) if b"\\u0000" in data else value
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return _loads_leniently(data, error)


def _loads_leniently(data: bytes, error: Exception) -> Any:
    """What the strict reader refuses and a person would still read: control characters, lone surrogates, NaN."""
    if isinstance(error, RecursionError):
        raise BadInputError(TOO_DEEP) from error
    try:
        value = json.loads(data.decode(), strict=False, parse_constant=lambda name: name)
        _check_depth(value)
        return _clean(value)
    except UnicodeDecodeError as bad:
        raise BadInputError(f"The text is not UTF-8 (byte {bad.start}).") from bad
    except RecursionError as bad:
        raise BadInputError(TOO_DEEP) from bad
    except BadInputError:
        raise
    except ValueError as bad:
        raise BadInputError(f"The JSON is broken: {bad}.") from bad


def _check_depth(value: Any) -> None:
    """Raise BadInputError for JSON that the database or its driver could not take in."""
    level = [value]
    for _ in range(MAX_DEPTH):
        nested = (item.values() if isinstance(item, dict) else item for item in level if isinstance(item, dict | list))
        level = [inner for items in nested for inner in items]
        if not level:
            return
    raise BadInputError(TOO_DEEP)


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\x00", "").encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [_clean(item) for item in value]
    if isinstance(value, dict):
        return {_clean(key): _clean(item) for key, item in value.items()}
    return str(value) if isinstance(value, float) and value in {float("inf"), float("-inf")} else value


def dumps(value: Any) -> bytes:
    """JSON in one spelling, whatever the order of the keys was."""
    return msgspec.json.encode(value, order="sorted")


def read(path: Path) -> Iterator[Unit]:
    """A file's units in order; what cannot be read comes as a unit with a `problem`, never as an exception."""
    name = sources.name_of(path)
    try:
        with sources.opened(path) as (raw, source):
            if ".ndjson" in path.name.lower():
                yield from _read_lines(name, source, raw)
            else:
                yield from _read_document(name, sources.whole(source))
    except BadInputError as error:
        yield Unit(entries=[], bundle=False, problem=str(error))
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        yield Unit(entries=[], bundle=False, problem=f"The gzip data is truncated or damaged: {error}.")
    except OSError as error:
        yield Unit(entries=[], bundle=False, problem=f"The file cannot be read: {error.strerror or error}.")


def _read_document(name: str, data: bytes) -> Iterator[Unit]:
    try:
        data = data.removeprefix(BOM)
        if not data.strip():
            raise BadInputError("The file is empty.")
        _check_utf8(data)
        document, head = _open(data)
        if head.resourceType == "Bundle":
            yield from _bundle_units(document, Entry(file=name))
        elif head.resourceType is None:
            raise BadInputError("The JSON object has no resourceType: it is neither a Bundle nor a resource.")
        else:
            yield Unit(entries=[_entry_of(Entry(file=name, raw=document), head)], bundle=False)
    except BadInputError as error:
        yield Unit(entries=[], bundle=False, problem=str(error))


def _open(data: bytes) -> tuple[bytes, _Head]:
    """The document and its head; a document that only the lenient reader takes is written anew."""
    try:
        return data, _head.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        value = loads(data)
        if not isinstance(value, dict):
            sentence = f"The file holds {kind_of(value)}; a Bundle or a resource (a JSON object) is expected."
            raise BadInputError(sentence) from None
        return dumps(value), _Head(resourceType=value.get("resourceType"), id=value.get("id"))


def _check_utf8(data: bytes) -> None:
    decoder = codecs.getincrementaldecoder("utf-8")()
    size = 1 << 20
    for start in range(0, len(data), size):
        try:
            decoder.decode(data[start : start + size], final=start + size >= len(data))
        except UnicodeDecodeError as error:
            raise BadInputError(f"The file is not UTF-8 (near byte {start + error.start}).") from None


def _bundle_units(data: bytes | msgspec.Raw, at: Entry) -> Iterator[Unit]:
    """A bundle's own unit, then those of the bundles inside it; raises BadInputError when it has no list of entries."""
    try:
        raw_entries = _entries.decode(_bundle.decode(data).entry)
    except (msgspec.DecodeError, RecursionError):
        bundle = as_dict(loads(data))
        listed = bundle.get("entry")
        if listed is not None and not isinstance(listed, list):
            raise BadInputError(f"The bundle's entry is {kind_of(listed)}, not a list.") from None
        raw_entries = [msgspec.Raw(dumps(item)) for item in listed or []]
    if len(raw_entries) > MAX_ENTRIES:
        raise BadInputError(
            f"The bundle holds {len(raw_entries):,} entries; {MAX_ENTRIES:,} are the most that is read."
        )
    entries = [_bundle_entry(raw, at, number) for number, raw in enumerate(raw_entries)]
    yield Unit(entries=[entry for entry in entries if entry.type != "Bundle"], bundle=True)
    for entry in entries:
        if entry.type != "Bundle":
            continue
        if at.inner is not None:
            entry.problem = "The bundle is nested too deeply (a bundle in a bundle in a bundle)."
            yield Unit(entries=[entry], bundle=True)
        else:
            yield from _nested(entry)


def _nested(entry: Entry) -> Iterator[Unit]:
    try:
        yield from _bundle_units(entry.raw, entry)
    except BadInputError as error:
        entry.problem = str(error)
        yield Unit(entries=[entry], bundle=True)


def _bundle_entry(raw: msgspec.Raw, at: Entry, number: int) -> Entry:
    place = (number, None) if at.index is None else (at.index, number)
    entry = Entry(file=at.file, index=place[0], inner=place[1], raw=raw)
    try:
        parts = _entry.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        try:
            value = loads(raw)
        except BadInputError as error:
            entry.problem = str(error)
            return entry
        if not isinstance(value, dict):
            entry.problem = f"The entry is {kind_of(value)}, not an object."
            return entry
        parts = _entry.decode(dumps(value))
    entry.full_url = as_text(parts.fullUrl)
    return _with_request(entry, parts)


def _with_request(entry: Entry, parts: _Entry) -> Entry:
    """What the entry asks for decides whether its resource is one to store."""
    method = as_text(as_dict(parts.request).get("method")).upper()
    if bytes(parts.resource) == b"null":
        entry.type = NO_RESOURCE
        if method == "DELETE":
            entry.problem = "The entry asks for a deletion, which an import does not do."
        elif method in {"GET", "HEAD"} or (parts.response is not None and not method):
            entry.passed_over = "an answer or a question that carries no resource"
        else:
            entry.problem = "The entry holds no resource."
        return entry
    entry.raw = parts.resource
    entry = _headed(entry)
    if method in {"DELETE", "PATCH"} and not entry.problem:
        entry.problem = f"The entry asks for {method}, which an import does not do."
    return entry


def _headed(entry: Entry) -> Entry:
    try:
        return _entry_of(entry, _head.decode(entry.raw))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        try:
            value = entry.resource()
        except BadInputError as error:
            entry.problem = str(error)
            return entry
        entry.raw = dumps(value)
        return _entry_of(entry, _Head(resourceType=value.get("resourceType"), id=value.get("id")))


def _entry_of(entry: Entry, head: _Head) -> Entry:
    kind = head.resourceType
    if kind is None or kind == "":
        entry.problem = "The resource has no resourceType."
    elif not isinstance(kind, str):
        entry.problem = f"The resourceType is {kind_of(kind)}, not a string."
    else:
        entry.type = as_text(kind)[:60] or UNKNOWN
        if kind not in KNOWN:
            entry.problem = f"FHIR has no resource type “{as_text(kind)[:60]}”."
    given = head.id
    if given is not None and not isinstance(given, str | int):
        entry.problem = entry.problem or f"The resource's id is {kind_of(given)}, not a string."
    entry.id = as_text(given) or id_from(entry.full_url)
    return entry


def _read_lines(name: str, source: Any, raw: Any) -> Iterator[Unit]:
    """Lines in batches; a line that is a bundle is a unit of its own."""
    batch: list[Entry] = []
    size = bad = 0
    index = -1
    try:
        for index, line in enumerate(sources.lines(source)):
            entry = _line_entry(Entry(file=name, index=index), line)
            if entry is None:
                continue
            if entry.type == "Bundle" and not entry.problem:
                yield from _nested(entry)
                continue
            batch.append(entry)
            size += len(entry.raw)
            bad += entry.type == UNKNOWN
            if bad >= sources.MAX_BAD_LINES:
                break
            if len(batch) >= LINES_AT_ONCE or size >= BYTES_AT_ONCE:
                yield Unit(entries=batch, bundle=False, position=raw.tell())
                batch, size = [], 0
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        problem = f"The gzip data is truncated or damaged after line {index + 1}: {error}."
        yield Unit(entries=batch, bundle=False, problem=problem)
        return
    problem = "The file is empty." if index < 0 else ""
    if bad >= sources.MAX_BAD_LINES:
        problem = f"{bad:,} lines are no FHIR; it was given up after line {index + 1}."
    yield Unit(entries=batch, bundle=False, position=raw.tell(), problem=problem)


def _line_entry(entry: Entry, line: bytes | BadInputError) -> Entry | None:
    """What a line holds; None for a blank one."""
    try:
        if isinstance(line, BadInputError):
            raise line
        entry.raw = line.removeprefix(BOM).strip() if entry.index == 0 else line.strip()
        sources.check_values(entry.raw)
    except BadInputError as error:
        entry.raw = b""
        entry.problem = str(error)
        return entry
    return _headed(entry) if entry.raw else None
