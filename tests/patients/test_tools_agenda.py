from datetime import timedelta
from uuid import uuid4

import pytest
from pydantic import ValidationError

from patients import tools
from patients.models import AccessEvent, Appointment

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]

NAMES = (
    "fetch_patient_info",
    "create_patient",
    "find_slots",
    "propose_appointment",
    "confirm_appointment",
    "move_appointment",
    "cancel_appointment",
    "list_appointments",
)


def call(tool, context, **arguments):
    return tool.run(tool.arguments.model_validate(arguments), context)


def found(context, **arguments):
    """The labels that `find_slots` answers."""
    result = call(tools.find_slots, context, **arguments)
    assert result.ok
    return [slot["label"] for slot in result.data["slots"]]


@pytest.fixture
def laura(make_patient):
    return make_patient()


def test_a_slot_says_when_with_whom_and_its_id(make_slot, make_context):
    slot = make_slot()
    assert call(tools.find_slots, make_context(language="es")).data == {
        "slots": [
            {
                "slot_id": slot.pk,
                "starts_at": "2026-11-24T10:00:00-05:00",
                "label": "martes 24 de noviembre, 10:00",
                "practitioner": "Dra. Elena Restrepo",
                "specialty": "Medicina general",
            }
        ],
        "specialties": ["Medicina general"],
        "timezone": "America/Bogota",
    }
    assert found(make_context(language="en")) == ["Tuesday, November 24, 10:00 AM"]


def test_another_year_is_named(make_slot, make_context):
    make_slot("2027-01-05 15:30")
    assert found(make_context(language="es")) == ["martes 5 de enero de 2027, 15:30"]
    assert found(make_context()) == ["Tuesday, January 5, 2027, 3:30 PM"]


def test_only_free_slots_are_found_earliest_first(make_slot, make_practitioner, make_patient, make_context, clock):
    make_slot("2026-11-21 11:00")
    make_slot("2026-11-24 08:00", blocked=True)
    make_slot("2026-11-24 08:30", practitioner=make_practitioner(active=False))
    make_slot("2026-11-24 11:00")
    taken, held, late = (make_slot(f"2026-11-24 {hour}:00") for hour in ("09", "10", "12"))
    patient = make_patient()
    Appointment.objects.create(patient=patient, slot=taken, status="booked", reference="HM-222222")
    Appointment.objects.create(patient=patient, slot=late, status="cancelled")
    context = make_context(patient=patient)
    assert call(tools.propose_appointment, context, slot_id=held.pk).ok
    assert found(context) == ["Tuesday, November 24, 11:00 AM", "Tuesday, November 24, 12:00 PM"]
    clock.shift(timedelta(minutes=10))
    assert found(context)[0] == "Tuesday, November 24, 10:00 AM"


@pytest.mark.parametrize(
    "specialty", ["Pediatría", "pediatria", "pediatra", "PEDIATRICS", "a pediatrician", "un pediatra para mi hijo"]
)
def test_a_specialty_is_found_by_what_people_call_it(make_slot, make_practitioner, make_context, specialty):
    make_slot("2026-11-24 08:00")
    make_slot("2026-11-24 09:00", make_practitioner("Dra. Marcela Ospina", "Pediatría"))
    assert found(make_context(), specialty=specialty) == ["Tuesday, November 24, 9:00 AM"]


@pytest.mark.parametrize("specialty", ["medico general", "GP", "general practitioner", "medicina general"])
def test_general_medicine_too(make_slot, make_practitioner, make_context, specialty):
    make_slot("2026-11-24 08:00")
    make_slot("2026-11-24 09:00", make_practitioner("Dra. Marcela Ospina", "Pediatría"))
    assert found(make_context(), specialty=specialty) == ["Tuesday, November 24, 8:00 AM"]


def test_a_specialty_that_no_table_knows_is_found_by_its_name(make_slot, make_practitioner, make_context):
    make_slot("2026-11-24 09:00", make_practitioner("Dr. X", "Medicina del Sueño"))
    assert found(make_context(), specialty="medicina del sueno")
    assert found(make_context(), specialty="sueño")


