"""The scripted model's rules on request bodies alone: nothing is done without a yes to that very question."""

import random
import re
import time
from typing import Any

import pytest

from chat.language import TO_CANCEL, says_yes
from chat.scripted.conversation import read_conversation
from chat.scripted.policy import Say, decide
from chat.scripted.questions import Question, asked_in
from tests.chat.scripted_talk import CASTANO, SLOTS, ScriptedTalk, at, booked

LAURA_SAYS = "CD 30995750, 14 de mayo de 1990"
FAJARDO = ("Dra. Lucía Fajardo", "Odontología")
THREE = [
    booked(1, "2026-11-30T08:00"),
    booked(2, "2026-12-01T09:00", CASTANO),
    booked(3, "2026-12-02T10:00", FAJARDO),
]


def known(**given: Any) -> ScriptedTalk:
    return ScriptedTalk(identified=True, **given)


def with_a_list() -> ScriptedTalk:
    """Mon 08:30, Mon 09:00, Mon 10:00, Tue 15:00, Wed 16:30 are on offer."""
    return known().say("quiero una cita de medicina general")


def with_a_hold() -> ScriptedTalk:
    return with_a_list().say("la primera")


# --- Choosing from the list -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "slot_id"),
    [
        ("1", 1),
        ("la segunda", 2),
        ("#2", 2),
        ("opción dos", 2),
        ("number 3", 3),
        ("la tercera por favor", 3),
        ("book the 4th", 4),
        ("the last one", 5),
        ("la primera no, la segunda", 2),
        ("la de las 9", 2),
        ("la de las nueve", 2),
        ("la de las 10", 3),
        ("9", 2),
        ("10", 3),
        ("nueve", 2),
        ("quiero la de las 8:30", 1),
        ("a las 8 y media", 1),
        ("a las 3", 4),
        ("3 pm", 4),
        ("the 3pm one", 4),
        ("I'll take the 9 o'clock", 2),
        ("half past four", 5),
        ("la del martes", 4),
        ("the Tuesday one", 4),
        ("el 24", 4),
        ("lunes 10am", 3),
        ("la del lunes a las 9", 2),
        ("me queda mejor el miércoles", 5),
        ("cualquiera", 1),
        ("la que sea", 1),
        ("la más temprana", 1),
        ("lo antes posible", 1),
        ("any of them", 1),
        ("whichever", 1),
    ],
)
def test_a_time_of_the_list_is_held(words: str, slot_id: int) -> None:
    assert with_a_list().say(words).calls == [("propose_appointment", {"slot_id": slot_id})]


@pytest.mark.parametrize(
    "words", ["por primera vez", "tengo 2 hijos", "sí", "la 6", "no", "blah blah", "la 2 no", "te escribo más tarde"]
)
def test_what_picks_nothing_holds_nothing_and_asks_again(words: str) -> None:
    talk = with_a_list().say(words)

    assert talk.calls == []
    assert talk.say("la 2").names == ["propose_appointment"]


@pytest.mark.parametrize(
    ("words", "arguments"),
    [
        ("después de las 3", {"when": "despues de las 3"}),
        ("after 3", {"when": "after 3"}),
        ("antes de las 10", {"when": "antes de las 10"}),
        ("entre las 9 y las 11", {"when": "entre las 9 y las 11"}),
        ("a las 11", {"when": "a las 11"}),
        ("el jueves a las 3 de la tarde", {"when": "el jueves a las 3 de la tarde"}),
        ("otro día", {"date_from": "2026-11-26"}),
        ("no puedo ese día", {"date_from": "2026-11-26"}),
        ("qué más hay", {"date_from": "2026-11-25"}),
        ("ninguna me sirve", {"date_from": "2026-11-25"}),
        ("más tarde", {"part_of_day": "afternoon"}),
        ("can I have a later one?", {"part_of_day": "afternoon"}),
        ("¿y mañana?", {"when": "¿y manana?"}),
    ],
)
def test_other_wishes_search_again_with_the_same_specialty(words: str, arguments: dict[str, str]) -> None:
    assert with_a_list().say(words).calls[0] == ("find_slots", {"specialty": "medicina general"} | arguments)


def test_the_hours_stay_when_more_is_asked_for() -> None:
    arguments = with_a_list().say("después de las 3", "qué más hay").calls[0][1]

    assert arguments["when"] == "despues de las 3"
    assert "date_from" in arguments


