"""What `import_fhir` reads: every container, and every way in which a file can be broken."""

import gzip
import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from patients.importer import BadInputError, import_path
from patients.models import ClinicalRecord, Patient, QuarantinedResource, SharedResource

pytestmark = pytest.mark.django_db

CONDITION = {"resourceType": "Condition", "id": "c1", "code": {"text": "Asma"}, "subject": {"reference": "Patient/ana"}}


def reasons(summary):
    return [(refusal.index, refusal.entry, refusal.type, refusal.reason) for refusal in summary.quarantined]


@pytest.mark.parametrize("kind", ["transaction", "batch", "document", "collection", "searchset"])
@pytest.mark.parametrize("suffix", [".json", ".json.gz"])
def test_bundles_of_every_type(fhir_bundle, fhir_patient, import_ok, kind, suffix):
    summary = import_ok(fhir_bundle(fhir_patient(), CONDITION, name=f"b{suffix}", type=kind))
    assert summary.as_dict()["types"] == {
        "Condition": {"read": 1, "created": 1, "updated": 0, "unchanged": 0, "skipped": 0, "quarantined": 0},
        "Patient": {"read": 1, "created": 1, "updated": 0, "unchanged": 0, "skipped": 0, "quarantined": 0},
    }
    assert ClinicalRecord.objects.get().patient.full_name == "Ana Rojas"


@pytest.mark.parametrize("suffix", [".ndjson", ".ndjson.gz"])
def test_lines_in_files_by_type_wherever_the_patient_comes(fhir_file, fhir_patient, import_ok, tmp_path, suffix):
    fhir_file(json.dumps(CONDITION) + "\n\n", f"export/Condition{suffix}")
    fhir_file(json.dumps(fhir_patient()) + "\n", f"export/Patient{suffix}")
    assert import_ok(tmp_path / "export").total.created == 2
    assert import_ok(tmp_path / "export").changed == 0


def test_a_patient_at_the_end_of_a_mixed_file(fhir_file, fhir_patient, import_ok):
    lines = [json.dumps(CONDITION)] * 1 + [json.dumps(fhir_patient())]
    assert import_ok(fhir_file("\n".join(lines), "mixed.ndjson")).total.created == 2


def test_a_patient_in_a_later_file_of_the_same_run(fhir_bundle, fhir_patient, import_ok, tmp_path):
    fhir_bundle(CONDITION, name="in/a.json")
    fhir_bundle(fhir_patient(), name="in/b.json")
    assert import_ok(tmp_path / "in").total.created == 2
    assert QuarantinedResource.objects.count() == 0


def test_a_patient_of_an_earlier_run(fhir_file, fhir_patient, import_ok):
    import_ok(fhir_file(fhir_patient(), "patient.json"))
    import_ok(fhir_file(CONDITION, "condition.json"))
    assert ClinicalRecord.objects.get().patient == Patient.objects.get()


def test_bundles_on_lines_and_within_bundles(fhir_file, fhir_patient, import_ok):
    inner = {
        "resourceType": "Bundle",
        "type": "searchset",
        "entry": [{"resource": fhir_patient()}, {"resource": CONDITION}],
    }
    outer = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": inner}]}
    assert import_ok(fhir_file(json.dumps(inner), "lines.ndjson")).total.read == 2
    assert import_ok(fhir_file(outer, "outer.json")).total.unchanged == 2


def test_a_bad_entry_of_a_bundle_on_a_line_is_named_by_both_numbers(fhir_file, fhir_patient):
    inner = {"resourceType": "Bundle", "entry": [{"resource": fhir_patient()}, {"resource": 5}]}
    summary = import_path([fhir_file("\n" + json.dumps(inner), "lines.ndjson")])
    assert reasons(summary) == [(1, 1, "(unknown)", "The resource is a number, not an object.")]


