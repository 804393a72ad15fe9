"""What a clinical resource says beside its columns, as labelled lines, and which records it refers to for that."""

import re
from collections.abc import Callable, Iterator
from typing import Any

from patients.fhir.references import REST, canonical, id_from
from patients.fhir.shapes import Json, as_dict, as_list, as_text, codings, concept_code, concept_text, dicts

ERROR = "entered-in-error"
# HL7's codes for what kind of encounter it was (v3-ActCode), in the words of a question.
ENCOUNTER_CLASSES = {
    "AMB": "ambulatory, outpatient",
    "EMER": "emergency",
    "FLD": "in the field",
    "HH": "home health",
    "IMP": "inpatient, hospital stay",
    "ACUTE": "inpatient, acute, hospital stay",
    "NONAC": "inpatient, non-acute, hospital stay",
    "OBSENC": "observation stay",
    "PRENC": "pre-admission",
    "SS": "short stay",
    "VR": "virtual, telehealth",
}
REASONS = ("reasonCode", "reason", "reasonReference", "addresses", "indication", "problem", "supportingInfo")
PEOPLE = ("performer", "participant", "requester", "practitioner", "recorder", "asserter", "author", "prescriber")
PLACES = ("location", "serviceProvider", "custodian", "managingOrganization", "facility")
# What a type is called in a clinic, where its name does not say it.
KINDS = {
    "AllergyIntolerance": "Allergy or intolerance",
    "Coverage": "Coverage (health insurance)",
    "DocumentReference": "Document",
    "Encounter": "Encounter (visit)",
    "FamilyMemberHistory": "Family history",
    "Immunization": "Immunization (vaccine)",
    "MedicationRequest": "Medication prescribed",
    "MedicationStatement": "Medication taken",
    "RelatedPerson": "Related person",
}
CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
NameOf = Callable[[str], str]


def is_an_error(resource: Json) -> bool:
    """Whether the resource was withdrawn: such a record is kept and never shown as a fact."""
    verification = resource.get("verificationStatus")
    return ERROR in {
        as_text(resource.get("status")),
        as_text(verification),
        concept_code(verification)[1],
    }


def kind_in_words(resource_type: str) -> str:
    """What a type is called: `CarePlan` is a `Care plan`."""
    return KINDS.get(resource_type) or CAMEL.sub(" ", resource_type).capitalize()


def encounter_class(code: str) -> str:
    """An encounter's class in words, as given when it is no code of HL7's."""
    return ENCOUNTER_CLASSES.get(code.upper(), code)


def reasons_in(resource: Json) -> list[str]:
    """The ids of the records that are named as reasons."""
    found = (reference for element in _reasons(resource) if (reference := _id_in(element)))
    return list(dict.fromkeys(found))


def labelled_lines(resource: Json, name_of: NameOf) -> list[str]:
    """`Reason: ...`, `By: ...` and the like; `name_of` gives the name of a record by its FHIR id, or nothing."""
    lines = {
        "Also called": _other_names(resource),
        "Reason": (_reason(element, name_of) for element in _reasons(resource)),
        "Site": [concept_text(resource.get("bodySite")), concept_text(resource.get("site"))],
        "Results": (_display(item) for item in dicts(resource.get("result"))),
        "By": (_person(item) for name in PEOPLE for item in as_list(resource.get(name))),
        "At": (_place(item) for name in PLACES for item in as_list(resource.get(name))),
    }
    said = {label: "; ".join(dict.fromkeys(filter(None, words))) for label, words in lines.items()}
    return [f"{label}: {words}" for label, words in said.items() if words]


def _other_names(resource: Json) -> Iterator[str]:
    """What its code is called in other systems."""
    for name in ("code", "medicationCodeableConcept", "vaccineCode"):
        words = concept_text(resource.get(name))
        yield from (
            other for coding in codings(resource.get(name)) if (other := as_text(coding.get("display"))) != words
        )


def _reasons(resource: Json) -> Iterator[Any]:
    for name in REASONS:
        yield from as_list(resource.get(name))
    for diagnosis in dicts(resource.get("diagnosis")):
        yield from as_list(diagnosis.get("condition"))


def _reason(element: Any, name_of: NameOf) -> str:
    if words := concept_text(element) or _display(element):
        return words
    found = _id_in(element)
    return name_of(found) if found else ""


def _id_in(element: Any) -> str:
    """The id of the record that a reason refers to."""
    item = as_dict(element)
    url = as_text(item.get("reference")) or as_text(as_dict(item.get("reference")).get("reference"))
    match = REST.match(canonical(url))
    return match["id"] if match else id_from(url)


def _display(element: Any) -> str:
    return as_text(as_dict(element).get("display"))


def _person(element: Any) -> str:
    item = as_dict(element)
    return next(
        filter(None, (_display(part) for part in (item, *map(item.get, ("actor", "individual", "member"))))), ""
    )


def _place(element: Any) -> str:
    return _display(element) or _display(as_dict(element).get("location"))
