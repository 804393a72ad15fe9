"""Importing FHIR: files in, patients, records and a summary out. FHIR shapes stay in `patients.fhir`."""

import hashlib
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from django.db.models import Model

from patients.fhir import files, kinds, records, sources
from patients.fhir.files import BadInputError, Entry, Unit
from patients.fhir.people import patient_shape, practitioner_columns
from patients.fhir.references import base_of, lookups, names_of, owners, participants
from patients.fhir.shapes import Json
from patients.importing import quarantine
from patients.importing.people import PatientBook
from patients.importing.rows import Row, Writer, content_hash
from patients.importing.scope import NotYetError, Scope
from patients.importing.summary import ImportSummary, Refusal, TypeCount
from patients.importing.turns import turn
from patients.importing.waiting import Waiter, WaitingRoom
from patients.models import ClinicalRecord, Practitioner, SharedResource

__all__ = ["BadInputError", "ImportSummary", "Refusal", "TypeCount", "import_path"]

T = TypeVar("T")
Progress = Callable[[int, int], None]
AT_ONCE = 1000
MAX_ID = 120
# Practitioners whose identifiers name no issuer are known by their FHIR id.
FHIR_ID = "urn:healthmate:fhir-id"


def import_path(paths: Iterable[Path | str], *, progress: Progress | None = None) -> ImportSummary:
    """Import FHIR files and folders; what is refused is quarantined and the rest goes in.

    `progress` is told (bytes read so far, bytes in all). Raises BadInputError, before anything is written,
    for a path that does not exist or when there is nothing to import.
    """
    started = time.monotonic()
    found = files.find([Path(path) for path in paths])
    if not found.files:
        raise BadInputError("There is no .json, .json.gz, .ndjson or .ndjson.gz file to import.")
    with closing(WaitingRoom()) as unowned, closing(WaitingRoom()) as unnamed:
        run = _Run(progress or (lambda done, total: None), found, unowned=unowned, unnamed=unnamed)
        run.import_all()
    run.summary.seconds = time.monotonic() - started
    return run.summary


