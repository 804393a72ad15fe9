"""Any clinical FHIR resource as the columns of a ClinicalRecord."""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

from patients.fhir.dates import end_of, when
from patients.fhir.narrative import all_text
from patients.fhir.shapes import (
    Json,
    as_dict,
    as_list,
    as_text,
    choice,
    clip,
    codings,
    concept_code,
    concept_text,
    dicts,
    first_text,
)
from patients.fhir.values import components, dosage, observed, quantity_text, reactions, value_text

Resolve = Callable[[Any], Json]

# When something happened, then when it was written down; the types whose order differs come by name.
DATES = (
    "effective",
    "performed",
    "occurrence",
    "onset",
    "period",
    "start",
    "started",
    "authoredOn",
    "dateWritten",
    "date",
    "recordedDate",
    "recorded",
    "dateTime",
    "issued",
    "created",
    "authored",
    "dateAsserted",
    "assertedDate",
    "lastOccurrence",
    "servicePeriod",
    "execution",
    "sent",
    "whenHandedOver",
    "whenPrepared",
    "identified",
    "receivedTime",
)
DATES_BY_TYPE = {
    "Goal": ("start", "startDate", "statusDate"),
    "MedicationRequest": ("authoredOn",),
    "ServiceRequest": ("authoredOn", "occurrence"),
    "FamilyMemberHistory": ("date",),
    "Media": ("created", "issued"),
}
ENDS = ("abatement", "end")
PERIODS = ("effective", "performed", "occurrence", "period", "servicePeriod", "execution")
# Types whose name is not in `code`.
NAMES = {
    "AllergyIntolerance": ("code", "substance"),
    "Appointment": ("serviceType", "appointmentType", "description", "reasonCode"),
    "CarePlan": ("title", "category"),
    "CareTeam": ("name", "category"),
    "Composition": ("title", "type"),
    "Consent": ("scope", "category"),
    "Coverage": ("type", "class"),
    "Device": ("deviceName", "type", "displayName", "definition"),
    "DocumentReference": ("type", "description"),
    "Encounter": ("type", "serviceType", "class"),
    "EpisodeOfCare": ("type",),
    "FamilyMemberHistory": ("relationship", "name"),
    "Goal": ("description",),
    "ImagingStudy": ("procedureCode", "description"),
    "Immunization": ("vaccineCode",),
    "QuestionnaireResponse": ("questionnaire",),
    "RelatedPerson": ("relationship", "name"),
    "Specimen": ("type",),
}
FALLBACK_NAMES = ("code", "title", "name", "type", "description", "serviceType", "category", "topic")
CATEGORIES = ("category", "class", "intent", "use")
NEGATED_STATUSES = {"refuted", "entered-in-error", "not-done", "not-taken"}
NOTHING_KNOWN = {
    *("716186003", "409137002", "428607008", "429625007", "428197003", "716184000", "716185004", "716220001"),
    *("1003774007", "160244002", "160245001", "787481004", "787480003", "787482006"),
    *("no-known-allergies", "no-known-medication-allergies", "no-known-food-allergies"),
    *("no-known-environmental-allergies", "no-allergy-info", "no-known-medications", "no-medication-info"),
    *("no-known-problems", "no-problem-info", "no-known-procedures", "no-procedure-info"),
    *("no-known-immunizations", "no-immunization-info", "no-known-devices", "no-device-info", "nilknown"),
}
# The words are tried on the name alone, never on the prose, where a "no" may be about anything.
NEGATION = re.compile(
    r"^\W*(?:no\b.{0,30}\b(?:known|current|active|evidence|history|information|allerg|alerg|problem|conocid|refier)"
    r"|nka\b|nkda\b|not known|den(?:ies|ied)\b|absence of|negative for"
    r"|niega|sin\b.{0,30}\b(?:alerg|antecedent|enfermedad|hallazgo|problema|evidencia)|ningun[oa]?\b|no se conocen"
    r"|alergias? no conocid)",
    re.IGNORECASE,
)
CAN_BE_NEGATED = {"AllergyIntolerance", "Condition", "MedicationStatement", "FamilyMemberHistory", "Procedure"}


