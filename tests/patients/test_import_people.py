"""Whom an import takes for whom: identifiers, FHIR ids, and never a guess."""

from datetime import date

import pytest

from patients.importer import import_path
from patients.models import Patient, PatientIdentifier, Practitioner

pytestmark = pytest.mark.django_db

HL7 = "http://terminology.hl7.org/CodeSystem/v2-0203"
SSN = "http://hl7.org/fhir/sid/us-ssn"


def document(code, value, system=None):
    item = {"type": {"coding": [{"system": HL7, "code": code}]}, "value": value}
    return {**item, "system": system} if system else item


def reasons(summary):
    return [refusal.reason for refusal in summary.quarantined]


@pytest.mark.parametrize(
    ("identifier", "stored"),
    [
        (document("SS", "999-12-3456", "urn:x"), (9, "", "999123456")),
        (document("SB", "G-1"), (9, "", "G1")),
        ({"system": SSN, "value": "999-12-3456"}, (9, "", "999123456")),
        (document("CC", "30.995.750"), (1, "", "30995750")),
        ({"type": {"coding": [{"code": "CC"}]}, "value": "30 995 750"}, (1, "", "30995750")),
        ({"type": {"text": "Cédula de ciudadanía"}, "value": 30995750}, (1, "", "30995750")),
        (document("PPN", "x-53a"), (5, "", "X53A")),
        (document("MR", "77", "http://hospital.example"), (10, "http://hospital.example", "77")),
        (document("MR", "77"), (10, "", "77")),
        (document("PA", "77", "urn:z"), (None, "urn:z", "77")),
        ({"type": {"coding": [{"system": "urn:minsalud", "code": "PA"}]}, "value": "77"}, (5, "", "77")),
        (document("DL", "S999", "urn:oid:2.16"), (None, "urn:oid:2.16", "S999")),
        ({"value": "777"}, (None, "", "777")),
        ({"system": "urn:y", "value": "z" * 400}, (None, "urn:y", None)),
    ],
)
def test_every_identifier_is_kept_by_its_type(fhir_file, fhir_patient, import_ok, identifier, stored):
    path = fhir_file(fhir_patient(identifier=[identifier, identifier]))
    import_ok(path)
    row = PatientIdentifier.objects.get()
    assert (row.document_type_id, row.scope, row.normalized) == (*stored[:2], stored[2] or row.normalized)
    assert import_ok(path).changed == 0
    assert PatientIdentifier.objects.count() == 1


@pytest.mark.parametrize("identifier", [None, [], {}, "123", [5], {"value": None}, {"value": "---"}, {"system": "x"}])
def test_identifiers_without_a_number_are_none(fhir_file, fhir_patient, import_ok, identifier):
    import_ok(fhir_file(fhir_patient(identifier=identifier)))
    assert PatientIdentifier.objects.count() == 0


def test_the_primary_identifier_is_the_first_of_the_table(fhir_file, fhir_patient, import_ok):
    import_ok(
        fhir_file(fhir_patient(identifier=[document("MR", "1", "urn:h"), document("SS", "2"), document("CC", "3")]))
    )
    assert [row.document_type.code for row in Patient.objects.get().identifiers.all()] == ["CC", "SS", "MR"]


def test_any_identifier_finds_the_patient_and_none_is_taken_away(fhir_file, fhir_patient, import_ok):
    import_ok(fhir_file(fhir_patient(identifier=[document("SS", "1"), document("CC", "2")])))
    changed = fhir_patient(id="other", gender="female", identifier=[document("CC", "2."), document("PPN", "3")])
    assert import_ok(fhir_file(changed)).types["Patient"].updated == 1
    patient = Patient.objects.get()
    assert patient.gender == "female"
    assert patient.identifiers.count() == 3


def test_a_patient_is_found_by_fhir_id_when_there_is_no_identifier(fhir_file, fhir_patient, import_ok):
    import_ok(fhir_file(fhir_patient()))
    assert import_ok(fhir_file(fhir_patient(gender="female"))).types["Patient"].updated == 1
    assert Patient.objects.count() == 1


def test_what_is_known_is_not_blanked(fhir_file, fhir_patient, import_ok):
    known = {"telecom": [{"system": "phone", "value": "300"}], "gender": "female"}
    import_ok(fhir_file(fhir_patient(**known)))
    import_ok(fhir_file(fhir_patient(active=True)))
    patient = Patient.objects.get()
    assert (patient.phone, patient.gender) == ("300", "female")