class _Run:
    """One import from its first file to its last retry.

    What names a patient that a later file may bring waits among the `unowned`; what is somebody's and names
    a medicine that a later file may bring is stored, and waits for that name among the `unnamed`.
    """

    def __init__(self, progress: Progress, found: files.Found, *, unowned: WaitingRoom, unnamed: WaitingRoom) -> None:
        self.summary = ImportSummary(files=len(found.files), ignored=[sources.name_of(path) for path in found.ignored])
        self.writer = Writer(self.summary, self.refuse)
        self.book = PatientBook(self.writer)
        self.medicines: dict[str, Json] = {}
        self.refused: defaultdict[str, list[tuple[Entry, str]]] = defaultdict(list)
        self.unowned, self.unnamed = unowned, unnamed
        self.last = False
        self.progress = progress
        self.files = found.files

    def import_all(self) -> None:
        """Every file, then once more what had to wait for a later one."""
        sizes = [path.stat().st_size if path.exists() else 0 for path in self.files]
        done, total = 0, sum(sizes)
        for path, size in zip(self.files, sizes, strict=True):
            name = sources.name_of(path)
            for unit in files.read(path):
                self.store(unit, name)
                self.progress(done + min(unit.position, size), total)
            done += size
            self.progress(done, total)
            quarantine.keep(name, self.refused.pop(name, []))
        self._retry()
        with turn():
            self.writer.settle()
        for file, refused in self.refused.items():
            quarantine.add(file, refused)

    def refuse(self, entry: Entry, reason: str) -> None:
        """Quarantine one entry."""
        self.summary.refuse(entry, reason)
        self.refused[entry.file].append((entry, reason))
        if entry.index is not None or entry.raw:
            self.summary.count(entry.type, "quarantined")

    def store(self, unit: Unit, file: str) -> None:
        """Store a unit in one transaction: all that a bundle holds, or a batch of lines."""
        if unit.problem:
            self.refuse(Entry(file=file, type=""), unit.problem)
        readable = []
        for entry in unit.entries:
            if entry.type in kinds.SKIPPED or (entry.passed_over and not entry.problem):
                self.summary.count(entry.type, "skipped")
            elif entry.problem:
                self.refuse(entry, entry.problem)
            else:
                entry.id = short_id(entry.id) or stable_id(entry)
                readable.append(entry)
        if readable:
            self._store_readable(readable, Scope(book=self.book, bundle=unit.bundle, medicines=self.medicines))

    def _store_readable(self, entries: list[Entry], scope: Scope) -> None:
        for entry in entries:
            scope.add(entry)
        with turn():
            self._store_patients([entry for entry in entries if entry.type == "Patient"], scope)
            others = sorted((entry for entry in entries if entry.type != "Patient"), key=lambda e: kinds.rank(e.type))
            for some in _batches(others, size_of=lambda entry: len(bytes(entry.raw))):
                self._store_others(some, scope)

    def _store_patients(self, entries: list[Entry], scope: Scope) -> None:
        read: list[tuple[Entry, Json]] = []
        for entry in entries:
            try:
                read.append((entry, entry.resource()))
            except BadInputError as error:
                scope.refused.add(id(entry))
                self.refuse(entry, str(error))
        names = {id(entry): names_of(entry.type, entry.id, entry.full_url) for entry in entries}
        self.book.look_up([patient_shape(resource) for _, resource in read], [n for own in names.values() for n in own])
        for entry, resource in read:
            try:
                scope.patients[id(entry)] = self.book.store(resource, entry, names[id(entry)])
            except BadInputError as error:
                scope.refused.add(id(entry))
                self.refuse(entry, str(error))

    def _store_others(self, entries: list[Entry], scope: Scope) -> None:
        read = self._read(entries)
        wanted = (
            name
            for entry, resource in read
            for reference in (*owners(resource), *participants(resource))
            for name in lookups(reference, base_of(entry.full_url))
        )
        self.book.find_names(name for name in wanted if name not in scope.names)
        rows: defaultdict[type[Model], list[Row]] = defaultdict(list)
        for entry, resource in read:
            try:
                row = self._row(entry, resource, scope)
            except NotYetError as error:
                if self.last:
                    self.refuse(entry, str(error))
                else:
                    self.unowned.add(entry, bundle=scope.bundle)
            except BadInputError as error:
                self.refuse(entry, str(error))
            else:
                rows[row.model].append(row)
        for same in rows.values():
            self.writer.write(same)

    def _read(self, entries: list[Entry]) -> list[tuple[Entry, Json]]:
        read = []
        for entry in entries:
            try:
                read.append((entry, entry.resource()))
            except BadInputError as error:
                self.refuse(entry, str(error))
        return read

    def _row(self, entry: Entry, resource: Json, scope: Scope) -> Row:
        """The row that a resource becomes; raises BadInputError when nobody can tell whom it is about."""
        if entry.type == "Practitioner":
            return practitioner_row(entry, resource)
        owner = scope.owner(resource, entry)
        return shared_row(entry, resource) if owner is None else self._record_row(entry, resource, scope, owner)

    def _record_row(self, entry: Entry, resource: Json, scope: Scope, owner: int) -> Row:
        def medicine(reference: Any) -> Json:
            found = scope.medicine(reference, resource, entry)
            if not found and not self.last:
                self.unnamed.add(entry, bundle=scope.bundle, owner=owner)
            return found

        columns = records.record_columns(resource, medicine)
        columns |= {"patient_id": owner, "resource_type": entry.type, "resource_id": entry.id}
        columns["content_hash"] = content_hash(resource, columns)
        columns["resource"] = resource
        return Row(model=ClinicalRecord, key=(owner, entry.type, entry.id), columns=columns, entry=entry)

    def _retry(self) -> None:
        """What had to wait: owners first, then the names of medicines, which change no count."""
        self.last = True
        for bundle in (True, False):
            scope = Scope(book=self.book, bundle=bundle, medicines=self.medicines)
            for some in _batches(self.unowned.those(bundle=bundle), size_of=lambda waiter: len(waiter.entry.raw)):
                with turn():
                    self._store_others([waiter.entry for waiter in some], scope)
            for some in _batches(self.unnamed.those(bundle=bundle), size_of=lambda waiter: len(waiter.entry.raw)):
                with turn():
                    self.writer.write(self._named(waiter, scope) for waiter in some)

    def _named(self, waiter: Waiter, scope: Scope) -> Row:
        """The row of a resource that is stored, with the name of its medicine if that has come; counted before."""
        row = self._record_row(waiter.entry, waiter.entry.resource(), scope, waiter.owner)
        return replace(row, counted=False)


def practitioner_row(entry: Entry, resource: Json) -> Row:
    """A practitioner, known by an issued identifier or else by the FHIR id."""
    columns = practitioner_columns(resource)
    if not columns["identifier"]:
        columns |= {"identifier_system": FHIR_ID, "identifier": entry.id}
    columns |= {"resource": resource, "content_hash": content_hash(resource)}
    key = (columns["identifier_system"], columns["identifier"])
    return Row(model=Practitioner, key=key, columns=columns, entry=entry)


def shared_row(entry: Entry, resource: Json) -> Row:
    """A resource that belongs to nobody."""
    columns = {
        "resource_type": entry.type,
        "resource_id": entry.id,
        "display": records.shared_name(resource),
        "resource": resource,
        "content_hash": content_hash(resource),
    }
    return Row(model=SharedResource, key=(entry.type, entry.id), columns=columns, entry=entry)


def short_id(given: str) -> str:
    """An id that fits its column: FHIR allows 64 characters, the world uses more."""
    return given if len(given) <= MAX_ID else f"sha256-{hashlib.sha256(given.encode()).hexdigest()[:40]}"


def stable_id(entry: Entry) -> str:
    """An id for a resource that has none: the same for the same content."""
    try:
        return f"sha256-{content_hash(entry.resource())[:40]}"
    except BadInputError:
        return f"sha256-{hashlib.sha256(bytes(entry.raw)).hexdigest()[:40]}"


def _batches(items: Iterable[T], *, size_of: Callable[[T], int]) -> Iterator[list[T]]:
    """Items in lots of bounded count and size in bytes."""
    lot: list[T] = []
    size = 0
    for item in items:
        lot.append(item)
        size += size_of(item)
        if len(lot) >= AT_ONCE or size >= files.BYTES_AT_ONCE:
            yield lot
            lot, size = [], 0
    if lot:
        yield lot
