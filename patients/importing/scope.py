"""Whom the resources of one unit are about, and which medicines they mean."""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from patients.fhir import references
from patients.fhir.files import BadInputError, Entry
from patients.fhir.kinds import ABOUT_A_PATIENT
from patients.fhir.people import identifier_of, identifiers_of
from patients.fhir.references import Reference
from patients.fhir.shapes import Json, as_text, dicts
from patients.importing.people import PatientBook
from patients.models import SharedResource

SHARED = None
WITH_PARTICIPANTS = {"Appointment", "AppointmentResponse"}


class NotYetError(BadInputError):
    """The patient is not known now, and may be once the run has read everything."""


@dataclass(kw_only=True)
class Scope:
    """The entries that may refer to one another, and what became of the patients among them."""

    book: PatientBook
    bundle: bool
    medicines: dict[str, Json]
    names: defaultdict[str, list[Entry]] = field(default_factory=lambda: defaultdict(list))
    patients: dict[int, int] = field(default_factory=dict)
    refused: set[int] = field(default_factory=set)

    def add(self, entry: Entry) -> None:
        """Let others in the unit refer to this entry."""
        for name in references.names_of(entry.type, entry.id, entry.full_url):
            self.names[name].append(entry)

    def owner(self, resource: Json, entry: Entry) -> int | None:
        """The patient a resource is about, or SHARED; raises BadInputError (NotYetError) when nobody can tell."""
        named = references.owners(resource)
        pk, others = self._among(named, resource, entry)
        if pk is None and entry.type in WITH_PARTICIPANTS:
            taking_part = [r for r in references.participants(resource) if r.type in {"", "Patient"}]
            pk, _ = self._among(taking_part, resource, entry, certain=False)
        if pk is not None:
            return pk
        if others or entry.type not in ABOUT_A_PATIENT:
            return SHARED
        return self._only_patient(named)

    def _among(
        self, named: list[Reference], resource: Json, entry: Entry, *, certain: bool = True
    ) -> tuple[int | None, bool]:
        """(the patient among these references, whether one names something else).

        Of those that are not `certain` to mean a patient, one that cannot be followed is passed over
        unless it says that it does.
        """
        found: set[int] = set()
        problems: list[BadInputError] = []
        others = False
        for reference in named:
            try:
                pk = self._patient(reference, resource, entry)
            except BadInputError as problem:
                if certain or reference.type == "Patient":
                    problems.append(problem)
                continue
            if pk is not None:
                found.add(pk)
            others = others or (pk is None and reference.names_something)
        if len(found) > 1:
            raise BadInputError(f"It names {len(found)} patients; a record belongs to one.")
        if problems and not found:
            raise problems[0]
        return next(iter(found), None), others

    def _only_patient(self, named: list[Reference]) -> int:
        """The bundle's one patient, for a resource that is about a patient and names none."""
        present = set(self.patients.values())
        if self.bundle and len(present) == 1 and not self.refused:
            return present.pop()
        if self.bundle and self.refused and not present:
            raise BadInputError("The patient of its bundle was quarantined.")
        if len(present) + len(self.refused) > 1 and self.bundle:
            raise BadInputError("It names no patient, and its bundle holds several: whose it is cannot be told.")
        words = next((reference.words for reference in named if reference.words), "")
        if words:
            raise BadInputError("It names its patient in words only, with neither a reference nor an identifier.")
        raise BadInputError("It names no patient, and there is none in its bundle or on its line.")

    def _patient(self, reference: Reference, resource: Json, entry: Entry) -> int | None:
        """The patient that a reference names, None for something else or nothing."""
        if not reference.names_something:
            return None
        if reference.contained:
            return self._contained(reference, resource, entry)
        names = references.lookups(reference, references.base_of(entry.full_url))
        for name in names:
            if local := self.names.get(name):
                return self._local(local)
        if reference.type not in {"", "Patient"}:
            return None
        for name in names:
            stored = self.book.named(name)
            if len(stored) == 1:
                return next(iter(stored))
            if stored:
                raise BadInputError(f"{name[:80]} names {len(stored)} stored patients of different servers.")
        if reference.number:
            return self._identified(reference)
        raise NotYetError(f"It is about {reference.url[:120]}, which is neither in its file nor stored.")

    def _local(self, entries: list[Entry]) -> int | None:
        patients = [entry for entry in entries if entry.type == "Patient"]
        if not patients:
            return None
        found = {self.patients[id(entry)] for entry in patients if id(entry) in self.patients}
        if len(found) > 1:
            raise BadInputError("Its reference fits several patients of its bundle.")
        if not found:
            raise BadInputError("The patient it is about was quarantined.")
        return found.pop()

    def _identified(self, reference: Reference) -> int | None:
        identifier = identifier_of(reference.identifier)
        found = self.book.identified(identifier) if identifier else set()
        if len(found) == 1:
            return found.pop()
        if found:
            raise BadInputError("Its patient is named by an identifier that fits several stored patients.")
        raise NotYetError("Its patient is named by an identifier that no stored patient has.")

    def _contained(self, reference: Reference, resource: Json, entry: Entry) -> int | None:
        for inner in dicts(resource.get("contained")):
            if as_text(inner.get("id")).lstrip("#") != reference.contained:
                continue
            if inner.get("resourceType") != "Patient":
                return None
            return self._store_contained(inner, entry)
        raise BadInputError(f"It refers to #{reference.contained[:60]}, which it does not contain.")

    def _store_contained(self, inner: Json, entry: Entry) -> int:
        """The stored patient that a contained one is; it becomes one of its own when it says who it is."""
        found = {pk for item in identifiers_of(inner) for pk in self.book.identified(item)}
        if len(found) == 1:
            return found.pop()
        return self.book.store_contained(inner, entry)

    def medicine(self, reference: Any, resource: Json, entry: Entry) -> Json:
        """The Medication that a reference means, or an empty object."""
        parsed = references.parse(reference)
        if parsed.contained:
            inside = (inner for inner in dicts(resource.get("contained")) if inner.get("id") == parsed.contained)
            return next(inside, {})
        for name in references.lookups(parsed, references.base_of(entry.full_url), "Medication"):
            for local in self.names.get(name, ()):
                if local.type == "Medication":
                    return local.resource()
        return self._stored_medicine(parsed)

    def _stored_medicine(self, reference: Reference) -> Json:
        """A medicine of another file; ids that are unique on one server only are not trusted across bundles."""
        own_id = references.id_from(reference.url)
        if not own_id or (self.bundle and not references.is_uuid(own_id)):
            return {}
        if own_id not in self.medicines:
            stored = SharedResource.objects.filter(resource_type="Medication", resource_id=own_id).first()
            if stored is None:
                return {}
            self.medicines[own_id] = stored.resource
        return self.medicines[own_id]