def test_when_all_has_been_shown_the_next_days_are_searched() -> None:
    assert with_a_list().say("qué más hay").calls[1:] == [
        ("find_slots", {"specialty": "medicina general", "date_from": "2026-11-26"})
    ]


def test_offers_that_follow_leave_out_what_was_shown() -> None:
    more = [at(6, "2026-11-25T17:00"), at(7, "2026-11-25T17:30")]
    talk = known(slots=[*SLOTS, *more]).say("una cita", "qué más hay")

    assert "16:30" not in talk.text
    assert talk.say("la 2").calls == [("propose_appointment", {"slot_id": 7})]


def test_a_range_of_hours_offers_only_what_lies_in_it() -> None:
    talk = with_a_list().say("después de las 3")

    assert "15:00" in talk.text
    assert "16:30" in talk.text
    assert "09:00" not in talk.text
    assert talk.say("la 2").calls == [("propose_appointment", {"slot_id": 5})]


def test_an_hour_that_is_not_free_offers_the_nearest_ones() -> None:
    assert "nearest" in ScriptedTalk(language="en", identified=True).say("a general checkup", "at 11 am").text


# --- While a time is held ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words", ["s", "sí", "bueno", "bueno sí", "simón", "ya", "dale", "sí, por favor", "yes", "ok", "confirmo"]
)
def test_a_yes_confirms_what_was_asked(words: str) -> None:
    assert with_a_hold().say(words).calls == [("confirm_appointment", {"appointment_id": "hold-1"})]


@pytest.mark.parametrize(
    ("words", "slot_id"),
    [
        ("mejor la 2", 2),
        ("no, the third", 3),
        ("no, la tercera", 3),
        ("mejor la de las 10", 3),
        ("sí, pero a las 10", 3),
        ("sí, la de las 9", 2),
    ],
)
def test_another_time_of_the_list_is_proposed_and_asked_about(words: str, slot_id: int) -> None:
    talk = with_a_hold().say(words)

    assert talk.calls == [("propose_appointment", {"slot_id": slot_id})]
    assert talk.say("sí").calls == [("confirm_appointment", {"appointment_id": f"hold-{slot_id}"})]


@pytest.mark.parametrize(
    "words", ["bórrela", "no la quiero", "olvídalo", "no gracias", "cancélala", "nevermind", "ya no quiero"]
)
def test_whoever_lets_go_is_not_booked_by_a_later_yes(words: str) -> None:
    talk = with_a_hold().say(words)

    assert talk.calls == []
    assert talk.say("sí").calls == []


@pytest.mark.parametrize(
    "words", ["no", "no, el jueves", "está bien pero más tarde", "a las 10:30 mejor", "mañana", "prefiero por la tarde"]
)
def test_a_no_searches_again_and_a_later_yes_books_nothing(words: str) -> None:
    talk = with_a_hold().say(words)

    assert set(talk.names) == {"find_slots"}
    assert talk.asked_for("find_slots")["specialty"] == "medicina general"
    assert talk.say("sí").calls == []


@pytest.mark.parametrize("words", ["asdf", "¿cuánto vale?", "¿aceptan seguro?", "hmm"])
def test_the_pending_question_is_asked_again(words: str) -> None:
    talk = with_a_hold()
    question = talk.text

    assert question in talk.say(words).text
    assert talk.say("sí").names == ["confirm_appointment"]


def test_moving_what_is_only_held_looks_for_another_time() -> None:
    assert with_a_hold().say("cámbiala para el martes").asked_for("find_slots")["when"] == "para el martes"


def test_a_yes_with_nothing_asked_does_nothing() -> None:
    talk = with_a_hold().say("sí")

    assert talk.say("sí").calls == []
    assert known().say("sí").calls == []


def test_a_hold_that_another_model_asked_about_is_confirmed() -> None:
    talk = with_a_hold()
    talk.items[-1]["content"] = "Te aparto el lunes a las 8:30, ¿te parece?"

    assert talk.say("sí").names == ["confirm_appointment"]


def test_a_hold_that_nobody_asked_about_is_not() -> None:
    talk = with_a_hold()
    talk.items[-1]["content"] = "Hola, soy María, del equipo. ¿En qué ayudo?"
    talk.items.insert(-1, {"role": "user", "content": "una persona"})

    assert talk.say("sí").calls == []


