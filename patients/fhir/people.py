"""FHIR Patient and Practitioner as the clinic's columns."""

import math
import re
from dataclasses import dataclass
from datetime import date
from typing import Any

from patients.fhir.dates import parse_date
from patients.fhir.shapes import (
    Json,
    as_dict,
    as_list,
    as_text,
    clip,
    codings,
    concept_text,
    dicts,
    first_text,
    strings,
)

EMAIL = re.compile(r"^[^@\s]+@[^@\s]+\.[^@\s]+$")
NAME_ORDER = ("official", "usual", "", "temp", "anonymous", "nickname", "maiden", "old")
HL7_TYPES = (
    "http://terminology.hl7.org/CodeSystem/v2-0203",
    "http://hl7.org/fhir/v2/0203",
    "urn:oid:2.16.840.1.113883.18.108",
)


@dataclass(frozen=True, kw_only=True)
class Identifier:
    """One identifier as given: what kind it says it is, who issued it, the number."""

    system: str
    number: str
    hl7_codes: tuple[str, ...] = ()
    other_codes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class PatientShape:
    """What a FHIR Patient says, ready for the model's columns."""

    full_name: str
    given_name: str
    family_name: str
    birth_date: date | None
    birth_date_text: str
    gender: str
    phone: str
    email: str
    language: str
    deceased: bool
    identifiers: tuple[Identifier, ...]


def identifier_of(item: Json) -> Identifier | None:
    """An Identifier element, unless it holds no number."""
    number = as_text(item.get("value"))
    if not any(c.isalnum() for c in number):
        return None
    kinds = codings(item.get("type"))
    hl7 = tuple(as_text(kind.get("code")).upper() for kind in kinds if as_text(kind.get("system")) in HL7_TYPES)
    other = [as_text(kind.get("code")).upper() for kind in kinds if as_text(kind.get("system")) not in HL7_TYPES]
    other.append(as_text(as_dict(item.get("type")).get("text")).upper())
    return Identifier(
        system=clip(as_text(item.get("system")), 300),
        number=number,
        hl7_codes=hl7,
        other_codes=tuple(filter(None, other)),
    )


def identifiers_of(resource: Json) -> tuple[Identifier, ...]:
    """Every identifier of a resource that holds a number."""
    return tuple(found for item in dicts(resource.get("identifier")) if (found := identifier_of(item)))


def _name(resource: Json) -> tuple[str, str, str]:
    """(full, given, family) of the name that is used officially now; a plain string is a full name."""
    for value in as_list(resource.get("name")):
        if isinstance(value, str) and value.strip():
            return value.strip(), "", ""

    def order(name: Json) -> int:
        use = as_text(name.get("use"))
        ended = bool(as_dict(name.get("period")).get("end"))
        return (NAME_ORDER.index(use) if use in NAME_ORDER else 2) + (len(NAME_ORDER) if ended else 0)

    for name in sorted(dicts(resource.get("name")), key=order):
        given, family = " ".join(strings(name.get("given"))), " ".join(strings(name.get("family")))
        words = " ".join(filter(None, (given, family))) or as_text(name.get("text"))
        if words:
            return words, given, family
    return "", "", ""


def _contact(resource: Json, system: str) -> str:
    """The first value of a kind of contact, the current one before an old one."""
    found = [item for item in dicts(resource.get("telecom")) if as_text(item.get("value"))]
    if system == "phone":
        found = [item for item in found if as_text(item.get("system")) in {"phone", "sms", ""}]
        found = [item for item in found if "@" not in as_text(item.get("value"))]
    else:
        found = [item for item in found if EMAIL.match(_address(item))]
    found.sort(
        key=lambda item: (
            as_text(item.get("use")) == "old" or bool(as_dict(item.get("period")).get("end")),
            as_text(item.get("system")) == "",
            item["rank"] if isinstance(item.get("rank"), int) else math.inf,
        )
    )
    return _address(found[0]) if found else ""


def _address(item: Json) -> str:
    return re.sub(r"^(?:tel|mailto|sms):", "", as_text(item.get("value")))


def _language(resource: Json) -> str:
    """The preferred language as a BCP 47 code."""
    spoken = sorted(dicts(resource.get("communication")), key=lambda item: item.get("preferred") is not True)
    for item in spoken:
        if code := next((text for c in codings(item.get("language")) if (text := as_text(c.get("code")))), ""):
            return code
    return as_text(resource.get("language"))


def patient_shape(resource: Json) -> PatientShape:
    """A FHIR Patient as the clinic's columns; never raises."""
    full, given, family = _name(resource)
    birth = as_text(resource.get("birthDate"))
    born = parse_date(birth)
    gender = as_text(resource.get("gender")).lower()
    died: Any = resource.get("deceasedBoolean")
    email = _contact(resource, "email")
    return PatientShape(
        full_name=clip(full, 300),
        given_name=clip(given, 150),
        family_name=clip(family, 150),
        birth_date=born,
        birth_date_text="" if born else birth[:10],
        gender=gender if gender in {"male", "female", "other"} else "unknown",
        phone=clip(_contact(resource, "phone"), 50),
        email=email if len(email) <= 254 else "",  # noqa: PLR2004 - RFC 5321, and the column
        language=_language(resource)[:10],
        deceased=died is True or bool(as_text(resource.get("deceasedDateTime"))),
        identifiers=identifiers_of(resource),
    )


def practitioner_columns(resource: Json) -> dict[str, Any]:
    """A FHIR Practitioner's name, speciality and first identifier that says who issued it."""
    full, _, _ = _name(resource)
    issued = next((item for item in identifiers_of(resource) if item.system), None)
    words = [concept_text(as_dict(item).get("code")) for item in dicts(resource.get("qualification"))]
    return {
        "full_name": clip(full, 300),
        "specialty": clip(first_text(*words), 100),
        "identifier_system": issued.system if issued else "",
        "identifier": issued.number[:120] if issued else "",
    }