def test_an_identifier_of_two_stored_patients_is_a_conflict(fhir_bundle, fhir_file, fhir_patient, import_ok):
    import_ok(fhir_file(fhir_patient(id="a", identifier=[document("CC", "1")])))
    import_ok(
        fhir_file(fhir_patient(id="b", name="Eva Díaz", birthDate="1980-01-01", identifier=[document("CC", "2")]))
    )
    both = fhir_patient(id="c", identifier=[document("CC", "1"), document("CC", "2")])
    about = {"resourceType": "Condition", "id": "c1", "subject": {"reference": "Patient/c"}}
    unsaid = {"resourceType": "Condition", "id": "c2"}
    first, second = Patient.objects.order_by("pk").values_list("pk", flat=True)
    assert reasons(import_path([fhir_bundle(both, about, unsaid)])) == [
        (
            f"It fits several stored patients by its identifiers and ids (#{first}, #{second});"
            " they are not merged by an import."
        ),
        "The patient it is about was quarantined.",
        "The patient of its bundle was quarantined.",
    ]
    assert Patient.objects.count() == 2


def test_a_shared_document_number_does_not_merge_two_people(fhir_bundle, fhir_patient):
    ana = fhir_patient(identifier=[document("SS", "1")])
    eva = fhir_patient(id="eva", name="Eva Díaz", birthDate="1980-01-01", identifier=[document("SS", "1")])
    summary = import_path([fhir_bundle(ana, eva)])
    pk = Patient.objects.get().pk
    assert reasons(summary) == [f"It bears an identifier of stored patient #{pk}, who has another name and birth date."]


def test_record_numbers_of_two_hospitals_are_two_patients(fhir_bundle, fhir_patient, import_ok):
    ana = fhir_patient(identifier=[document("MR", "1", "urn:one")])
    eva = fhir_patient(id="eva", name="Eva Díaz", birthDate="1980-01-01", identifier=[document("MR", "1", "urn:two")])
    import_ok(fhir_bundle(ana, eva))
    assert Patient.objects.count() == 2


def test_numbers_without_an_issuer_do_not_merge_two_people(fhir_bundle, fhir_patient, import_ok):
    ana = fhir_patient(identifier=[{"value": "1"}])
    eva = fhir_patient(id="eva", name="Eva Díaz", birthDate="1980-01-01", identifier=[{"value": "1"}])
    path = fhir_bundle(ana, eva)
    import_ok(path)
    assert Patient.objects.count() == PatientIdentifier.objects.count() == 2
    assert import_ok(path).changed == 0
    assert PatientIdentifier.objects.count() == 2


def test_one_fhir_id_on_two_servers_is_two_patients(fhir_bundle, fhir_patient, import_ok):
    eva = fhir_patient(name="Eva Díaz", birthDate="1980-01-01")
    about = {"resourceType": "Condition", "id": "c", "subject": {"reference": "Patient/ana"}}
    one = fhir_bundle(("http://one.example/Patient/ana", fhir_patient()), ("http://one.example/Condition/c", about))
    import_ok(one)
    two = fhir_bundle(
        ("http://two.example/Patient/ana", eva), ("http://two.example/Condition/c", about), name="two.json"
    )
    import_ok(two)
    assert [(p.full_name, p.records.count()) for p in Patient.objects.order_by("full_name")] == [
        ("Ana Rojas", 1),
        ("Eva Díaz", 1),
    ]
    assert import_ok(one, two).changed == 0


def test_two_patients_in_a_bundle_each_get_their_own(fhir_bundle, fhir_patient):
    eva = fhir_patient(id="eva", name="Eva Díaz", birthDate="1980-01-01")
    about = [
        {"resourceType": "Condition", "id": "c1", "subject": {"reference": "Patient/ana"}},
        {"resourceType": "Condition", "id": "c2", "subject": {"reference": "Patient/eva"}},
        {"resourceType": "Condition", "id": "c3"},
        {"resourceType": "Organization", "id": "o"},
        {"resourceType": "Account", "id": "a", "subject": [{"reference": "Patient/ana"}, {"reference": "Patient/eva"}]},
    ]
    summary = import_path([fhir_bundle(fhir_patient(), eva, *about)])
    assert reasons(summary) == [
        "It names no patient, and its bundle holds several: whose it is cannot be told.",
        "It names 2 patients; a record belongs to one.",
    ]
    assert {p.full_name: [r.resource_id for r in p.records.all()] for p in Patient.objects.all()} == {
        "Ana Rojas": ["c1"],
        "Eva Díaz": ["c2"],
    }