def _named(resource: Json, resolve: Resolve) -> tuple[Any, str]:
    """(the element that names the resource, its words); a medicine is looked up where it is referred to."""
    kind = as_text(resource.get("resourceType"))
    medicine = resource.get("medicationCodeableConcept") or resource.get("medication")
    reference = resource.get("medicationReference") or as_dict(medicine).get("reference")
    if reference or (isinstance(medicine, dict) and medicine):
        own = medicine if isinstance(medicine, dict) and not isinstance(medicine.get("reference"), str) else None
        found = resolve(resource.get("medicationReference") or as_dict(medicine).get("reference") or medicine)
        element = own if own and concept_text(own) else found.get("code")
        words = concept_text(element) or as_text(as_dict(reference).get("display"))
        return element, words or as_text(as_dict(medicine).get("display"))
    if kind == "AllergyIntolerance" and not _first_named(resource, NAMES[kind])[1]:
        return _first_named(resource, (), *(reaction.get("substance") for reaction in dicts(resource.get("reaction"))))
    element, words = _first_named(resource, NAMES.get(kind, FALLBACK_NAMES))
    return element, words or (_studied(resource) if kind == "ImagingStudy" else "")


def _first_named(resource: Json, names: tuple[str, ...], *more: Any) -> tuple[Any, str]:
    """The first element with words; where it is a mere title, the code comes from the next one that has a code."""
    elements = [element for element in (*(resource.get(name) for name in names), *more) if _element_words(element)]
    if not elements:
        return None, ""
    coded = elements[0]
    if isinstance(coded, str):
        coded = next((element for element in elements if isinstance(element, dict | list)), None)
    return coded, _element_words(elements[0])


def _element_words(element: Any) -> str:
    if isinstance(element, list) and element:
        return first_text(*(_element_words(item) for item in element))
    if isinstance(element, dict) and ("family" in element or "given" in element):
        return " ".join(filter(None, (" ".join(map(as_text, as_list(element.get(k)))) for k in ("given", "family"))))
    if isinstance(element, dict) and "name" in element:
        return as_text(element["name"])
    return concept_text(element)


def _status(resource: Json) -> str:
    kind = as_text(resource.get("resourceType"))
    if kind in {"Condition", "AllergyIntolerance"}:
        return concept_code(resource.get("clinicalStatus"))[1] or concept_text(resource.get("clinicalStatus"))
    for name in ("status", "lifecycleStatus", "clinicalStatus"):
        if text := concept_code(resource.get(name))[1] or concept_text(resource.get(name)):
            return text
    if isinstance(active := resource.get("active"), bool):
        return "active" if active else "inactive"
    return ""


def _negated(resource: Json, code: Any, words: str) -> bool:
    """Whether the resource says that something is absent, was not done or never was true."""
    said = {
        as_text(resource.get("status")),
        concept_code(resource.get("verificationStatus"))[1],
        as_text(resource.get("verificationStatus")),
    }
    if said & NEGATED_STATUSES or resource.get("doNotPerform") is True or resource.get("wasNotGiven") is True:
        return True
    if any(as_text(coding.get("code")).lower() in NOTHING_KNOWN for coding in codings(code)):
        return True
    return as_text(resource.get("resourceType")) in CAN_BE_NEGATED and bool(NEGATION.match(words))


def is_nothing_known(code: str, words: str) -> bool:
    """Whether a negated record denies everything of its kind ("no known allergies"), not one thing."""
    return code.lower() in NOTHING_KNOWN or bool(NEGATION.match(words))


def _targets(resource: Json) -> str:
    parts = []
    for target in dicts(resource.get("target")):
        kind, value = choice(target, "detail")
        parts.append(": ".join(filter(None, (concept_text(target.get("measure")), value_text(kind, value)))))
    return "; ".join(filter(None, parts)) or concept_text(resource.get("achievementStatus"))


def _activities(resource: Json) -> str:
    parts = []
    for activity in dicts(resource.get("activity")):
        detail = as_dict(activity.get("detail"))
        words = concept_text(detail.get("code")) or as_text(detail.get("description"))
        parts.append(words or as_text(as_dict(activity.get("reference")).get("display")))
    return "; ".join(filter(None, parts))


def _relatives(resource: Json) -> str:
    held = dicts(resource.get("condition"))
    return "; ".join(filter(None, (concept_text(item.get("code")) for item in held))) or as_text(resource.get("status"))


def _members(resource: Json) -> str:
    people = []
    for part in dicts(resource.get("participant")):
        who = as_dict(part.get("member") or part.get("actor") or part.get("individual"))
        people.append(as_text(who.get("display")) or concept_text(part.get("role") or part.get("type")))
    return "; ".join(filter(None, people))