def test_a_specialty_that_the_clinic_does_not_have_is_told_with_those_it_has(make_slot, make_context):
    make_slot()
    data = call(tools.find_slots, make_context(), specialty="neurology").data
    assert data == {"slots": [], "alternatives": [], "specialties": ["Medicina general"], "timezone": "America/Bogota"}


@pytest.mark.parametrize("name", ["Castaño", "castano", "Dr. Julián Castaño", "doctor Castaño"])
def test_a_doctor_is_found_by_name(make_slot, make_practitioner, make_context, name):
    make_slot("2026-11-24 08:00")
    make_slot("2026-11-24 09:00", make_practitioner("Dr. Julián Castaño", "Cardiología"))
    assert found(make_context(), practitioner=name) == ["Tuesday, November 24, 9:00 AM"]


@pytest.mark.parametrize(
    ("arguments", "hours"),
    [
        ({"date_from": "2026-11-25", "date_to": "2026-11-25"}, ["Wednesday, November 25, 9:00 AM"]),
        ({"date_from": "2026-11-26"}, ["Thursday, November 26, 3:00 PM"]),
        ({"date_to": "2026-11-24"}, ["Tuesday, November 24, 8:00 AM", "Tuesday, November 24, 6:00 PM"]),
        ({"part_of_day": "afternoon"}, ["Thursday, November 26, 3:00 PM"]),
        ({"part_of_day": "evening"}, ["Tuesday, November 24, 6:00 PM"]),
        ({"when": "el miércoles"}, ["Wednesday, November 25, 9:00 AM"]),
        ({"when": "next Thursday in the afternoon"}, ["Thursday, November 26, 3:00 PM"]),
        ({"when": "el martes por la noche"}, ["Tuesday, November 24, 6:00 PM"]),
        ({"when": "por la tarde"}, ["Thursday, November 26, 3:00 PM"]),
        ({"when": "después de las 5"}, ["Tuesday, November 24, 6:00 PM"]),
        ({"when": "entre las 9 y las 15"}, ["Wednesday, November 25, 9:00 AM", "Thursday, November 26, 3:00 PM"]),
        ({"when": "a las 3"}, ["Thursday, November 26, 3:00 PM"]),
        ({"when": "around 9:30"}, ["Wednesday, November 25, 9:00 AM"]),
        ({"when": "el martes", "date_from": "2026-11-26", "date_to": ""}, ["Thursday, November 26, 3:00 PM"]),
    ],
)
def test_days_and_parts_of_the_day(make_slot, make_context, arguments, hours):
    for start in ("2026-11-24 08:00", "2026-11-24 18:00", "2026-11-25 09:00", "2026-11-26 15:00"):
        make_slot(start)
    assert found(make_context(), **arguments) == hours


def test_when_no_time_fits_the_next_ones_are_told(make_slot, make_context):
    for start in ("2026-11-24 08:00", "2026-11-26 15:00"):
        make_slot(start)
    data = call(tools.find_slots, make_context(), when="el miércoles").data
    assert data["slots"] == []
    assert [slot["label"] for slot in data["alternatives"]] == ["Thursday, November 26, 3:00 PM"]


def test_reversed_days_are_refused(make_context):
    result = call(tools.find_slots, make_context(), date_from="2026-11-26", date_to="2026-11-24")
    assert result.code == "DATES_REVERSED"


@pytest.mark.parametrize(
    "arguments", [{"part_of_day": "noon"}, {"date_from": "tomorrow"}, {"specialty": "a\x00"}, {"patient_id": 1}]
)
def test_bad_wishes(make_context, arguments):
    with pytest.raises(ValidationError):
        call(tools.find_slots, make_context(), **arguments)


@pytest.mark.parametrize("slot_id", [0, -1, 2**63, "x", None])
def test_bad_slot_ids(make_context, laura, slot_id):
    with pytest.raises(ValidationError):
        call(tools.propose_appointment, make_context(patient=laura), slot_id=slot_id)


