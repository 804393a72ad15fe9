"""A patient's lists and latest values: what always belongs into the context, whatever is asked."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date

from django.db.models import F, QuerySet

from healthmate.common.clock import local_today
from patients.fhir.prose import encounter_class, is_an_error, kind_in_words
from patients.models import ClinicalRecord, Patient
from patients.retrieval.days import day_of
from patients.retrieval.status import holds_now

MEDICINES = ("MedicationRequest", "MedicationStatement")
EMERGENCY, INPATIENT = ("EMER",), ("IMP", "ACUTE", "NONAC", "OBSENC", "SS")
AT_MOST = 60  # facts of each sort; the newest are kept
COLUMNS = (
    "pk",
    "resource_type",
    "display",
    "value",
    "category",
    "status",
    "negated",
    "recorded_at",
    "recorded_text",
    "ended_at",
)


@dataclass(frozen=True, kw_only=True)
class Fact:
    """One record in a line; `negated` says that it is absent, was not done or is not so."""

    record_id: int
    resource_type: str
    name: str
    value: str
    date: str
    status: str
    negated: bool
    text: str


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """A patient's lists and latest values, newest first; iterating gives every fact once.

    `left_out` counts, by list, what was too much to show.
    """

    patient_id: int
    age: int | None
    gender: str
    birth_date: str
    deceased: bool
    allergies: list[Fact] = field(default_factory=list)
    problems: list[Fact] = field(default_factory=list)
    medications: list[Fact] = field(default_factory=list)
    observations: list[Fact] = field(default_factory=list)
    immunizations: list[Fact] = field(default_factory=list)
    encounters: list[Fact] = field(default_factory=list)
    left_out: dict[str, int] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Fact]:
        """Allergies, problems, medicines, latest values, vaccines, encounters."""
        lists = (
            self.allergies,
            self.problems,
            self.medications,
            self.observations,
            self.immunizations,
            self.encounters,
        )
        return iter({fact.record_id: fact for facts in lists for fact in facts}.values())


def snapshot(patient_id: int) -> Snapshot:
    """The lists and latest values of one patient; of a patient without records they are empty.

    Raises Patient.DoesNotExist.
    """
    patient = Patient.objects.only("birth_date", "birth_date_text", "gender", "deceased").get(pk=patient_id)
    left_out: dict[str, int] = {}

    def listed(name: str, records: QuerySet[ClinicalRecord]) -> list[Fact]:
        facts = _facts(records)
        if len(facts) > AT_MOST:
            left_out[name] = len(facts) - AT_MOST
        return facts[:AT_MOST]

    own = ClinicalRecord.objects.filter(patient_id=patient_id)
    return Snapshot(
        patient_id=patient_id,
        age=_age(patient.birth_date, local_today()) if not patient.deceased else None,
        gender=patient.gender,
        birth_date=patient.birth_date.isoformat() if patient.birth_date else patient.birth_date_text,
        deceased=patient.deceased,
        allergies=listed("allergies", own.filter(resource_type="AllergyIntolerance")),
        problems=listed("problems", _newest_of_each(own.filter(holds_now(), resource_type="Condition"))),
        medications=listed("medications", _newest_of_each(own.filter(holds_now(), resource_type__in=MEDICINES))),
        observations=listed("observations", _newest_of_each(own.filter(resource_type="Observation"))),
        immunizations=listed("immunizations", _newest_of_each(own.filter(resource_type="Immunization"))),
        encounters=_last_encounters(own.filter(resource_type="Encounter")),
        left_out=left_out,
    )


def _newest_of_each(records: QuerySet[ClinicalRecord]) -> QuerySet[ClinicalRecord]:
    """The newest record of every code and name."""
    newest = F("recorded_at").desc(nulls_last=True)
    return records.order_by("code", "display", "negated", newest, "-pk").distinct("code", "display", "negated")


def _last_encounters(encounters: QuerySet[ClinicalRecord]) -> list[Fact]:
    """The last encounter, the last emergency and the last stay in hospital."""
    facts: dict[int, Fact] = {}
    for classes in (None, EMERGENCY, INPATIENT):
        some = encounters if classes is None else encounters.filter(category__in=classes)
        found = _facts(some.order_by(F("recorded_at").desc(nulls_last=True), "-pk")[:1])
        facts |= {fact.record_id: fact for fact in found}
    return list(facts.values())


def _facts(records: QuerySet[ClinicalRecord]) -> list[Fact]:
    """Records as facts, newest first, without those that were entered in error."""
    # The JSON is read for the few that are negated, where alone an error can hide.
    rows = [row for row in records.only("patient_id", *COLUMNS) if not (row.negated and _is_an_error(row))]
    rows.sort(key=lambda row: (row.recorded_at.timestamp() if row.recorded_at else float("-inf"), row.pk), reverse=True)
    return list(map(_fact, rows))


def _is_an_error(record: ClinicalRecord) -> bool:
    own = ClinicalRecord.objects.filter(pk=record.pk, patient_id=record.patient_id)
    return is_an_error(own.values_list("resource", flat=True).get())


def _fact(record: ClinicalRecord) -> Fact:
    return Fact(
        record_id=record.pk,
        resource_type=record.resource_type,
        name=record.display,
        value=record.value,
        date=day_of(record.recorded_text, record.recorded_at),
        status=record.status,
        negated=record.negated,
        text=_line(record),
    )


def _line(record: ClinicalRecord) -> str:
    parts = [f"{kind_in_words(record.resource_type)}: {record.display}", record.value]
    if record.resource_type == "Encounter":
        parts.append(encounter_class(record.category))
    if record.status and record.resource_type not in {"Observation", "Immunization", "Encounter"}:
        parts.append(record.status)
    if record.negated:
        parts.append("negated: absent, not done, or not so")
    return "; ".join(filter(None, parts))


def _age(born: date | None, today: date) -> int | None:
    if born is None:
        return None
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))
