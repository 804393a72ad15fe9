"""How a resource may name its patient and its medicine."""

import json

import pytest

from patients.importer import import_path
from patients.models import ClinicalRecord, Patient, SharedResource

pytestmark = pytest.mark.django_db

UUID = "2b90dd2b-2dab-4c75-9bb9-a355e07401e8"
SSN = "http://hl7.org/fhir/sid/us-ssn"


@pytest.fixture
def ana(fhir_patient):
    return fhir_patient(id=UUID, identifier=[{"system": SSN, "value": "999-12-3456"}])


@pytest.mark.parametrize(
    "subject",
    [
        {"reference": f"urn:uuid:{UUID}"},
        {"reference": f"urn:uuid:{UUID.upper()}"},
        {"reference": f"Patient/{UUID}"},
        {"reference": f"Patient/{UUID}/_history/3"},
        {"reference": f"https://one.example/fhir/Patient/{UUID}"},
        {"reference": f"Patient?identifier={SSN}|999-12-3456"},
        {"reference": "Patient?identifier=http%3A%2F%2Fhl7.org%2Ffhir%2Fsid%2Fus-ssn%7C999123456"},
        {"reference": f"Patient?_id={UUID}"},
        {"identifier": {"system": SSN, "value": "999 12 3456"}},
        {"type": "Patient", "identifier": {"type": {"coding": [{"code": "SS"}]}, "value": "999123456"}},
        {"identifier": {"value": "999123456"}},
    ],
)
@pytest.mark.parametrize("together", [True, False])
def test_every_form_of_reference(fhir_bundle, import_ok, ana, subject, together):
    patient = (f"urn:uuid:{UUID}", ana)
    condition = {"resourceType": "Condition", "id": "c", "subject": subject}
    eva = {**ana, "id": "eva", "name": "Eva", "birthDate": "1980-01-01", "identifier": []}
    if together:
        import_ok(fhir_bundle(condition, patient, eva))
    else:
        import_ok(fhir_bundle(patient, eva))
        import_ok(fhir_bundle(condition, name="later.json"))
    assert ClinicalRecord.objects.get().patient.full_name == "Ana Rojas"


@pytest.mark.parametrize("field", ["subject", "patient", "beneficiary", "for", "individual"])
def test_every_field_that_names_a_patient(fhir_bundle, import_ok, ana, fhir_patient, field):
    resource = {"resourceType": "Task", "id": "t", field: {"reference": f"Patient/{UUID}"}}
    import_ok(fhir_bundle(ana, fhir_patient(id="x", name="Eva", birthDate="1980-01-01"), resource))
    assert ClinicalRecord.objects.get().patient.full_name == "Ana Rojas"


def test_an_appointment_is_its_patients(fhir_bundle, import_ok, ana, fhir_patient):
    people = [{"reference": "Practitioner/p"}, {"reference": "urn:uuid:unknown"}, {"reference": f"Patient/{UUID}"}]
    resource = {"resourceType": "Appointment", "id": "a", "participant": [{"actor": who} for who in people]}
    import_ok(fhir_bundle(ana, fhir_patient(id="x", name="Eva", birthDate="1980-01-01"), resource))
    assert ClinicalRecord.objects.get().patient.full_name == "Ana Rojas"


def test_a_resource_about_a_patient_that_names_none_is_the_only_patients(fhir_bundle, import_ok, ana):
    import_ok(fhir_bundle(ana, {"resourceType": "Coverage", "id": "c"}, {"resourceType": "Device", "id": "d"}))
    assert ClinicalRecord.objects.get().resource_type == "Coverage"
    assert SharedResource.objects.get().resource_type == "Device"


@pytest.mark.parametrize(
    ("subject", "reason"),
    [
        ({"reference": "Patient/other"}, "It is about Patient/other, which is neither in its file nor stored."),
        ({"reference": "urn:uuid:other"}, "It is about urn:uuid:other, which is neither in its file nor stored."),
        ({"reference": "Patient?name=ana"}, "It is about Patient?name=ana, which is neither in its file nor stored."),
        ({"reference": "#p"}, "It refers to #p, which it does not contain."),
        ({"identifier": {"value": "5"}}, "Its patient is named by an identifier that no stored patient has."),
    ],
)
def test_a_reference_to_somebody_else_is_never_the_only_patient(fhir_bundle, ana, subject, reason):
    summary = import_path([fhir_bundle(ana, {"resourceType": "Condition", "id": "c", "subject": subject})])
    assert [refusal.reason for refusal in summary.quarantined] == [reason]
    assert ClinicalRecord.objects.count() == 0


def test_contained_patients(fhir_file, import_ok, ana):
    import_ok(fhir_file(ana))
    known = {"resourceType": "Patient", "id": "p", "identifier": ana["identifier"]}
    new = {"resourceType": "Patient", "id": "p", "name": [{"text": "Eva Díaz"}], "birthDate": "1980-01-01"}
    lines = [
        {"resourceType": "Condition", "id": f"c{n}", "contained": [who], "subject": {"reference": "#p"}}
        for n, who in enumerate([known, new, new])
    ]
    path = fhir_file("\n".join(map(json.dumps, lines)), "a.ndjson")
    summary = import_ok(path)
    assert summary.types["Patient (contained)"].created == 1
    assert {p.full_name: p.records.count() for p in Patient.objects.all()} == {"Ana Rojas": 1, "Eva Díaz": 2}
    assert import_ok(path).changed == 0


@pytest.mark.parametrize(
    "medicine",
    [
        {
            "medicationReference": {"reference": "#m"},
            "contained": [{"resourceType": "Medication", "id": "m", "code": {"text": "Ibuprofeno"}}],
        },
        {"medicationReference": {"reference": "Medication/m1", "display": "ignored"}},
        {"medicationReference": {"reference": "urn:uuid:m1"}},
        {"medicationReference": {"display": "Ibuprofeno"}},
        {"medicationReference": {"reference": "Medication/elsewhere", "display": "Ibuprofeno"}},
        {"medicationCodeableConcept": {"text": "Ibuprofeno"}},
        {"medication": {"concept": {"text": "Ibuprofeno"}}},
        {"medication": {"reference": {"reference": "Medication/m1"}}},
    ],
)
def test_a_medicine_is_named_wherever_it_is(fhir_bundle, import_ok, ana, medicine):
    catalogue = ("urn:uuid:m1", {"resourceType": "Medication", "id": "m1", "code": {"text": "Ibuprofeno"}})
    path = fhir_bundle({"resourceType": "MedicationRequest", "id": "r", **medicine}, catalogue, ana)
    import_ok(path)
    assert ClinicalRecord.objects.get().display == "Ibuprofeno"
    assert import_ok(path).changed == 0


def test_a_medicine_that_comes_later_in_the_run_still_gives_its_name(fhir_file, import_ok, ana):
    lines = [
        ana,
        {
            "resourceType": "MedicationRequest",
            "id": "r",
            "subject": {"reference": f"Patient/{UUID}"},
            "medicationReference": {"reference": "Medication/m"},
        },
    ]
    later = {"resourceType": "Medication", "id": "m", "code": {"text": "Ibuprofeno"}}
    one = fhir_file("\n".join(map(json.dumps, lines)), "a.ndjson")
    two = fhir_file({"resourceType": "Bundle", "entry": [{"resource": later}]}, "b.json")
    assert import_ok(one, two).total.read == 3
    assert ClinicalRecord.objects.get().display == "Ibuprofeno"
    assert import_ok(one, two).changed == 0
