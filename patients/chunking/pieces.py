"""The text of a record, cut into pieces that can be cited."""

from collections.abc import Iterator

from patients.fhir.prose import NameOf, encounter_class, is_an_error, kind_in_words, labelled_lines
from patients.models import ClinicalRecord

LONGEST = 1200  # characters of prose in a piece
BREAKS = ("\n", ". ", "; ", " ")


def pieces_of(record: ClinicalRecord, name_of: NameOf) -> list[str]:
    """What a record says, one text per piece; nothing of a record that was entered in error.

    A long narrative gives several pieces, each under the record's own heading. The date stays out: it is a
    column, and equal facts of different days shall have equal texts.
    """
    if is_an_error(record.resource):
        return []
    heading = _heading(record)
    facts = [heading, *_facts(record), *labelled_lines(record.resource, name_of)]
    prose = list(_cut(record.text))
    first = "\n".join([*facts, *prose[:1]])
    return [first, *(f"{heading}\n{part}" for part in prose[1:])]


def _heading(record: ClinicalRecord) -> str:
    kind = kind_in_words(record.resource_type)
    return f"{kind}: {record.display}" if record.display else kind


def _facts(record: ClinicalRecord) -> Iterator[str]:
    if record.negated:
        yield "Negated: this is absent, was not done, or is not so"
    if record.value:
        yield f"Value: {record.value}"
    if record.status:
        yield f"Status: {record.status}"
    if record.category and record.category != record.display:
        is_encounter = record.resource_type == "Encounter"
        yield f"Category: {encounter_class(record.category) if is_encounter else record.category}"
    if record.ended_at and record.recorded_at and record.ended_at.date() > record.recorded_at.date():
        yield f"Until: {record.ended_at:%Y-%m-%d}"


def _cut(text: str) -> Iterator[str]:
    """Stretches of at most LONGEST characters, ended where a line, a sentence or at least a word ends."""
    while len(text) > LONGEST:
        ends = (text.rfind(mark, LONGEST // 2, LONGEST) for mark in BREAKS)
        end = next((found + 1 for found in ends if found >= 0), LONGEST)
        yield text[:end].strip()
        text = text[end:].strip()
    if text:
        yield text