# --- What is searched for ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "arguments"),
    [
        ("una cita con el Dr. Castaño", {"practitioner": "Castaño"}),
        ("doctora Benavides", {"practitioner": "Benavides"}),
        ("book me with Dr. Castaño", {"practitioner": "Castaño"}),
        ("quiero cita con Paula Benavides", {"practitioner": "Paula Benavides"}),
        ("necesito ver al doctor quintero por favor", {"practitioner": "quintero"}),
        ("con el doctor que sea, cita de dermatología", {"specialty": "dermatología"}),
        ("pediatría no, cardiología", {"specialty": "cardiología"}),
        ("not pediatrics, cardiology", {"specialty": "cardiología"}),
        ("dental checkup", {"specialty": "odontología"}),
        ("I need to see a general practitioner", {"specialty": "medicina general"}),
        ("quiero una cita", {"specialty": "medicina general"}),
        ("cita con hematología", {"specialty": "hematologia"}),
    ],
)
def test_the_specialty_or_the_doctor_is_asked_for(words: str, arguments: dict[str, str]) -> None:
    assert known().say(words).calls == [("find_slots", arguments)]


def test_a_doctor_named_with_the_identity_is_remembered() -> None:
    talk = ScriptedTalk().say("Quiero ver al doctor Quintero, soy CD 30995750, nacida el 14 de mayo de 1990")

    assert talk.names == ["fetch_patient_info", "find_slots"]
    assert talk.asked_for("find_slots") == {"practitioner": "Quintero"}


def test_a_doctor_without_free_times_is_named() -> None:
    assert "House" in known(slots=[]).say("una cita con el Dr. House").text


def test_filters_stay_after_a_no() -> None:
    talk = known().say("quiero cita de cardiología el jueves", "la 1", "no")

    assert talk.asked_for("find_slots") == {
        "specialty": "cardiología",
        "when": "quiero cita de cardiologia el jueves",
    }
    talk.say("mejor por la tarde")
    assert talk.asked_for("find_slots")["part_of_day"] == "afternoon"
    assert "jueves" in talk.asked_for("find_slots")["when"]


def test_a_day_goes_with_the_month_named_before() -> None:
    assert known().say("cita en diciembre", "el 15").asked_for("find_slots")["when"] == "15 de diciembre"


def test_without_general_medicine_the_person_is_asked_and_a_bare_name_will_do() -> None:
    talk = known(slots=[]).say("quiero cita")

    assert "Cardiología, Medicina general" in talk.text
    assert talk.say("castaño").asked_for("find_slots") == {"practitioner": "castaño"}
    assert known(slots=[]).say("quiero cita", "me da igual").calls == [("find_slots", {})]


def test_specialties_are_listed() -> None:
    assert "Cardiología" in known(slots=[]).say("¿qué especialidades hay?").text


# --- Who is writing ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", ["quise decir carné diplomático", "quise decir CD", "perdón, era diplomatic card"])
def test_a_corrected_type_is_tried_once(words: str) -> None:
    talk = ScriptedTalk().say("mi cédula es 30995750 y nací el 14 de mayo de 1990")
    assert [arguments["document_type"] for _, arguments in talk.calls] == ["CC"]

    talk.say(words)
    assert [arguments["document_type"] for _, arguments in talk.calls] == ["CD"]
    assert talk.identified


def test_the_same_data_are_not_tried_twice() -> None:
    talk = ScriptedTalk().say("mi cédula es 30995750 y nací el 14 de mayo de 1990")

    assert talk.say("cédula 30.995.750, 14/05/1990").calls == []
    assert talk.say("30995751").names == ["fetch_patient_info"]


@pytest.mark.parametrize("words", ["diplomático", "carnet diplomático", "8", "el 8", "CD", "diplomatic card"])
def test_the_type_may_be_named_or_numbered_when_it_is_asked_for(words: str) -> None:
    talk = ScriptedTalk().say("documento 30995750 fecha 14.05.1990")
    assert talk.calls == []

    assert talk.say(words).identified