@pytest.mark.parametrize(
    ("content", "name", "reason"),
    [
        (b"", "a.json", "The file is empty."),
        (b" \n", "a.json", "The file is empty."),
        (b"", "a.ndjson", "The file is empty."),
        (b"[1, 2]", "a.json", "The file holds a list; a Bundle or a resource (a JSON object) is expected."),
        (b'"x"', "a.json", "The file holds a string; a Bundle or a resource (a JSON object) is expected."),
        (b"{}", "a.json", "The JSON object has no resourceType: it is neither a Bundle nor a resource."),
        (b'{"resourceType": "Bundle", "entry": 5}', "a.json", "The bundle's entry is a number, not a list."),
        (
            b'{"resourceType": "Bundle", "entry": [',
            "a.json",
            "The JSON is broken: Expecting value: line 1 column 38 (char 37).",
        ),
        ('{"resourceType": "Patient", "id": "ñ"}'.encode("latin-1"), "a.json", "The file is not UTF-8 (near byte 35)."),
        (b'{"a":' * 100_000, "a.json", "The JSON is nested too deeply."),
        (b"\x1f\x8b\x08\x00rubbish", "a.json", None),
    ],
)
def test_files_that_cannot_be_read_are_refused_whole(tmp_path, content, name, reason):
    (tmp_path / name).write_bytes(content)
    summary = import_path([tmp_path / name])
    assert len(summary.quarantined) == 1
    refusal = summary.quarantined[0]
    assert (refusal.index, refusal.file, refusal.reason) == (None, str(tmp_path / name), reason or refusal.reason)
    assert summary.total.read == 0
    assert QuarantinedResource.objects.get().reason == refusal.reason


def test_truncated_gzip(fhir_bundle, fhir_patient, tmp_path):
    whole = fhir_bundle(fhir_patient(), CONDITION, name="a.json.gz").read_bytes()
    (tmp_path / "a.json.gz").write_bytes(whole[:-20])
    summary = import_path([tmp_path / "a.json.gz"])
    assert [refusal.reason for refusal in summary.quarantined] == [
        "The gzip data is truncated or damaged: Compressed file ended before the end-of-stream marker was reached."
    ]
    assert Patient.objects.count() == 0


def test_truncated_gzip_of_lines_keeps_the_whole_lines(fhir_patient, tmp_path):
    lines = "\n".join(json.dumps(fhir_patient(id=f"p{n}", name=f"Persona {n * 7919}")) for n in range(2000))
    (tmp_path / "a.ndjson.gz").write_bytes(gzip.compress(lines.encode())[:-2000])
    summary = import_path([tmp_path / "a.ndjson.gz"])
    assert [refusal.index for refusal in summary.quarantined] == [None]
    assert "truncated or damaged after line" in summary.quarantined[0].reason
    assert Patient.objects.count() == summary.types["Patient"].created > 100


def test_one_bad_line_is_refused_alone(fhir_file, fhir_patient):
    lines = [json.dumps(fhir_patient()), '{"resourceType": "Condition", ', json.dumps(CONDITION)]
    data = "\n".join(lines).encode() + b'\n{"resourceType": "Condition", "id": "\xf1"}\n'
    summary = import_path([fhir_file(data, "a.ndjson")])
    assert [(refusal.index, refusal.reason) for refusal in summary.quarantined] == [
        (1, "The JSON is broken: Expecting property name enclosed in double quotes: line 1 column 30 (char 29)."),
        (3, "The text is not UTF-8 (byte 37)."),
    ]
    assert summary.total.created == 2
    assert QuarantinedResource.objects.get(index=1).resource == '{"resourceType": "Condition",'


@pytest.mark.parametrize(
    ("entry", "kind", "reason"),
    [
        (5, "(unknown)", "The entry is a number, not an object."),
        (None, "(unknown)", "The entry is null, not an object."),
        ({}, "(entry without resource)", "The entry holds no resource."),
        ({"resource": []}, "(unknown)", "The resource is a list, not an object."),
        ({"resource": {"id": "x"}}, "(unknown)", "The resource has no resourceType."),
        ({"resource": {"resourceType": 5}}, "(unknown)", "The resourceType is a number, not a string."),
        ({"resource": {"resourceType": "Persona"}}, "Persona", "FHIR has no resource type “Persona”."),
        ({"resource": {**CONDITION, "id": {}}}, "Condition", "The resource's id is an object, not a string."),
        (
            {"request": {"method": "DELETE", "url": "Condition/c1"}},
            "(entry without resource)",
            "The entry asks for a deletion, which an import does not do.",
        ),
        (
            {"resource": CONDITION, "request": {"method": "PATCH"}},
            "Condition",
            "The entry asks for PATCH, which an import does not do.",
        ),
    ],
)
def test_a_bad_entry_is_refused_alone(fhir_file, fhir_patient, entry, kind, reason):
    good = [{"resource": fhir_patient()}, entry, {"resource": {**CONDITION, "id": "c2"}}]
    path = fhir_file({"resourceType": "Bundle", "type": "batch", "entry": good})
    for _ in range(2):
        summary = import_path([path])
        assert reasons(summary) == [(1, None, kind, reason)]
    assert summary.changed == 0
    row = QuarantinedResource.objects.get()
    assert (row.file, row.index, row.resource_type, row.reason) == (str(path), 1, kind, reason)
    assert ClinicalRecord.objects.get().resource_id == "c2"


