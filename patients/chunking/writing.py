"""Keeping the pieces of records as the records are; whatever a piece said before loses its vector."""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from patients.chunking.pieces import pieces_of
from patients.fhir.prose import reasons_in
from patients.models import ClinicalRecord, RecordChunk
from patients.roots import roots_of
from patients.withdrawn import is_withdrawn

VERSION = 4  # of how pieces are made; raise it and `embed_records` makes all of them anew
BATCH = 500
# Limits of PostgreSQL's tsvector.
MAX_POSITION = 16_383
MAX_POSITIONS = 255
SAID = ("name", "text", "roots", "content_hash", "version")
VECTOR = ("embedding", "embedding_model")


@dataclass(kw_only=True)
class Written:
    """What became of some records: pieces written, and records that name a reason which is not stored."""

    pieces: int = 0
    incomplete: set[int] = field(default_factory=set)

    def add(self, other: "Written") -> None:
        """Add what became of others."""
        self.pieces += other.pieces
        self.incomplete |= other.incomplete


def write_chunks(records: Sequence[ClinicalRecord]) -> Written:
    """Make the stored pieces of these records what the records say; pieces that say the same keep their vectors."""
    done = Written()
    for start in range(0, len(records), BATCH):
        with transaction.atomic():
            done.add(_write(records[start : start + BATCH]))
    return done


def rewrite_chunks(pks: Iterable[int]) -> Written:
    """The same for stored records, by their keys."""
    done = Written()
    keys = sorted(pks)
    for start in range(0, len(keys), BATCH):
        done.add(write_chunks(list(ClinicalRecord.objects.filter(pk__in=keys[start : start + BATCH]))))
    return done


def records_without_chunks(*, everything: bool = False) -> QuerySet[ClinicalRecord]:
    """The records that have no pieces, or pieces of an older version; or all of them, to be written again."""
    current = RecordChunk.objects.filter(record=OuterRef("pk"), version=VERSION)
    wrong = ClinicalRecord.objects.filter(is_withdrawn(), pk=OuterRef("pk"))
    return ClinicalRecord.objects.filter(~Exists(wrong), Q() if everything else ~Exists(current))


def write_missing_chunks(*, everything: bool = False) -> Iterator[int]:
    """Write what `records_without_chunks` tells; yields how many records at a time.

    Records are taken in the order of their keys and stored in batches, so that a broken run is taken up again.
    """
    last = 0
    while batch := list(records_without_chunks(everything=everything).filter(pk__gt=last).order_by("pk")[:BATCH]):
        last = batch[-1].pk
        write_chunks(batch)
        yield len(batch)


def _write(records: Sequence[ClinicalRecord]) -> Written:
    stored: defaultdict[int, dict[int, RecordChunk]] = defaultdict(dict)
    for chunk in RecordChunk.objects.filter(record__in=records).only("record_id", "number", "content_hash", "version"):
        stored[chunk.record_id][chunk.number] = chunk
    name_of, done, change = _names(records), Written(), Change()
    for record in records:
        if any(not name_of(record, reason) for reason in reasons_in(record.resource)):
            done.incomplete.add(record.pk)
        pieces = pieces_of(record, partial(name_of, record))
        change.compare(stored[record.pk], [_chunk(record, number, text) for number, text in enumerate(pieces)])
    done.pieces = change.store()
    return done


@dataclass(kw_only=True)
class Change:
    """Pieces that are new, that say something else, that say the same and are made anew, and that are no more."""

    new: list[RecordChunk] = field(default_factory=list)
    changed: list[RecordChunk] = field(default_factory=list)
    restated: list[RecordChunk] = field(default_factory=list)
    gone: list[int] = field(default_factory=list)

    def compare(self, stored: dict[int, RecordChunk], pieces: list[RecordChunk]) -> None:
        """Note what becomes of one record's pieces."""
        for piece in pieces:
            old = stored.pop(piece.number, None)
            if old is None:
                self.new.append(piece)
            elif (old.content_hash, old.version) != (piece.content_hash, VERSION):
                piece.pk = old.pk
                (self.restated if old.content_hash == piece.content_hash else self.changed).append(piece)
        self.gone += [chunk.pk for chunk in stored.values()]

    def store(self) -> int:
        """Write it all; returns how many pieces were written."""
        RecordChunk.objects.filter(pk__in=self.gone).delete()
        RecordChunk.objects.bulk_create(self.new, batch_size=BATCH)
        RecordChunk.objects.bulk_update(self.changed, [*SAID, *VECTOR], batch_size=BATCH)
        RecordChunk.objects.bulk_update(self.restated, SAID, batch_size=BATCH)
        return len(self.new) + len(self.changed) + len(self.restated)


def _chunk(record: ClinicalRecord, number: int, text: str) -> RecordChunk:
    digest = hashlib.sha256(f"{record.display}\n{text}".encode()).hexdigest()
    return RecordChunk(
        patient_id=record.patient_id,
        record_id=record.pk,
        number=number,
        name=record.display,
        text=text,
        roots=roots_vector(record.display, text),
        content_hash=digest,
        version=VERSION,
    )


def roots_vector(name: str, text: str) -> str:
    """PostgreSQL's text form of a tsvector: the roots of the name with weight A, then those of the text."""
    places: defaultdict[str, list[str]] = defaultdict(list)
    named = roots_of(name)
    for place, root in enumerate(named, 1):
        places[root].append(f"{min(place, MAX_POSITION)}A")
    # A gap, so that no phrase is found across the two.
    for place, root in enumerate(roots_of(text), len(named) + 10):
        if place <= MAX_POSITION and len(places[root]) < MAX_POSITIONS:
            places[root].append(str(place))
    return " ".join(f"'{root}':{','.join(found)}" for root, found in places.items() if found)


def _names(records: Sequence[ClinicalRecord]) -> Callable[[ClinicalRecord, str], str]:
    """How to call a record that another one of the same patient refers to."""
    wanted = {(record.patient_id, reason) for record in records for reason in reasons_in(record.resource)}
    found = ClinicalRecord.objects.filter(
        patient_id__in={patient_id for patient_id, _ in wanted}, resource_id__in={reason for _, reason in wanted}
    )
    named = found.values_list("patient_id", "resource_id", "display")
    names = {(patient_id, resource_id): name for patient_id, resource_id, name in named}
    return lambda record, resource_id: names.get((record.patient_id, resource_id), "")