@pytest.mark.parametrize(
    "words",
    [
        "Cédula diplomática 30995750, 14 de mayo de 1990",
        "CD30995750 14may1990",
        "C.D. 30.995.750, nacida el 14-05-1990",
        "mi carné diplomático es el número 30995750 y nací el catorce de mayo de mil novecientos noventa",
        "CD 30995750, catorce (14) de mayo de 1990",
        "diplomatic ID 30995750, May fourteenth, nineteen ninety",
        "14/05/1990 CD: 30995750",
    ],
)
def test_an_identity_however_it_is_written(words: str) -> None:
    assert ScriptedTalk().say(words).identified


@pytest.mark.parametrize("words", ["gracias a ti", "quiero pa el lunes", "mi hermano Mr Smith"])
def test_small_words_are_no_types_of_document(words: str) -> None:
    assert "fetch_patient_info" not in ScriptedTalk().say("30995750, 14/05/1990", words).names


def test_a_time_chosen_before_the_identity_is_held_after_it() -> None:
    talk = ScriptedTalk().say("horarios de cardiología", "la segunda", "documento 30995750", "8", "14/05/1990")

    assert talk.names == ["fetch_patient_info", "propose_appointment"]
    assert talk.asked_for("propose_appointment") == {"slot_id": 2}


# --- Registering ------------------------------------------------------------------------------------------


def test_a_registration_piece_by_piece() -> None:
    talk = ScriptedTalk().say("Quiero registrarme", "Pedro Pérez Gómez", "cc 1122334455", "3 de marzo de 1985")
    assert talk.text == "CONSENT?"

    talk.say("sí")
    assert talk.calls == [
        (
            "create_patient",
            {
                "document_type": "CC",
                "document_number": "1122334455",
                "birth_date": "1985-03-03",
                "full_name": "Pedro Pérez Gómez",
            },
        )
    ]
    assert talk.text.index("Pedro Pérez Gómez") < talk.text.index("?")


def test_name_and_contacts_in_one_line() -> None:
    talk = ScriptedTalk().say("Soy nuevo", "Ana María López, cc 1122334455, 3/3/1985, cel 3001234567, ana@example.com")

    arguments = talk.asked_for("create_patient")
    assert (arguments["full_name"], arguments["document_number"]) == ("Ana María López", "1122334455")
    assert (arguments["phone"], arguments["email"]) == ("3001234567", "ana@example.com")


def test_who_came_to_book_goes_on_to_the_free_times() -> None:
    words = ["soy nuevo y quiero una cita", "Ana María López, cc 1122334455, 3/3/1985", "sí"]
    assert ScriptedTalk().say(*words).names == ["create_patient", "find_slots"]


def test_what_failed_to_identify_does_not_register() -> None:
    talk = ScriptedTalk().say("CC 1122334455, 3 de marzo de 1985", "regístrame, soy Pedro Pérez")
    assert talk.calls == []

    assert talk.say("CC 1122334455, 3 de marzo de 1985").names == ["create_patient"]
    assert talk.say("no").calls == []


@pytest.mark.parametrize("words", ["quiero registrar a mi hija", "cita para mi hijo", "an appointment for my daughter"])
def test_a_child_needs_a_document_of_its_own(words: str) -> None:
    talk = known().say(words)

    assert talk.calls == []
    assert "TI" in talk.text


# --- The person's appointments ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [
        "¿tengo cita?",
        "¿Cuál es mi próxima cita?",
        "What's my next appointment?",
        "what appointments do I have?",
        "mis citas",
        "¿cuándo es mi cita?",
        "do I have an appointment?",
        "¿tengo alguna cita pendiente?",
        "show me my appointments",
    ],
)
def test_asking_for_ones_own_appointments_lists_them(words: str) -> None:
    assert known(own=THREE).say(words).names == ["list_appointments"]


def test_a_hold_is_marked_in_the_list() -> None:
    own = [booked(1, "2026-11-30T08:00", status="pending")]
    assert "not confirmed" in ScriptedTalk(language="en", identified=True, own=own).say("my appointments").text


@pytest.mark.parametrize(
    ("words", "number"),
    [
        ("la 2", 2),
        ("la de cardiología", 2),
        ("the cardiology one", 2),
        ("la del doctor castaño", 2),
        ("la del lunes", 1),
        ("la del 2 de diciembre", 3),
        ("HM-AAAAA3", 3),
    ],
)
def test_cancelling_asks_which_and_then_for_a_yes(words: str, number: int) -> None:
    talk = known(own=THREE).say("quiero cancelar una cita", words)
    assert talk.calls == []

    assert talk.say("sí").calls == [("cancel_appointment", {"appointment_id": f"a{number}"})]