def test_the_way_from_a_slot_to_an_appointment_and_back(laura, make_slot, make_context):
    slot, later = make_slot(), make_slot("2026-11-25 15:00")
    context = make_context(patient=laura)
    held = call(tools.propose_appointment, context, slot_id=str(slot.pk), reason="control")
    appointment = Appointment.objects.get()
    common = {
        "appointment_id": str(appointment.pk),
        "starts_at": "2026-11-24T10:00:00-05:00",
        "label": "Tuesday, November 24, 10:00 AM",
        "practitioner": "Dra. Elena Restrepo",
        "specialty": "Medicina general",
    }
    assert held.data == {**common, "status": "pending", "expires_at": "2026-11-21T12:10:00-05:00"}
    assert (held.did, held.receipt, appointment.thread_id) == (None, None, context.thread_id)

    booked = call(tools.confirm_appointment, context, appointment_id=str(appointment.pk))
    appointment.refresh_from_db()
    assert booked.data == {**common, "status": "booked", "reference": appointment.reference}
    assert booked.did == "booked"
    assert booked.receipt == (
        "Your appointment is booked: Tuesday, November 24, 10:00 AM with Dra. Elena Restrepo (Medicina general). "
        f"Reference: {appointment.reference}."
    )

    listed = call(tools.list_appointments, context)
    assert listed.data == {"appointments": [booked.data], "recent": [], "timezone": "America/Bogota"}
    event = AccessEvent.objects.get()
    assert (event.patient, event.purpose, event.run_id) == (laura, "appointments", context.run_id)

    moved = call(tools.move_appointment, context, appointment_id=str(appointment.pk), slot_id=later.pk)
    assert (moved.did, moved.data["label"]) == ("moved", "Wednesday, November 25, 3:00 PM")
    assert appointment.reference in moved.receipt

    cancelled = call(tools.cancel_appointment, context, appointment_id=str(appointment.pk), reason="")
    assert (cancelled.did, cancelled.data["status"]) == ("cancelled", "cancelled")
    assert appointment.reference in cancelled.receipt
    again = call(tools.cancel_appointment, context, appointment_id=str(appointment.pk))
    assert (again.ok, again.code, again.did) == (False, "APPOINTMENT_ALREADY_CANCELLED", None)


def test_recent_appointments_are_listed_apart(laura, make_slot, make_context, clock):
    slot = make_slot()
    Appointment.objects.create(patient=laura, slot=slot, status="fulfilled", reference="HM-222222")
    clock.shift(timedelta(days=10))
    data = call(tools.list_appointments, make_context(patient=laura)).data
    assert data["appointments"] == []
    assert [one["reference"] for one in data["recent"]] == ["HM-222222"]


def test_nobody_else_sees_or_changes_an_appointment(laura, make_patient, make_slot, make_context):
    slot = make_slot()
    appointment = Appointment.objects.create(patient=laura, slot=slot, status="booked", reference="HM-222222")
    context = make_context(patient=make_patient("2"))
    assert call(tools.list_appointments, context).data["appointments"] == []
    for tool in (tools.confirm_appointment, tools.cancel_appointment):
        assert call(tool, context, appointment_id=str(appointment.pk)).data == {
            "error": {"code": "APPOINTMENT_NOT_FOUND", "message": "You have no such appointment."}
        }


def test_without_an_identity_nothing_is_done(make_slot, make_context):
    slot, context = make_slot(), make_context()
    calls = (
        (tools.propose_appointment, {"slot_id": slot.pk}),
        (tools.confirm_appointment, {"appointment_id": uuid4()}),
        (tools.move_appointment, {"appointment_id": uuid4(), "slot_id": slot.pk}),
        (tools.cancel_appointment, {"appointment_id": uuid4()}),
        (tools.list_appointments, {}),
    )
    for tool, arguments in calls:
        assert tool.level == 1
        assert call(tool, context, **arguments).code == "IDENTITY_REQUIRED"
    assert Appointment.objects.count() == 0


def test_every_tool_is_declared_for_a_model():
    for name in NAMES:
        function = getattr(tools, name).as_function
        assert function["name"] == name
        assert function["description"]
        for field in function["parameters"]["properties"].values():
            assert field["description"]