def test_a_resource_nested_too_deeply_is_refused_alone(fhir_bundle, fhir_patient):
    deep = {}
    for _ in range(150):
        deep = {"extension": [deep]}
    summary = import_path([fhir_bundle(fhir_patient(), {**CONDITION, **deep}, {**CONDITION, "id": "c2"})])
    assert reasons(summary) == [(1, None, "Condition", "The JSON is nested too deeply.")]
    assert ClinicalRecord.objects.get().resource_id == "c2"


def test_importing_well_what_was_refused_empties_the_quarantine(fhir_bundle, fhir_patient, import_ok):
    import_path([fhir_bundle(fhir_patient(), {"resourceType": "Persona"})])
    assert QuarantinedResource.objects.count() == 1
    import_ok(fhir_bundle(fhir_patient(), CONDITION))
    assert QuarantinedResource.objects.count() == 0


def test_answers_without_a_resource_are_counted_as_skipped(fhir_file, import_ok):
    entries = [{"response": {"status": "201 Created"}}, {"request": {"method": "GET", "url": "Patient"}}]
    summary = import_ok(fhir_file({"resourceType": "Bundle", "type": "transaction-response", "entry": entries}))
    assert summary.types["(entry without resource)"].skipped == 2


def test_a_bundle_without_entries_is_no_mistake(fhir_file, import_ok):
    assert import_ok(fhir_file({"resourceType": "Bundle", "type": "searchset"})).total.read == 0


def test_billing_and_provenance_are_skipped_by_design_and_nothing_else(fhir_bundle, fhir_patient, import_ok):
    kinds = ["Claim", "ExplanationOfBenefit", "Provenance"]
    others = ["MessageHeader", "OperationOutcome", "Parameters", "Binary", "Organization", "Location", "Medication"]
    resources = [{"resourceType": kind, "id": "x"} for kind in kinds + others]
    summary = import_ok(fhir_bundle(fhir_patient(), *resources))
    assert {
        kind: summary.types[kind].skipped for kind in summary.types if summary.types[kind].skipped
    } == dict.fromkeys(kinds, 1)
    assert sorted(SharedResource.objects.values_list("resource_type", flat=True)) == sorted(others)


def test_what_postgresql_cannot_hold_is_cleaned(fhir_file, import_ok):
    resource = (
        r'{"resourceType": "Patient", "id": "n", "name": [{"text": "An\u0000a \ud83d \ud83d\ude00"}],'
        r' "birthDate": "1990-05-14", "note": NaN, "far": 1e999, "tab": "a' + "\t" + r'b"}'
    )
    import_ok(fhir_file(resource))
    patient = Patient.objects.get()
    assert patient.full_name == "Ana ? \N{GRINNING FACE}"
    assert patient.resource["note"] == "NaN"
    assert patient.resource["far"] == "inf"


def test_over_long_strings_are_cut_in_columns_and_whole_in_the_json(fhir_bundle, fhir_patient, import_ok):
    words = "ñ" * 5000
    patient = fhir_patient(
        name=words, identifier=[{"system": words, "value": words}], telecom=[{"system": "phone", "value": words}]
    )
    condition = {**CONDITION, "id": "c" * 500, "code": {"text": words, "coding": [{"system": words, "code": words}]}}
    path = fhir_bundle(patient, condition)
    import_ok(path)
    assert import_ok(path).changed == 0
    record = ClinicalRecord.objects.get()
    assert (len(record.display), len(record.code), record.resource["code"]["text"]) == (500, 120, words)
    assert len(record.patient.full_name) == 300


def test_the_same_resource_twice_in_a_bundle(fhir_bundle, fhir_patient, import_ok):
    path = fhir_bundle(fhir_patient(), CONDITION, CONDITION, {**CONDITION, "code": {"text": "Asma leve"}})
    first = import_ok(path).types["Condition"]
    assert (first.created, first.unchanged, first.updated) == (1, 1, 1)
    assert ClinicalRecord.objects.get().display == "Asma leve"
    assert import_ok(path).changed == 0
    assert ClinicalRecord.objects.get().display == "Asma leve"