@pytest.mark.parametrize("words", ["cancelar mi cita de cardiología", "cancel my appointment with Dr. Castaño"])
def test_the_wish_itself_may_say_which(words: str) -> None:
    talk = known(own=THREE).say(words)
    assert talk.names == ["list_appointments"]

    assert talk.say("sí").calls == [("cancel_appointment", {"appointment_id": "a2"})]


@pytest.mark.parametrize("words", ["no", "nevermind", "mejor no", "olvídalo", "déjala así"])
@pytest.mark.parametrize("own", [THREE, THREE[:1]])
def test_nothing_is_cancelled_after_a_no(words: str, own: list[dict[str, Any]]) -> None:
    talk = known(own=own).say("quiero cancelar mi cita", words)
    assert talk.calls == []

    assert talk.say("sí").calls == []


@pytest.mark.parametrize("words", ["cancel all my appointments", "cancelar todas mis citas"])
def test_all_are_cancelled_one_at_a_time(words: str) -> None:
    talk = known(own=THREE).say(words)

    assert talk.say("sí").calls == []
    assert talk.say("la primera").calls == []
    assert talk.say("sí").calls == [("cancel_appointment", {"appointment_id": "a1"})]


def test_cancelling_right_after_booking_means_what_was_booked() -> None:
    talk = with_a_hold().say("sí")
    talk.own = [*THREE, booked(4, "2026-12-03T08:30") | {"appointment_id": "hold-1"}]

    assert talk.say("cancélala").names == ["list_appointments"]
    assert talk.say("sí").calls == [("cancel_appointment", {"appointment_id": "hold-1"})]


@pytest.mark.parametrize(
    "words",
    [
        "reschedule my appointment to Wednesday",
        "can I move it to the following Monday?",
        "quiero reagendar",
        "necesito cambiar la hora de mi cita",
        "¿puedes pasarla para el viernes?",
        "mover mi cita",
    ],
)
def test_a_move_chooses_asks_and_moves(words: str) -> None:
    talk = known(own=THREE[:1]).say(words)
    assert talk.names == ["list_appointments", "find_slots"]
    assert talk.asked_for("find_slots")["practitioner"] == "Dra. Elena Restrepo"

    assert talk.say("la 2").calls == []
    assert talk.say("mmm").calls == []
    assert talk.say("sí").calls == [("move_appointment", {"appointment_id": "a1", "slot_id": 2})]


@pytest.mark.parametrize(
    ("messages", "when"),
    [
        (["quiero cambiar mi cita", "la de cardiología"], None),
        (["mover mi cita de cardiología al viernes"], "al viernes"),
        (["mover la del martes para el jueves"], "para el jueves"),
        (["move my cardiology appointment to Friday"], "to friday"),
    ],
)
def test_one_of_several_is_moved(messages: list[str], when: str | None) -> None:
    talk = known(own=THREE).say(*messages)

    assert talk.asked_for("find_slots").get("when") == when
    assert talk.say("otro día").names == ["find_slots"]
    assert talk.say("la 1").calls == []
    assert talk.say("mejor la 2").calls == []
    assert talk.say("sí").calls[-1] == ("move_appointment", {"appointment_id": "a2", "slot_id": 2})


def test_the_following_monday_is_counted_from_the_appointment() -> None:
    talk = known(own=THREE).say("mover mi cita de odontología al lunes siguiente")  # it is on Wednesday, 2 December

    arguments = talk.asked_for("find_slots")
    assert (arguments["date_from"], arguments["date_to"]) == ("2026-12-07", "2026-12-07")


def test_moving_right_after_booking_means_what_was_booked() -> None:
    talk = with_a_hold().say("sí")
    talk.own = [*THREE, booked(4, "2026-12-03T08:30") | {"appointment_id": "hold-1"}]

    assert talk.say("can I move it to Friday?", "la 2", "yes").calls == [
        ("move_appointment", {"appointment_id": "hold-1", "slot_id": 2})
    ]


def test_a_move_goes_on_where_the_list_of_appointments_is_out_of_sight() -> None:
    talk = known(own=THREE).say("quiero cambiar mi cita", "la 2", "la 1")
    talk.items = talk.items[-5:]  # the newest search and question are left

    assert talk.say("sí").names[0] == "list_appointments"