def test_no_patient_in_a_bundle(fhir_bundle):
    resources = [
        {"resourceType": "Observation", "id": "1", "subject": {"display": "Somebody"}},
        {"resourceType": "Observation", "id": "2", "subject": {"reference": "Patient/nobody"}},
        {"resourceType": "Observation", "id": "3"},
        {"resourceType": "Observation", "id": "4", "subject": {"reference": "Location/1"}},
        {"resourceType": "Observation", "id": "5", "subject": {"identifier": {"value": "1"}}},
        {"resourceType": "Medication", "id": "6"},
    ]
    summary = import_path([fhir_bundle(*resources)])
    assert {refusal.id: refusal.reason for refusal in summary.quarantined} == {
        "1": "It names its patient in words only, with neither a reference nor an identifier.",
        "2": "It is about Patient/nobody, which is neither in its file nor stored.",
        "3": "It names no patient, and there is none in its bundle or on its line.",
        "5": "Its patient is named by an identifier that no stored patient has.",
    }
    assert summary.total.created == 2


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"name": "Ana Rojas"}, {"full_name": "Ana Rojas"}),
        ({"name": [{"text": "Ana R."}]}, {"full_name": "Ana R."}),
        ({"name": None}, {"full_name": ""}),
        ({"name": [5, {"given": "Ana", "family": ["Rojas", "Paz"]}]}, {"full_name": "Ana Rojas Paz"}),
        (
            {"name": [{"use": "old", "family": "X"}, {"use": "official", "family": "Rojas", "given": ["A", "B"]}]},
            {"full_name": "A B Rojas", "given_name": "A B", "family_name": "Rojas"},
        ),
        ({"birthDate": "1990"}, {"birth_date": None, "birth_date_text": "1990"}),
        ({"birthDate": "1990-05"}, {"birth_date": None, "birth_date_text": "1990-05"}),
        ({"birthDate": "1990-13-45"}, {"birth_date": None, "birth_date_text": "1990-13-45"}),
        ({"birthDate": 1990}, {"birth_date": None, "birth_date_text": "1990"}),
        ({"birthDate": "1990-05-14T10:00:00Z"}, {"birth_date": date(1990, 5, 14), "birth_date_text": ""}),
        ({"birthDate": None, "_birthDate": {"extension": [{"url": "u"}]}}, {"birth_date": None}),
        ({"gender": "FEMALE"}, {"gender": "female"}),
        ({"gender": "f"}, {"gender": "unknown"}),
        ({"deceasedBoolean": False}, {"deceased": False}),
        ({"deceasedDateTime": "2020"}, {"deceased": True}),
        (
            {"telecom": [{"system": "email", "value": "mailto:a@b.co"}, {"value": "300"}]},
            {"email": "a@b.co", "phone": "300"},
        ),
        ({"telecom": [{"system": "email", "value": "none"}, "x"]}, {"email": "", "phone": ""}),
        (
            {
                "communication": [
                    {"language": {"coding": [{"code": "en"}]}},
                    {"preferred": True, "language": {"coding": [{"code": "es-CO"}]}},
                ]
            },
            {"language": "es-CO"},
        ),
    ],
)
def test_columns_of_a_patient(fhir_file, fhir_patient, import_ok, changes, expected):
    import_ok(fhir_file(fhir_patient(**changes)))
    patient = Patient.objects.get()
    assert {name: getattr(patient, name) for name in expected} == expected


def test_practitioners_are_kept_and_not_offered(fhir_bundle, import_ok):
    npi = {"system": "http://hl7.org/fhir/sid/us-npi", "value": "9"}
    one = {"resourceType": "Practitioner", "id": "p", "name": [{"family": "Gil"}], "identifier": [npi]}
    bare = {"resourceType": "Practitioner", "id": "q", "name": [{"family": "Paz"}], "identifier": [{"value": "9"}]}
    path = fhir_bundle(one, bare)
    import_ok(path)
    Practitioner.objects.filter(full_name="Gil").update(active=True)
    assert import_ok(path).changed == 0
    assert import_ok(fhir_bundle({**one, "name": "Gil Mora"})).types["Practitioner"].updated == 1
    assert list(Practitioner.objects.values_list("full_name", "active")) == [("Gil Mora", True), ("Paz", False)]
