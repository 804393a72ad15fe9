"""FHIR values in words: quantities, ranges, ratios, concepts, components, and why one is missing."""

from collections.abc import Callable
from typing import Any

from patients.fhir.shapes import Json, absent_reason, as_dict, as_list, as_text, choice, concept_text, dicts, first_text

NO_VALUE = "no value"


def quantity_text(value: Any) -> str:
    """A Quantity, Range, Ratio or Period as a person writes it."""
    item = as_dict(value)
    if "numerator" in item or "denominator" in item:
        sides = [quantity_text(item.get("numerator")), quantity_text(item.get("denominator"))]
        return " / ".join(filter(None, sides)) if " " in "".join(sides) else ":".join(filter(None, sides))
    if "low" in item or "high" in item:
        low, high = quantity_text(item.get("low")), quantity_text(item.get("high"))
        return f"{low} – {high}" if low and high else f"≥ {low}" if low else f"≤ {high}" if high else ""
    if "start" in item or "end" in item:
        return f"{as_text(item.get('start'))} – {as_text(item.get('end'))}".strip()
    number = as_text(item.get("value"))
    unit = first_text(item.get("unit"), item.get("code"))
    unit = "" if unit in {"1", "{score}", "{#}"} else unit
    return " ".join(
        filter(None, (f"{as_text(item.get('comparator'))}{number}" if number else "", unit if number else ""))
    )


def value_text(kind: str, value: Any) -> str:
    """A choice element's value in words; `kind` is its FHIR type (`Quantity`, `CodeableConcept`...)."""
    if isinstance(value, list):
        return "; ".join(filter(None, (value_text(kind, item) for item in value)))
    if not isinstance(value, dict):
        return as_text(value)
    if kind in WORDS:
        return WORDS[kind](value)
    return quantity_text(value) or concept_text(value)


WORDS: dict[str, Callable[[Json], str]] = {
    "Attachment": lambda value: first_text(value.get("title"), value.get("contentType")),
    "CodeableConcept": concept_text,
    "CodeableReference": concept_text,
    "Coding": concept_text,
    "Reference": lambda value: first_text(value.get("display"), value.get("reference")),
    "SampledData": lambda value: f"{as_text(value.get('dimensions'))} series, {as_text(value.get('period'))} ms apart",
}


def observed(resource: Json) -> str:
    """The value of an Observation or of one of its components, or the reason why there is none."""
    kind, value = choice(resource, "value")
    words = value_text(kind, value)
    if not words and (reason := concept_text(resource.get("dataAbsentReason")) or absent_reason(value)):
        return f"{NO_VALUE}: {reason}"
    return words


def components(resource: Json) -> str:
    """`Systolic 120 mmHg; Diastolic 80 mmHg`, from the components of an Observation."""
    parts = []
    for part in dicts(resource.get("component")):
        name, words = concept_text(part.get("code")), observed(part)
        if words:
            parts.append(f"{name}: {words}" if name else words)
    return "; ".join(parts)


def dosage(resource: Json) -> str:
    """The dosage in words: the text as given, else dose, timing and route."""
    lines = []
    for item in dicts(resource.get("dosageInstruction") or resource.get("dosage") or resource.get("dose")):
        words = first_text(item.get("text"), item.get("patientInstruction"))
        lines.append(words or _dose(item))
    return "; ".join(filter(None, lines))


def _dose(item: Json) -> str:
    given = as_dict(item.get("doseAndRate")) or item
    dose = quantity_text(choice(given, "dose")[1] or item.get("dose"))
    timing = as_dict(item.get("timing"))
    repeat = as_dict(timing.get("repeat"))
    often = concept_text(timing.get("code"))
    if not often and repeat.get("frequency"):
        period = " ".join(filter(None, (as_text(repeat.get("period")), as_text(repeat.get("periodUnit")))))
        often = f"{as_text(repeat['frequency'])} x / {period}"
    needed = item.get("asNeededBoolean") is True or item.get("asNeeded") is True
    reason = concept_text(item.get("asNeededCodeableConcept"))
    as_needed = "as needed" + (f" ({reason})" if reason else "") if needed or reason else ""
    return ", ".join(filter(None, (dose, often, concept_text(item.get("route")), as_needed)))


def reactions(resource: Json) -> str:
    """What an allergy does: manifestations with their severity, else its criticality."""
    parts = []
    for reaction in dicts(resource.get("reaction")):
        words = concept_text(as_list(reaction.get("manifestation"))) or as_text(reaction.get("description"))
        severity = as_text(reaction.get("severity"))
        parts.append(f"{words} ({severity})" if words and severity else words or severity)
    critical = as_text(resource.get("criticality"))
    return "; ".join(filter(None, (*parts, f"criticality {critical}" if critical else "")))
