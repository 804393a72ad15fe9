"""Pieces of records: written with their record, as good as it is, gone with it, and never another patient's."""

import json

import pytest
from django.db import IntegrityError, connection, transaction

from patients.chunking.pieces import LONGEST
from patients.chunking.writing import records_without_chunks, write_missing_chunks
from patients.models import ClinicalRecord, RecordChunk

ANA = {"reference": "Patient/ana"}


def condition(**changes):
    return {
        "resourceType": "Condition",
        "id": "c1",
        "subject": ANA,
        "code": {"text": "Hypertension"},
        "clinicalStatus": {"coding": [{"code": "active"}]},
        "onsetDateTime": "2016-03-23",
        **changes,
    }


def request(**changes):
    return {
        "resourceType": "MedicationRequest",
        "id": "m1",
        "subject": ANA,
        "status": "active",
        "medicationCodeableConcept": {"text": "Hydrochlorothiazide 25 MG"},
        "authoredOn": "2016-03-23",
        "reasonReference": [{"reference": "Condition/c1"}],
        **changes,
    }


def texts():
    return list(RecordChunk.objects.order_by("record__resource_type", "number").values_list("text", flat=True))


def test_an_import_writes_what_records_say_and_why(fhir_bundle, fhir_patient, import_ok):
    import_ok(fhir_bundle(fhir_patient(), request(), condition()))

    assert texts() == [
        "Condition: Hypertension\nStatus: active",
        "Medication prescribed: Hydrochlorothiazide 25 MG\nStatus: active\nReason: Hypertension",
    ]
    chunk = RecordChunk.objects.get(record__resource_id="c1")
    assert (chunk.patient_id, chunk.name, chunk.embedding, chunk.embedding_model) == (
        chunk.record.patient_id,
        "Hypertension",
        None,
        "",
    )


def test_a_reason_that_a_later_file_brings_is_named_at_the_end(fhir_file, fhir_patient, import_ok):
    import_ok(
        fhir_file(fhir_patient(), "1.json"),
        fhir_file("\n".join(map(json.dumps, [request()])), "2.ndjson"),
        fhir_file("\n".join(map(json.dumps, [condition()])), "3.ndjson"),
    )

    assert "Reason: Hypertension" in texts()[1]


def embed_by_hand():
    RecordChunk.objects.update(embedding=[1.0, 2.0], embedding_model="m")


def embedded():
    return set(RecordChunk.objects.exclude(embedding=None).values_list("record__resource_id", flat=True))


def test_a_changed_record_loses_its_vector_and_an_unchanged_one_keeps_it(fhir_bundle, fhir_patient, import_ok):
    import_ok(fhir_bundle(fhir_patient(), request(), condition()))
    embed_by_hand()
    before = dict(RecordChunk.objects.values_list("record__resource_id", "pk"))

    import_ok(fhir_bundle(fhir_patient(), request(status="stopped"), condition()))

    assert embedded() == {"c1"}
    assert dict(RecordChunk.objects.values_list("record__resource_id", "pk")) == before
    assert "Status: stopped" in texts()[1]


def test_a_record_that_was_an_error_has_no_pieces_any_more(fhir_bundle, fhir_patient, import_ok):
    import_ok(fhir_bundle(fhir_patient(), condition(), request()))
    wrong = {"coding": [{"code": "entered-in-error"}]}

    import_ok(fhir_bundle(fhir_patient(), condition(verificationStatus=wrong), request(status="entered-in-error")))

    assert ClinicalRecord.objects.count() == 2
    assert texts() == []
    assert list(records_without_chunks()) == []


def test_pieces_go_with_their_record(fhir_bundle, fhir_patient, import_ok):
    import_ok(fhir_bundle(fhir_patient(), condition(), request()))

    ClinicalRecord.objects.get(resource_id="c1").delete()

    assert [text.partition(":")[0] for text in texts()] == ["Medication prescribed"]


def test_the_same_resource_twice_gives_the_pieces_of_the_last(fhir_bundle, fhir_patient, import_ok):
    import_ok(fhir_bundle(fhir_patient(), condition(), condition(code={"text": "Gout"})))

    assert texts() == ["Condition: Gout\nStatus: active"]


def test_a_long_note_is_cut_where_its_lines_end(fhir_bundle, fhir_patient, import_ok):
    lines = [f"Line {number} of the note, about nothing in particular." for number in range(100)]
    note = {"resourceType": "DocumentReference", "id": "d", "subject": ANA, "status": "current"}
    note |= {"type": {"text": "Progress note"}, "description": "\n".join(lines)}

    import_ok(fhir_bundle(fhir_patient(), note))

    pieces = texts()
    assert len(pieces) > 3
    assert all(len(piece) < LONGEST + 200 for piece in pieces)
    assert all(piece.startswith("Document: Progress note") for piece in pieces)
    assert [line for piece in pieces for line in piece.splitlines() if line.startswith("Line")] == lines


def test_a_shorter_note_leaves_no_piece_of_the_longer_one(fhir_bundle, fhir_patient, import_ok):
    note = {"resourceType": "DocumentReference", "id": "d", "subject": ANA, "type": {"text": "Note"}}
    import_ok(fhir_bundle(fhir_patient(), {**note, "description": "word " * 1000}))

    import_ok(fhir_bundle(fhir_patient(), {**note, "description": "All is well."}))

    assert texts() == ["Document: Note\nAll is well."]


def test_text_of_any_make_can_be_searched(fhir_bundle, fhir_patient, import_ok):
    hostile = "'); DROP TABLE x; -- \\' : & | ! <-> 'a':1A \u200b 漢字 " + "w" * 5000 + " word" * 400
    import_ok(fhir_bundle(fhir_patient(), condition(code={"text": hostile[:400]}, note=[{"text": hostile}])))

    assert RecordChunk.objects.filter(roots="word").exists()


def test_a_piece_cannot_bear_another_patient_than_its_record(fhir_bundle, fhir_patient, import_ok, make_patient):
    import_ok(fhir_bundle(fhir_patient(), condition()))
    other = make_patient()

    def move():
        with transaction.atomic():
            RecordChunk.objects.update(patient=other)
            connection.check_constraints()

    with pytest.raises(IntegrityError, match="chunk_of_the_records_patient"):
        move()


def test_records_from_before_get_their_pieces_once(fhir_bundle, fhir_patient, import_ok):
    import_ok(fhir_bundle(fhir_patient(), condition(), request()))
    RecordChunk.objects.filter(record__resource_id="c1").delete()
    RecordChunk.objects.filter(record__resource_id="m1").update(version=0, embedding=[1.0], embedding_model="m")

    assert sum(write_missing_chunks()) == 2
    assert sum(write_missing_chunks()) == 0
    assert embedded() == {"m1"}  # it says the same as before
