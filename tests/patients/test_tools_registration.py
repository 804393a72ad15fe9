import pytest
from pydantic import ValidationError

from patients.models import AccessEvent, Consent, IdentityAttempt, Patient
from patients.tools import create_patient

pytestmark = pytest.mark.django_db
SAID = ("Soy Ana María Rojas, CC 1.020.304, nací el 3 de abril de 1985, ana@correo.example, tel. +57 300 555 0199",)


def call(context, **arguments):
    values = {
        "document_type": "CC",
        "document_number": "1020304",
        "full_name": "Ana María Rojas",
        "birth_date": "1985-04-03",
        **arguments,
    }
    return create_patient.run(create_patient.arguments.model_validate(values), context)


def test_a_registration_stores_the_person_their_document_and_their_consent(make_context):
    context = make_context(*SAID, consent="sí, acepto")
    result = call(context, phone="+57 300 555 0199", email="ana@correo.example")
    patient = Patient.objects.get()
    assert result.data == {"identified": True, "first_name": "Ana", "registered": True}
    assert (result.did, result.receipt) == ("registered", "You are registered, Ana María Rojas.")
    assert (result.identity.patient_id, result.identity.level) == (patient.pk, 1)
    assert (patient.full_name, patient.birth_date.isoformat()) == ("Ana María Rojas", "1985-04-03")
    assert (patient.phone, patient.email) == ("+57 300 555 0199", "ana@correo.example")
    assert [(str(one), one.normalized) for one in patient.identifiers.all()] == [("CC 1020304", "1020304")]
    consent = Consent.objects.get(patient=patient)
    assert (consent.words, consent.thread_id) == ("sí, acepto", context.thread_id)
    assert AccessEvent.objects.get().purpose == "registration"


def test_without_consent_nothing_is_stored(make_context):
    assert create_patient.needs_consent
    assert call(make_context(*SAID)).code == "CONSENT_REQUIRED"
    assert Patient.objects.count() == 0


@pytest.mark.parametrize(
    ("arguments", "missing"),
    [
        ({"full_name": "Ana Rojas Pérez"}, ["full_name"]),
        ({"document_number": "1020305"}, ["document_number"]),
        ({"birth_date": "1985-03-04"}, ["birth_date"]),
        ({"phone": "3001112233"}, ["phone"]),
        ({"email": "other@correo.example"}, ["email"]),
    ],
)
def test_only_what_the_person_wrote_is_stored(make_context, arguments, missing):
    result = call(make_context(*SAID, consent="sí"), **arguments)
    assert (result.code, result.data["missing"]) == ("IDENTITY_NOT_STATED", missing)
    assert Patient.objects.count() == 0


def test_somebody_registered_with_another_birth_date_is_refused_without_a_reason(make_context, make_patient):
    make_patient("1020304", code="CC", born="1970-01-01")
    result = call(make_context(*SAID, consent="sí"))
    assert (result.code, result.identity, result.did) == ("REGISTRATION_REFUSED", None, None)
    assert Patient.objects.count() == 1
    assert AccessEvent.objects.count() == 0


def test_somebody_registered_with_the_same_birth_date_has_identified_themselves(make_context, make_patient):
    patient = make_patient("1020304", code="CC", born="1985-04-03", given_name="", full_name="Ana Rojas")
    result = call(make_context(*SAID, consent="sí"))
    assert result.data == {"identified": True, "first_name": "Ana", "registered": False}
    assert (result.identity.patient_id, result.did, result.receipt) == (patient.pk, None, None)
    assert Patient.objects.count() == 1


def test_registrations_count_as_attempts_so_that_nobody_probes_documents(make_context):
    codes = [
        call(make_context(f"Ana María Rojas CC {number} 1985-04-03", consent="sí"), document_number=str(number)).code
        for number in range(5001, 5007)
    ]
    assert codes == [None] * 5 + ["IDENTITY_LOCKED"]
    assert {row.failures for row in IdentityAttempt.objects.filter(subject__startswith="actor:")} == {5}


def test_a_medical_record_number_is_not_the_persons_to_give(make_context):
    result = call(make_context(*SAID, consent="sí"), document_type="MR")
    assert result.code == "UNKNOWN_DOCUMENT_TYPE"
    assert result.data["document_types"] == ["CC", "CE", "TI", "RC", "PA", "PE", "PT", "CD", "SS"]


@pytest.mark.parametrize("born", ["2985-04-03", "1850-04-03"])
def test_an_impossible_birth_date(make_context, born):
    result = call(make_context(*SAID, f"1020304 {born}", consent="sí"), birth_date=born)
    assert result.code in {"UNLIKELY_BIRTH_DATE", "IDENTITY_NOT_STATED"}
    assert Patient.objects.count() == 0


@pytest.mark.parametrize(
    "arguments",
    [
        {"full_name": "A\x00na María"},
        {"full_name": ""},
        {"document_number": "1\x0020304"},
        {"email": "not an address"},
        {"birth_date": "3 de abril"},
        {"unknown": "field"},
    ],
)
def test_bad_arguments_never_reach_the_database(make_context, arguments):
    with pytest.raises(ValidationError):
        call(make_context(*SAID, consent="sí"), **arguments)


def test_blank_options_are_left_out(make_context):
    assert call(make_context(*SAID, consent="sí"), phone="", email="null").ok
