"""Upserting rows by key and content: what is new, what changed, what an older file only repeats."""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from django.db import DataError, IntegrityError, models, transaction

from patients.chunking.writing import rewrite_chunks, write_chunks
from patients.fhir.files import Entry, dumps
from patients.importing.summary import ImportSummary
from patients.models import ClinicalRecord, Patient, Practitioner, SharedResource, SupersededVersion

Key = tuple[Any, ...]
Stored = dict[Key, tuple[int, str]]
BATCH = 500


@dataclass(kw_only=True)
class Row:
    """A row as it should stand, and the entry it comes from; one that is not counted was counted before."""

    model: type[models.Model]
    key: Key
    columns: dict[str, Any]
    entry: Entry
    counted: bool = True


@dataclass
class Older:
    """A row whose older version came again; it stands unless a newer one comes later in the run."""

    row: Row
    content_hash: str


@dataclass
class Writer:
    """Writes rows and counts what became of them; one per run.

    The pieces that are searched change in the transaction of their record. A piece whose record gives as its reason
    another that is not stored yet is written again at the end of the run.
    """

    summary: ImportSummary
    refuse: Callable[[Entry, str], None]
    older: dict[tuple[type[models.Model], int], Older] = field(default_factory=dict)
    written: dict[int, ClinicalRecord] = field(default_factory=dict)
    incomplete: set[int] = field(default_factory=set)

    def write(self, rows: Iterable[Row]) -> None:
        """Store rows of one model; a key that comes twice is stored twice in order, so the last one stands."""
        waiting = list(rows)
        while waiting:
            wave: dict[Key, Row] = {}
            later = []
            for row in waiting:
                if row.key in wave:
                    later.append(row)
                else:
                    wave[row.key] = row
            self._write_distinct(list(wave.values()))
            waiting = later
        self._write_chunks()

    def _write_distinct(self, rows: list[Row]) -> None:
        model = rows[0].model
        stored = STORED[model](rows)
        self._create([row for row in rows if row.key not in stored])
        changed = []
        for row in rows:
            if (found := stored.get(row.key)) is None:
                continue
            if found[1] == row.columns["content_hash"]:
                self.older.pop((model, found[0]), None)
                self._count(row, "unchanged")
            else:
                changed.append((found[0], found[1], row))
        self.replace(model, changed)

    def replace(self, model: type[models.Model], changed: list[tuple[int, str, Row]]) -> None:
        """Replace stored rows, given as (key, hash, row); a version that was replaced before waits for the end."""
        if not changed:
            return
        table = model._meta.label_lower
        pairs = SupersededVersion.objects.filter(table=table, row__in=[pk for pk, _, _ in changed])
        seen = set(pairs.values_list("row", "content_hash"))
        for pk, old_hash, row in changed:
            if (pk, row.columns["content_hash"]) in seen:
                # A copy of the entry alone: a view would keep its whole file in memory.
                row.entry = replace(row.entry, raw=bytes(row.entry.raw))
                self.older[model, pk] = Older(row, old_hash)
                self._count(row, "unchanged")
            elif self._update(pk, old_hash, row):
                self._count(row, "updated")

    def settle(self) -> None:
        """Write the older versions that no newer one followed: whoever imports them last means them."""
        for (_, pk), older in list(self.older.items()):
            with transaction.atomic():
                if self._update(pk, older.content_hash, older.row) and older.row.counted:
                    self.summary.recount(older.row.entry.type, was="unchanged", outcome="updated")
        self.older.clear()
        self._write_chunks()
        rewrite_chunks(self.incomplete)
        self.incomplete.clear()

    def _write_chunks(self) -> None:
        self.incomplete |= write_chunks(list(self.written.values())).incomplete
        self.written.clear()

    def _create(self, rows: list[Row]) -> None:
        """Insert rows; where the database refuses, halve until the ones it means are alone."""
        if not rows:
            return
        created = [row.model(**row.columns, **NEW.get(row.model, {})) for row in rows]
        try:
            with transaction.atomic():
                rows[0].model._default_manager.bulk_create(created, batch_size=BATCH)
        except (DataError, IntegrityError, ValueError) as error:
            if len(rows) == 1:
                self.refuse(rows[0].entry, refused_by_database(error))
                return
            middle = len(rows) // 2
            self._create(rows[:middle])
            self._create(rows[middle:])
            return
        self.written |= {row.pk: row for row in created if isinstance(row, ClinicalRecord)}
        for row in rows:
            self._count(row, "created")

    def _update(self, pk: int, old_hash: str, row: Row) -> bool:
        try:
            with transaction.atomic():
                changed = row.model(pk=pk, **row.columns)
                changed.save(update_fields=[*row.columns, *TOUCHED.get(row.model, ())], force_update=True)
                table = row.model._meta.label_lower
                SupersededVersion.objects.get_or_create(table=table, row=pk, content_hash=old_hash)
        except (DataError, IntegrityError, ValueError) as error:
            self.refuse(row.entry, refused_by_database(error))
            return False
        self.older.pop((row.model, pk), None)
        if isinstance(changed, ClinicalRecord):
            self.written[pk] = changed
        return True

    def _count(self, row: Row, outcome: Any) -> None:
        if outcome != "unchanged" and row.model in {ClinicalRecord, Patient}:
            self.summary.patients.add(row.key[0])
        if row.counted:
            self.summary.count(row.entry.type, outcome)


def refused_by_database(error: Exception) -> str:
    """The reason in one line, without the row that PostgreSQL quotes in its details."""
    return f"The database refused it: {str(error).splitlines()[0]}"


def content_hash(*parts: Any) -> str:
    """The same for the same content, whatever the order of keys."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(dumps(part))
    return digest.hexdigest()


def _stored_records(rows: list[Row]) -> Stored:
    found = ClinicalRecord.objects.filter(
        patient_id__in={row.key[0] for row in rows}, resource_id__in={row.key[2] for row in rows}
    )
    values = found.values_list("patient_id", "resource_type", "resource_id", "pk", "content_hash")
    return {value[:3]: value[3:] for value in values}


def _stored_shared(rows: list[Row]) -> Stored:
    found = SharedResource.objects.filter(resource_id__in={row.key[1] for row in rows})
    return {value[:2]: value[2:] for value in found.values_list("resource_type", "resource_id", "pk", "content_hash")}


def _stored_practitioners(rows: list[Row]) -> Stored:
    found = Practitioner.objects.filter(identifier__in={row.key[1] for row in rows})
    values = found.values_list("identifier_system", "identifier", "pk", "content_hash")
    return {value[:2]: value[2:] for value in values}


STORED: dict[type[models.Model], Callable[[list[Row]], Stored]] = {
    ClinicalRecord: _stored_records,
    Practitioner: _stored_practitioners,
    SharedResource: _stored_shared,
}
# An imported practitioner is not offered for booking until the clinic says so.
NEW: dict[type[models.Model], dict[str, Any]] = {Practitioner: {"active": False}}
TOUCHED: dict[type[models.Model], tuple[str, ...]] = {
    ClinicalRecord: ("updated_at",),
    Patient: ("updated_at",),
    SharedResource: ("updated_at",),
}