def _payors(resource: Json) -> str:
    names = [as_text(item.get("display")) for item in dicts(resource.get("payor")) + dicts(resource.get("insurer"))]
    return "; ".join(filter(None, (*names, as_text(resource.get("subscriberId")))))


def _studied(resource: Json) -> str:
    parts = []
    for series in dicts(resource.get("series")):
        words = (concept_text(series.get("modality")), concept_text(series.get("bodySite")))
        parts.append(" ".join(filter(None, words)) or as_text(series.get("description")))
    return "; ".join(dict.fromkeys(filter(None, parts)))


def _reasons(resource: Json) -> str:
    return first_text(concept_text(resource.get("reasonCode")), concept_text(resource.get("reason")))


def _observation(resource: Json) -> str:
    own, parts = observed(resource), components(resource)
    words = parts if parts and (not own or own.startswith("no value")) else "; ".join(filter(None, (own, parts)))
    meaning = concept_text(resource.get("interpretation"))
    return f"{words} ({meaning})" if words and meaning else words or meaning


def _dose_given(resource: Json) -> str:
    parts = (
        quantity_text(resource.get("doseQuantity")),
        f"lot {lot}" if (lot := as_text(resource.get("lotNumber"))) else "",
        concept_text(resource.get("statusReason")),
    )
    return ", ".join(filter(None, parts))


VALUES: dict[str, Callable[[Json], str]] = {
    "AllergyIntolerance": reactions,
    "Appointment": _members,
    "CarePlan": _activities,
    "CareTeam": _members,
    "Condition": lambda r: concept_text(r.get("severity")),
    "Coverage": _payors,
    "DiagnosticReport": lambda r: first_text(r.get("conclusion"), concept_text(r.get("conclusionCode"))),
    "Encounter": _reasons,
    "FamilyMemberHistory": _relatives,
    "Goal": _targets,
    "ImagingStudy": _studied,
    "Immunization": _dose_given,
    "MedicationAdministration": dosage,
    "MedicationDispense": dosage,
    "MedicationRequest": dosage,
    "MedicationStatement": dosage,
    "Observation": _observation,
    "Procedure": lambda r: first_text(concept_text(r.get("outcome")), _reasons(r)),
    "ServiceRequest": _reasons,
}


def _dates(resource: Json) -> tuple[datetime | None, str]:
    names = DATES_BY_TYPE.get(as_text(resource.get("resourceType")), ()) + DATES
    found, words = when(resource, names)
    if found is None:
        inner = {**as_dict(resource.get("context")), **as_dict(resource.get("collection"))}
        deeper, deeper_words = when(inner, ("period", "collected"))
        return (deeper, deeper_words) if deeper else (None, words or deeper_words)
    return found, words


def record_columns(resource: Json, resolve: Resolve) -> dict[str, Any]:
    """The columns of a ClinicalRecord, clipped to their lengths; `resolve` follows a reference to a medicine."""
    kind = as_text(resource.get("resourceType"))
    element, words = _named(resource, resolve)
    system, code = concept_code(element) if isinstance(element, dict | list) else ("", "")
    category = first_text(*(concept_text(resource.get(name)) for name in CATEGORIES if name != words))
    kind_of_value, value = choice(resource, "value")
    said = VALUES[kind](resource) if kind in VALUES else value_text(kind_of_value, value)
    recorded_at, recorded_text = _dates(resource)
    return {
        "code_system": clip(system, 300),
        "code": clip(code, 120),
        "display": clip(words, 500),
        "status": clip(_status(resource), 60),
        "category": clip(category, 120),
        "value": clip(said, 500),
        "negated": _negated(resource, element, words),
        "recorded_at": recorded_at,
        "recorded_text": clip(recorded_text, 40),
        "ended_at": end_of(resource, ENDS, PERIODS),
        "text": all_text(resource),
    }


def shared_name(resource: Json) -> str:
    """What a shared resource is called."""
    names = ("name", "title", "code", "deviceName", "type", "description", "manufacturer", "event", "eventCoding")
    words = first_text(*(_element_words(resource.get(name)) for name in names))
    people = (as_text(as_dict(resource.get(name)).get("display")) for name in ("practitioner", "organization"))
    return clip(words or " · ".join(filter(None, people)), 500)
