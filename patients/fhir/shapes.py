"""Reading FHIR elements out of JSON that may have any shape: nothing here raises."""

import math
from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]

READABLE_DIGITS = 10
DATA_ABSENT = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"


def as_dict(value: Any) -> Json:
    """The object itself, the first object of a list, or an empty one."""
    if isinstance(value, dict):
        return value
    if isinstance(value, list):
        return next((item for item in value if isinstance(item, dict)), {})
    return {}


def as_list(value: Any) -> list[Any]:
    """A list as it is, a lone value as a list of one, nothing as an empty list."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def dicts(value: Any) -> list[Json]:
    """Every object of a list, or the lone object."""
    return [item for item in as_list(value) if isinstance(item, dict)]


def as_text(value: Any) -> str:
    """A primitive as text that a column can hold (booleans as FHIR writes them), anything else as nothing."""
    if isinstance(value, str):
        return value.replace("\x00", "").strip()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _number(value)
    return str(value) if isinstance(value, int) else ""


def _number(value: float) -> str:
    """A decimal as it was given, short of the digits that only arithmetic made (179.23347621031567)."""
    text = repr(value).removesuffix(".0")
    if len(text) <= READABLE_DIGITS or not math.isfinite(value):
        return text
    decimals = 4 if abs(value) >= 1 else 4 - math.floor(math.log10(abs(value)))
    return repr(round(value, decimals)).removesuffix(".0")


def first_text(*values: Any) -> str:
    """The first of `values` that says something."""
    return next((text for text in map(as_text, values) if text), "")


def clip(text: str, length: int) -> str:
    """`text` in at most `length` characters, with an ellipsis where it was cut."""
    return text if len(text) <= length else text[: length - 1] + "…"


def kind_of(value: Any) -> str:
    """What JSON calls the type of `value`, for reasons that people read."""
    names = {dict: "an object", list: "a list", str: "a string", bool: "a boolean", int: "a number", float: "a number"}
    return names.get(type(value), "null")


def codings(concept: Any) -> list[Json]:
    """The codings of a CodeableConcept, or of a lone Coding."""
    found = [coding for item in dicts(concept) for coding in dicts(item.get("coding"))]
    return found or [item for item in dicts(concept) if item.get("code") or item.get("display")]


def concept_text(concept: Any) -> str:
    """A CodeableConcept, Coding, CodeableReference or plain string in words, its code where it has none."""
    if isinstance(concept, list):
        return "; ".join(filter(None, map(concept_text, concept)))
    if not isinstance(concept, dict):
        return as_text(concept)
    if words := as_text(concept.get("text")):
        return words
    found = codings(concept)
    if words := first_text(*(coding.get("display") for coding in found)):
        return words
    if "concept" in concept:
        return concept_text(concept["concept"])
    return first_text(*(coding.get("code") for coding in found), as_dict(concept.get("reference")).get("display"))


def concept_code(concept: Any) -> tuple[str, str]:
    """(system, code) of the first coding that has a code; one that the user chose comes first."""
    if isinstance(concept, str):
        return "", concept.strip()
    found = [coding for coding in codings(concept) if as_text(coding.get("code"))]
    found.sort(key=lambda coding: coding.get("userSelected") is not True)
    if not found and isinstance(concept, dict) and "concept" in concept:
        return concept_code(concept["concept"])
    return (as_text(found[0].get("system")), as_text(found[0].get("code"))) if found else ("", "")


def choice(resource: Json, name: str) -> tuple[str, Any]:
    """(type, value) of a choice element: `choice(r, "value")` finds `valueQuantity`, `valueString`..."""
    for key, value in resource.items():
        if key.startswith(name) and key[len(name) : len(name) + 1].isupper() and value is not None:
            return key[len(name) :], value
    return "", None


def absent_reason(element: Any) -> str:
    """Why a value is missing: a dataAbsentReason extension on the element or on one of its parts."""
    for item in dicts(element):
        for extension in dicts(item.get("extension")):
            if extension.get("url") == DATA_ABSENT:
                return first_text(extension.get("valueCode"), extension.get("valueString"))
        for key, part in item.items():
            if key.startswith("_") and (reason := absent_reason(part)):
                return reason
    return ""


def strings(value: Any) -> Iterator[str]:
    """Every string of a list of strings, or the lone string."""
    return (text for text in map(as_text, as_list(value)) if text)