def test_nothing_moves_after_a_no() -> None:
    talk = known(own=THREE[:1]).say("mover mi cita", "la 2", "no")

    assert talk.say("sí").calls == []
    assert talk.say("olvídalo", "sí").calls == []


# --- Everything else --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "part"),
    [
        ("how much is a consultation?", "prices"),
        ("do you take my insurance?", "insurances"),
        ("where are you located?", "address"),
        ("my head hurts", "medical advice"),
        ("what are your opening hours?", "Monday to Friday"),
        ("help", "automatic assistant"),
        ("I don't know my document number", "staff"),
    ],
)
def test_questions_get_an_honest_answer(words: str, part: str) -> None:
    talk = ScriptedTalk(language="en").say(words)

    assert talk.calls == []
    assert part in talk.text


def test_a_symptom_leads_to_an_appointment_after_a_yes() -> None:
    assert known().say("tengo fiebre y tos", "sí").calls == [("find_slots", {"specialty": "medicina general"})]


def test_hours_in_the_language_of_the_conversation() -> None:
    hours = "Opening hours: Monday to Friday\nHorario de atención: lunes a viernes"
    assert "lunes a viernes" in ScriptedTalk(hours=hours).say("¿a qué hora abren?").text
    assert "Monday to Friday" in ScriptedTalk(hours=hours, language="en").say("opening hours?").text


@pytest.mark.parametrize(
    "body",
    [{}, {"input": None}, {"input": "hola"}, {"input": [{"type": "x"}, 3, {"role": "user", "content": None}]}],
)
def test_any_body_gets_an_answer(body: dict[str, Any]) -> None:
    assert isinstance(decide(read_conversation(body)), Say)


PIECES = """
sí|no|dale|yes|ok|la 2|la primera|the third|mejor la de las 10|9|otro día|más tarde|qué más hay|gracias|hola|asdf
quiero una cita|cita de cardiología el jueves|con el Dr. Castaño|cancelar mi cita|cancélala|la de cardiología|todas
mover mi cita|can I move it to Friday?|mis citas|la del lunes|no la quiero|olvídalo|¿cuánto cuesta?|me duele|¿sí?
CD 30995750, 14/05/1990|mi cédula es 30995750|quise decir CD|regístrame|Ana López|cita para mi hijo|ayuda|adiós
sí, pero a las 10|sí, la 2|confirma la cita|book it|cancel it|move it
"""


@pytest.mark.parametrize("seed", range(120))
def test_nothing_is_done_without_a_yes_to_that_very_question(seed: int) -> None:
    chance = random.Random(seed)
    talk = ScriptedTalk(identified=chance.random() < 0.7, own=THREE[: chance.randrange(4)])
    for _ in range(14):
        asked, message = talk.text, chance.choice(re.split(r"[|\n]", PIECES.strip()))
        talk.say(message)
        for name, arguments in talk.calls:
            if name == "confirm_appointment":
                slot = SLOTS[int(arguments["appointment_id"].removeprefix("hold-")) - 1]
                assert says_yes(message)
                assert (asked_in(asked), slot["label"] in asked) == (Question.CONFIRM, True)
            if name in {"cancel_appointment", "move_appointment"}:
                item = next(item for item in THREE if item["appointment_id"] == arguments["appointment_id"])
                assert says_yes(message, to=TO_CANCEL if name == "cancel_appointment" else None)
                question = Question.CANCEL if name == "cancel_appointment" else Question.MOVE
                assert (asked_in(asked), item["label"] in asked) == (question, True)
            if name == "move_appointment":
                assert SLOTS[arguments["slot_id"] - 1]["label"] in asked


@pytest.mark.parametrize(
    "text",
    [
        *("cc " * 1300, "la de las 9 " * 330, "mi documento es el " * 210, "1 2 " * 1000, "a@" * 2000),
        *("soy " * 1000, "no, no " * 570, "entre las 9 y " * 280, "cambiar " * 500, "mil " * 1000, "cel " * 1000),
        *(" " * 4000, "de la " * 660, "cita de cardiologia " * 200, "a" * 4000, "1." * 2000, "(1) " * 1000),
    ],
)
def test_the_longest_message_takes_no_time(text: str) -> None:
    talk = with_a_list()
    started = time.process_time()
    talk.say(text)

    assert time.process_time() - started < 1