def test_two_files_that_disagree_change_nothing_the_second_time(fhir_bundle, fhir_patient, import_ok, tmp_path):
    fhir_bundle(
        {"resourceType": "Organization", "id": "o", "name": "Uno"}, fhir_patient(gender="other"), name="in/1.json"
    )
    fhir_bundle(
        {"resourceType": "Organization", "id": "o", "name": "Dos"}, fhir_patient(gender="female"), name="in/2.json"
    )
    assert import_ok(tmp_path / "in").total.updated == 2
    assert import_ok(tmp_path / "in").changed == 0
    assert (SharedResource.objects.get().display, Patient.objects.get().gender) == ("Dos", "female")


def test_an_older_version_imported_last_stands(fhir_bundle, fhir_patient, import_ok):
    one = fhir_bundle(fhir_patient(gender="other"), CONDITION, name="1.json")
    two = fhir_bundle(fhir_patient(gender="female"), {**CONDITION, "code": {"text": "Gripe"}}, name="2.json")
    import_ok(one)
    import_ok(two)
    assert import_ok(one).total.updated == 2
    assert (Patient.objects.get().gender, ClinicalRecord.objects.get().display) == ("other", "Asma")
    assert import_ok(one).changed == 0


def test_resources_without_an_id_keep_one(fhir_bundle, fhir_patient, import_ok):
    by_url = {key: value for key, value in CONDITION.items() if key != "id"}
    path = fhir_bundle(
        fhir_patient(), ("urn:uuid:2b90dd2b-2dab-4c75-9bb9-a355e07401e8", by_url), {**by_url, "note": "x"}
    )
    import_ok(path)
    assert import_ok(path).changed == 0
    assert ClinicalRecord.objects.filter(resource_id="2b90dd2b-2dab-4c75-9bb9-a355e07401e8").exists()
    assert ClinicalRecord.objects.filter(resource_id__startswith="sha256-").count() == 1


def test_folders_name_what_they_do_not_take(fhir_file, fhir_patient, tmp_path, import_ok):
    fhir_file(fhir_patient(), "in/deep/patient.json")
    fhir_file("x", "in/notes.txt")
    assert import_ok(tmp_path / "in").ignored == [str(tmp_path / "in" / "notes.txt")]


def test_paths_that_are_not_there_stop_everything(fhir_file, fhir_patient, tmp_path):
    with pytest.raises(BadInputError, match="There is no file or folder"):
        import_path([fhir_file(fhir_patient()), tmp_path / "nowhere"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(CommandError, match="There is no"):
        call_command("import_fhir", str(tmp_path / "empty"))
    assert Patient.objects.count() == 0


def test_the_command_prints_a_summary_for_people_and_for_machines(fhir_bundle, fhir_patient):
    path = fhir_bundle(fhir_patient(), CONDITION, name="good.json")
    out = StringIO()
    call_command("import_fhir", str(path), stdout=out)
    assert "Condition           1           1" in out.getvalue()
    out = StringIO()
    call_command("import_fhir", str(path), "--json", stdout=out)
    summary = json.loads(out.getvalue())
    assert summary.pop("seconds") >= 0
    zero = {"read": 1, "created": 0, "updated": 0, "unchanged": 1, "skipped": 0, "quarantined": 0}
    assert summary == {
        "files": 1,
        "ignored_files": [],
        "types": {"Condition": zero, "Patient": zero},
        "total": {"read": 2, "created": 0, "updated": 0, "unchanged": 2, "skipped": 0, "quarantined": 0},
        "quarantined": [],
    }


def test_the_command_fails_when_something_was_quarantined(fhir_bundle, fhir_patient):
    path = fhir_bundle(fhir_patient(), {"resourceType": "Persona", "id": "p"}, name="bad.json")
    out = StringIO()
    with pytest.raises(CommandError, match="1 quarantined") as caught:
        call_command("import_fhir", str(path), "--json", stdout=out)
    assert caught.value.returncode == 1
    assert json.loads(out.getvalue())["quarantined"] == [
        {
            "file": str(path),
            "index": 1,
            "entry": None,
            "type": "Persona",
            "id": "p",
            "reason": "FHIR has no resource type “Persona”.",
        }
    ]
    out = StringIO()
    with pytest.raises(CommandError):
        call_command("import_fhir", str(path), stdout=out)
    assert f"quarantined {path}#1 Persona/p: FHIR has no resource type" in out.getvalue()
