"""With no key: a patient identifies, finds, books and cancels over `/chat/update`, in Spanish and English."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import call_command

from patients.models import AccessEvent, Appointment, Consent, Patient
from tests.chat.conftest import Talk

SAMPLE = {"es": "CD 30995750, 14 de mayo de 1990", "en": "CD 30995750, May 14, 1990"}
WRONG = {"es": "CD 30995750, 15 de mayo de 1990", "en": "CD 30995750, May 15, 1990"}
NOBODY = {"es": "CD 30995751, 15 de mayo de 1990", "en": "CD 30995751, May 15, 1990"}


@pytest.fixture(autouse=True)
def clinic(database: None) -> Patient:
    """The demo clinic; its sample patient has nothing booked."""
    call_command("seed_demo", password="a-password", verbosity=0)
    patient = Patient.objects.get(identifiers__normalized="30995750")
    patient.appointments.all().delete()
    return patient


def tools(answer: dict[str, Any]) -> list[tuple[str, bool]]:
    return [(call["name"], call["ok"]) for call in answer["tool_calls"]]


@pytest.mark.parametrize(
    ("language", "wish", "choice", "yes"),
    [
        ("es", "Hola, quiero pedir una cita de medicina general", "la primera", "sí"),
        ("en", "Hello, I would like to book a general medicine appointment", "the first one", "yes"),
        ("es", "Necesito un turno con medicina general", "2", "Sí, por favor"),
        ("en", "I need to see a general practitioner", "number 3", "Yes please"),
    ],
)
def test_identify_find_propose_confirm(
    make_talk: Callable[..., Talk], clinic: Patient, language: str, wish: str, choice: str, yes: str
) -> None:
    talk = make_talk(language)

    greeting = talk.say(wish)
    known = talk.say(SAMPLE[language])
    held = talk.say(choice)
    pending = Appointment.objects.get(patient=clinic)
    booked = talk.say(yes)

    appointment = Appointment.objects.get(patient=clinic)
    assert "Anna" in greeting["content"]
    assert tools(known) == [("fetch_patient_info", True), ("find_slots", True)]
    assert "Laura" in known["content"]
    assert tools(held) == [("propose_appointment", True)]
    assert pending.status == "pending"
    assert tools(booked) == [("confirm_appointment", True)]
    assert (appointment.id, appointment.status) == (pending.id, "booked")
    assert appointment.reference in booked["content"]
    assert booked["flags"] == ["scripted"]


def test_slots_may_be_chosen_before_the_person_is_known(make_talk: Callable[..., Talk], clinic: Patient) -> None:
    talk = make_talk("es")

    assert tools(talk.say("¿Qué horarios hay con cardiología?")) == [("find_slots", True)]
    assert tools(talk.say("la segunda")) == []
    assert tools(talk.say(SAMPLE["es"])) == [("fetch_patient_info", True), ("propose_appointment", True)]
    assert tools(talk.say("confirmo")) == [("confirm_appointment", True)]
    assert Appointment.objects.get(patient=clinic).slot.practitioner.specialty == "Cardiología"


def test_document_and_birth_date_may_come_one_by_one(make_talk: Callable[..., Talk]) -> None:
    talk = make_talk("es")

    talk.say("Mi documento es 30.995.750")
    talk.say("es carné diplomático")
    answer = talk.say("nací el 14/05/1990")

    assert tools(answer) == [("fetch_patient_info", True)]


def test_a_no_holds_nothing_more_and_looks_again(make_talk: Callable[..., Talk], clinic: Patient) -> None:
    talk = make_talk("en")
    talk.say("I want an appointment")
    talk.say(SAMPLE["en"])
    talk.say("the first one")

    assert tools(talk.say("no")) == [("find_slots", True)]
    assert not Appointment.objects.filter(patient=clinic, status="booked").exists()


@pytest.mark.parametrize("language", ["es", "en"])
def test_a_wrong_date_and_an_unknown_document_get_the_same_answer(
    make_talk: Callable[..., Talk], language: str
) -> None:
    answers = []
    for identity in (WRONG, NOBODY):
        talk = make_talk(language)
        answer = talk.say(identity[language])
        answers.append({key: answer[key] for key in ("content", "tool_calls", "flags")})

    assert answers[0] == answers[1]
    assert answers[0]["tool_calls"] == [{"name": "fetch_patient_info", "ok": False, "code": "IDENTITY_NOT_MATCHED"}]


def test_five_wrong_attempts_lock_the_thread_even_for_the_right_date(make_talk: Callable[..., Talk]) -> None:
    talk = make_talk("es")
    for day in range(1, 6):
        talk.say(f"CD 30995750, {day} de mayo de 1991")

    answer = talk.say(SAMPLE["es"])

    assert answer["tool_calls"] == [{"name": "fetch_patient_info", "ok": False, "code": "IDENTITY_LOCKED"}]


@pytest.mark.parametrize(
    ("language", "cancel", "yes"), [("es", "Quiero cancelar mi cita", "sí"), ("en", "cancel it", "yes")]
)
def test_cancel(make_talk: Callable[..., Talk], clinic: Patient, language: str, cancel: str, yes: str) -> None:
    talk = make_talk(language)
    talk.say({"es": "quiero una cita", "en": "I want an appointment"}[language])
    talk.say(SAMPLE[language])
    talk.say("1")
    talk.say(yes)

    listed = talk.say(cancel)
    cancelled = talk.say(yes)

    assert tools(listed) == [("list_appointments", True)]
    assert tools(cancelled) == [("cancel_appointment", True)]
    assert Appointment.objects.get(patient=clinic).status == "cancelled"


def test_register_with_consent(make_talk: Callable[..., Talk]) -> None:
    talk = make_talk("es")
    talk.say("Soy paciente nuevo y quiero registrarme")
    asked = talk.say("Me llamo Pedro Pérez Gómez, CC 1122334455, nacido el 3 de marzo de 1985")
    answer = talk.say("sí, acepto")

    patient = Patient.objects.get(identifiers__normalized="1122334455")
    assert asked["tool_calls"] == [{"name": "create_patient", "ok": False, "code": "CONSENT_REQUIRED"}]
    assert tools(answer) == [("create_patient", True)]
    assert (patient.full_name, patient.birth_date.isoformat()) == ("Pedro Pérez Gómez", "1985-03-03")
    assert Consent.objects.get(patient=patient).words == "sí, acepto"


def test_no_consent_no_patient(make_talk: Callable[..., Talk]) -> None:
    talk = make_talk("es")
    talk.say("Quiero registrarme. Me llamo Pedro Pérez, CC 1122334455, nacido el 3 de marzo de 1985")
    talk.say("no")

    assert not Patient.objects.filter(identifiers__normalized="1122334455").exists()


def test_identification_leaves_an_access_event(make_talk: Callable[..., Talk], clinic: Patient) -> None:
    talk = make_talk("es")
    answer = talk.say(SAMPLE["es"])

    event = AccessEvent.objects.get(patient=clinic)
    assert (str(event.thread_id), str(event.run_id)) == (talk.thread_id, answer["run_id"])
    assert event.purpose == "identification"


@pytest.mark.parametrize(
    ("language", "message"),
    [("es", "Me duele mucho el pecho y quiero una cita"), ("en", "I have chest pain, book me in")],
)
def test_an_emergency_is_answered_before_any_model(make_talk: Callable[..., Talk], language: str, message: str) -> None:
    answer = make_talk(language).say(message)

    assert answer["flags"] == ["emergency"]
    assert "123" in answer["content"]
    assert answer["tool_calls"] == []


@pytest.mark.parametrize(
    ("language", "wish", "move", "yes"),
    [
        ("es", "quiero una cita de medicina general", "necesito cambiar mi cita", "sí"),
        ("en", "I want a general medicine appointment", "I need to reschedule my appointment", "yes"),
    ],
)
def test_move(make_talk: Callable[..., Talk], clinic: Patient, language: str, wish: str, move: str, yes: str) -> None:
    talk = make_talk(language)
    talk.say(wish)
    talk.say(SAMPLE[language])
    talk.say("1")
    talk.say(yes)
    before = Appointment.objects.get(patient=clinic)

    offered = talk.say(move)
    asked = talk.say("2")
    unmoved = Appointment.objects.get(patient=clinic)
    moved = talk.say(yes)

    after = Appointment.objects.get(patient=clinic)
    assert tools(offered) == [("list_appointments", True), ("find_slots", True)]
    assert (tools(asked), unmoved.slot_id) == ([], before.slot_id)
    assert tools(moved) == [("move_appointment", True)]
    assert (after.status, after.reference) == ("booked", before.reference)
    assert after.slot_id != before.slot_id
