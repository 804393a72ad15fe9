"""Imports at once take turns, and what waits for a later file does not stay in memory."""

import json
import tracemalloc

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from patients.fhir.files import Entry
from patients.importer import import_path
from patients.importing.waiting import IN_MEMORY, WaitingRoom
from patients.models import ClinicalRecord, QuarantinedResource

WRITES = ("INSERT", "UPDATE", "DELETE")


def transactions(captured):
    """The queries of each transaction; one outside of any stands alone."""
    inside = None
    for query in captured:
        sql = query["sql"]
        if sql == "BEGIN":
            inside = []
        elif sql in {"COMMIT", "ROLLBACK"}:
            yield inside
            inside = None
        elif inside is None:
            yield [sql]
        else:
            inside.append(sql)


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_whatever_an_import_writes_it_writes_in_its_turn(fhir_bundle, fhir_file, fhir_patient):
    ana = {"reference": "Patient/ana"}
    request = {
        "resourceType": "MedicationRequest",
        "id": "r",
        "subject": ana,
        "medicationReference": {"reference": "Medication/m"},
    }
    medicine = {"resourceType": "Medication", "id": "m", "code": {"text": "Ibuprofeno"}}
    paths = [
        fhir_file({"resourceType": "Condition", "id": "early", "subject": {"reference": "Patient/eva"}}, "a.json"),
        fhir_file({"resourceType": "Condition", "id": "lost", "subject": {"reference": "Patient/x"}}, "b.json"),
        fhir_file("\n".join(map(json.dumps, [fhir_patient(), request])), "c.ndjson"),
        fhir_bundle(fhir_patient(id="eva", name=[{"text": "Eva"}], birthDate="1980-01-01"), name="d.json"),
        fhir_bundle(medicine, name="e.json"),
        *(fhir_bundle({"resourceType": "Organization", "id": "o", "name": name}, name=f"{name}.json") for name in "fg"),
    ]
    import_path(paths)
    with CaptureQueriesContext(connection) as captured:
        import_path(paths)  # older versions come again, and settle at the end
    ClinicalRecord.objects.all().delete()
    with CaptureQueriesContext(connection) as again:
        import_path(paths)
    writing = [
        sqls
        for queries in (captured, again)
        for sqls in transactions(queries)
        if any(sql.startswith(WRITES) for sql in sqls)
    ]
    assert len(writing) > 4
    assert [sqls for sqls in writing if "pg_advisory_xact_lock" not in sqls[0]] == []
    assert sorted(ClinicalRecord.objects.values_list("resource_id", "display")) == [("early", ""), ("r", "Ibuprofeno")]
    assert [row.resource_id for row in QuarantinedResource.objects.all()] == ["lost"]


def test_who_waits_comes_back_in_order_and_whole():
    room = WaitingRoom()
    for n in range(6):
        room.add(Entry(file="f", index=n, raw=b"%d" % n * (n + 1)), bundle=n % 2 == 0, owner=n)
    for bundle, numbers in ((True, [0, 2, 4]), (False, [1, 3, 5]), (True, [0, 2, 4])):
        waiters = list(room.those(bundle=bundle))
        assert [(one.entry.index, one.owner) for one in waiters] == [(n, n) for n in numbers]
        assert [one.entry.raw for one in waiters] == [b"%d" % n * (n + 1) for n in numbers]
    room.close()


def test_what_waits_does_not_stay_in_memory():
    room, one = WaitingRoom(), b" " * 1_000_000
    tracemalloc.start()
    for n in range(150):
        room.add(Entry(file="f", index=n, raw=one), bundle=True)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 3 * IN_MEMORY
    assert sum(len(waiter.entry.raw) for waiter in room.those(bundle=True)) == 150_000_000
    room.close()
