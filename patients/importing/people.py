"""Which stored patient an incoming one is, and writing them: matched by identifier or FHIR id, never merged."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from django.db import DataError, IntegrityError, transaction

from patients.documents import normalize_number
from patients.fhir import references
from patients.fhir.files import BadInputError, Entry
from patients.fhir.people import Identifier, PatientShape, patient_shape
from patients.fhir.shapes import Json
from patients.importing.rows import Row, Writer, content_hash, refused_by_database
from patients.models import DocumentType, Patient, PatientIdentifier, PatientReference

MAX_NUMBER = 120
MAX_REFERENCE = 500
CACHED_NAMES = 200_000
# In HL7 table 0203 these mean a physician assistant, an enterprise number and an external number.
OTHERWISE_IN_HL7 = {"PA", "PE", "PT"}


@dataclass(frozen=True)
class DocumentKey:
    """What makes an identifier one of its kind; a weak one (no issuer known) proves nothing alone."""

    document_type: int | None
    scope: str
    normalized: str
    weak: bool = field(default=False, compare=False)


@dataclass(kw_only=True)
class Facts:
    """What a stored patient is compared by."""

    pk: int
    full_name: str
    birth: str
    content_hash: str

    @classmethod
    def of(cls, patient: Patient) -> "Facts":
        """The facts of a stored patient."""
        birth = patient.birth_date.isoformat() if patient.birth_date else patient.birth_date_text
        return cls(pk=patient.pk, full_name=patient.full_name, birth=birth, content_hash=patient.content_hash)


def _same(one: str, other: str) -> bool | None:
    """Whether two texts agree; None when either is not known."""
    return (one.startswith(other) or other.startswith(one)) if one and other else None


def _agreement(facts: Facts, shape: PatientShape) -> tuple[bool | None, bool | None]:
    birth = shape.birth_date.isoformat() if shape.birth_date else shape.birth_date_text
    return _same(facts.birth, birth), _same(normalize_number(facts.full_name), normalize_number(shape.full_name))


def is_another(facts: Facts, shape: PatientShape) -> bool:
    """Two people for sure: both the name and the birth date are known and differ."""
    return _agreement(facts, shape) == (False, False)


def is_the_same(facts: Facts, shape: PatientShape) -> bool:
    """One person as far as a name and a birth date can tell."""
    return _agreement(facts, shape) == (True, True)


class PatientBook:
    """The stored patients as a run sees them, looked up in batches; one per run."""

    def __init__(self, writer: Writer) -> None:
        self.writer = writer
        self.types = list(DocumentType.objects.all())
        self.forget()

    def forget(self) -> None:
        """Drop what was looked up: after a rollback it may not be true."""
        self.names: dict[str, set[int]] = {}
        self.keys: dict[DocumentKey, int] = {}
        self.facts: dict[int, Facts] = {}
        self.weak_keys: defaultdict[tuple[int | None, str], set[int]] = defaultdict(set)

    def key_of(self, identifier: Identifier) -> DocumentKey:
        """An identifier as it is stored and compared; its type comes from its coding, else from its system."""
        kind = self._type_of(identifier)
        national = kind is not None and not kind.issuer_scoped
        normalized = normalize_number(identifier.number) or identifier.number
        if len(normalized) > MAX_NUMBER:
            normalized = hashlib.sha256(normalized.encode()).hexdigest()
        scope = "" if national else identifier.system
        return DocumentKey(kind.pk if kind else None, scope, normalized, weak=not national and not scope)

    def _type_of(self, identifier: Identifier) -> DocumentType | None:
        for kind in self.types:
            if set(identifier.hl7_codes) & set(kind.hl7_codes):
                return kind
            if set(identifier.other_codes) & {kind.code.upper(), kind.name.upper(), *kind.hl7_codes}:
                return kind
            if kind.code in identifier.hl7_codes and kind.code not in OTHERWISE_IN_HL7:
                return kind
        return next((kind for kind in self.types if identifier.system and identifier.system in kind.systems), None)

    def look_up(self, shapes: Iterable[PatientShape], names: Iterable[str]) -> None:
        """Fetch whatever these patients could match, in three queries."""
        if len(self.names) > CACHED_NAMES:
            self.forget()
        names, holders = list(names), set()
        numbers = {self.key_of(item).normalized for shape in shapes for item in shape.identifiers}
        found = PatientIdentifier.objects.filter(normalized__in=numbers)
        for kind, scope, normalized, pk in found.values_list("document_type_id", "scope", "normalized", "patient_id"):
            self.keys[DocumentKey(kind, scope, normalized)] = pk
            self.weak_keys[kind, normalized].add(pk)
            holders.add(pk)
        self.find_names(names)
        known = holders.union(*(self.named(name) for name in names)) - self.facts.keys()
        self.facts.update({patient.pk: Facts.of(patient) for patient in Patient.objects.filter(pk__in=known)})

    def find_names(self, names: Iterable[str]) -> None:
        """Fetch who is called by these references."""
        asked = {name[:MAX_REFERENCE] for name in names} - self.names.keys()
        if not asked:
            return
        for name in asked:
            self.names[name] = set()
        for name, pk in PatientReference.objects.filter(reference__in=asked).values_list("reference", "patient_id"):
            self.names[name].add(pk)

    def named(self, name: str) -> set[int]:
        """The patients that a reference names; more than one when servers share an id."""
        self.find_names([name])
        return self.names[name[:MAX_REFERENCE]]

    def identified(self, identifier: Identifier) -> set[int]:
        """The patients that hold an identifier; one that names no issuer may fit several."""
        key = self.key_of(identifier)
        found = PatientIdentifier.objects.filter(normalized=key.normalized)
        if key.document_type is not None:
            found = found.filter(document_type_id=key.document_type)
        if key.scope:
            found = found.filter(system=key.scope)
        elif identifier.system:
            found = found.filter(scope="")
        return set(found.values_list("patient_id", flat=True))

    def match(self, shape: PatientShape, names: list[str]) -> int | None:
        """The one stored patient that this is, or none; raises BadInputError when it could be two, or is another."""
        keys = [self.key_of(item) for item in shape.identifiers]
        by_number = {self.keys[key] for key in keys if not key.weak and key in self.keys}
        certain = [name for name in names if references.is_uuid(name.rpartition("/")[2].rpartition(":")[2])]
        by_id = {pk for name in certain for pk in self.named(name)}
        if len(by_number | by_id) > 1:
            raise BadInputError(
                "It fits several stored patients by its identifiers and ids"
                f" ({', '.join(f'#{pk}' for pk in sorted(by_number | by_id))}); they are not merged by an import."
            )
        for pk in by_number - by_id:
            if is_another(self.facts[pk], shape):
                raise BadInputError(
                    f"It bears an identifier of stored patient #{pk}, who has another name and birth date."
                )
        if by_number or by_id:
            return next(iter(by_number | by_id))
        return self._match_weakly(shape, names, keys)

    def _match_weakly(self, shape: PatientShape, names: list[str], keys: list[DocumentKey]) -> int | None:
        by_name: set[int] = set()
        for name in names:
            by_name = by_name or {pk for pk in self.named(name) if not is_another(self.facts[pk], shape)}
        weak = {pk for key in keys if key.weak for pk in self.weak_keys[key.document_type, key.normalized]}
        found = by_name | {pk for pk in weak if is_the_same(self.facts[pk], shape)}
        if len(found) > 1:
            raise BadInputError(
                "It may be any of several stored patients"
                f" ({', '.join(f'#{pk}' for pk in sorted(found))}), and nothing in it tells which."
            )
        return next(iter(found), None)

    def store(self, resource: Json, entry: Entry, names: list[str]) -> int:
        """Create or update a patient with all identifiers and references; raises BadInputError.

        A blank never replaces what is known, and no identifier is ever taken away.
        """
        shape = patient_shape(resource)
        pk = self.match(shape, names)
        columns = {name: getattr(shape, name) for name in COLUMNS}
        columns |= {"resource": resource, "content_hash": content_hash(resource)}
        if pk is None:
            pk = self._create(columns, entry)
        else:
            self._update(pk, columns, entry)
        self._store_identifiers(pk, shape, names)
        self._store_names(pk, names)
        return pk

    def store_contained(self, resource: Json, container: Entry) -> int:
        """Create or update a patient who exists inside another resource only; raises BadInputError."""
        shape = patient_shape(resource)
        if not shape.full_name and not shape.identifiers:
            raise BadInputError("The patient it contains has neither a name nor an identifier.")
        # Its own id is local to the container, so its content names it.
        name = f"Patient/sha256-{content_hash({**resource, 'id': None})[:40]}"
        self.look_up([shape], [name])
        return self.store(resource, replace(container, type="Patient (contained)"), [name])

    def _create(self, columns: dict[str, Any], entry: Entry) -> int:
        try:
            with transaction.atomic():
                patient = Patient.objects.create(**columns)
        except (DataError, IntegrityError, ValueError) as error:
            raise BadInputError(refused_by_database(error)) from error
        self.facts[patient.pk] = Facts.of(patient)
        self.writer.summary.count(entry.type, "created")
        self.writer.summary.patients.add(patient.pk)
        return patient.pk

    def _update(self, pk: int, columns: dict[str, Any], entry: Entry) -> None:
        stored = self.facts[pk].content_hash
        if stored == columns["content_hash"]:
            self.writer.older.pop((Patient, pk), None)
            self.writer.summary.count(entry.type, "unchanged")
            return
        known = {name: value for name, value in columns.items() if value or name in {"deceased", "resource"}}
        if columns["birth_date"]:
            known["birth_date_text"] = ""
        if known.get("gender") == Patient.Gender.UNKNOWN:
            del known["gender"]
        row = Row(model=Patient, key=(pk,), columns=known, entry=entry)
        self.writer.replace(Patient, [(pk, stored, row)])
        self.facts[pk] = Facts.of(Patient.objects.get(pk=pk))

    def _store_identifiers(self, pk: int, shape: PatientShape, names: list[str]) -> None:
        rows = []
        for item in shape.identifiers:
            key = self.key_of(item)
            holder = self.keys.get(key)
            if holder not in {None, pk}:
                # Without an issuer two people may hold one number: the second one's is theirs alone.
                key = DocumentKey(key.document_type, names[0][:300], key.normalized, weak=True)
                holder = self.keys.get(key)
            if holder is not None:
                continue
            self.keys[key] = pk
            self.weak_keys[key.document_type, key.normalized].add(pk)
            rows.append(
                PatientIdentifier(
                    patient_id=pk,
                    document_type_id=key.document_type,
                    system=item.system,
                    number=item.number[:MAX_NUMBER],
                    normalized=key.normalized,
                    scope=key.scope,
                )
            )
        PatientIdentifier.objects.bulk_create(rows)

    def _store_names(self, pk: int, names: list[str]) -> None:
        new = [name[:MAX_REFERENCE] for name in dict.fromkeys(names) if pk not in self.named(name)]
        PatientReference.objects.bulk_create(PatientReference(patient_id=pk, reference=name) for name in new)
        for name in new:
            self.names[name].add(pk)


COLUMNS = (
    "full_name",
    "given_name",
    "family_name",
    "birth_date",
    "birth_date_text",
    "gender",
    "phone",
    "email",
    "language",
    "deceased",
)
