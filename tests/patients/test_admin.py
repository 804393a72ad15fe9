import json
from datetime import timedelta

import pytest
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from patients import models
from patients.models import (
    AccessEvent,
    Appointment,
    ClinicalRecord,
    Consent,
    DocumentType,
    IdentityAttempt,
    Patient,
    PatientIdentifier,
    QuarantinedResource,
    SharedResource,
    Slot,
)
from patients.services import book_by_clinic, propose_appointment

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]
MINE = [model for model in admin.site._registry if model._meta.app_label == "patients"]


@pytest.fixture
def staff(client):
    user = get_user_model().objects.create_superuser("admin@clinic.example", "a-password")
    client.force_login(user)
    client.user = user
    return client


@pytest.fixture
def fill(make_patient, make_slot):
    """A few rows of every model; each call adds as many again."""

    def run(count: int = 3):
        for _ in range(count):
            n = Patient.objects.count()
            patient = make_patient(f"77{n}", full_name=f"Sofía Ramírez {n}")
            PatientIdentifier.objects.create(patient=patient, number=f"x{n}", system="https://one.example")
            Consent.objects.create(patient=patient, words="sí")
            slot = make_slot()
            Appointment.objects.create(patient=patient, slot=slot, status="booked", reference=f"HM-{n:06}")
            resource = {"resourceType": "Condition", "note": [{"text": "<script>alert(1)</script>"}]}
            row = {"resource_type": "Condition", "resource_id": f"c{n}", "resource": resource}
            ClinicalRecord.objects.create(patient=patient, display=f"Asma {n}", **row)
            SharedResource.objects.create(**row)
            QuarantinedResource.objects.create(file=f"f{n}.json", index=0, reason="no id", **row)
            AccessEvent.objects.create(patient=patient, actor="device", purpose="identification")
            IdentityAttempt.objects.create(subject=f"thread:{n}")

    return run


def address(model, page, *args):
    return reverse(f"admin:patients_{model._meta.model_name}_{page}", args=args)


def test_every_model_that_staff_need_has_its_pages():
    names = {model.__name__ for model in MINE}
    assert names == {
        "AccessEvent",
        "Appointment",
        "ClinicalRecord",
        "DocumentType",
        "IdentityAttempt",
        "Patient",
        "Practitioner",
        "QuarantinedResource",
        "SharedResource",
        "Slot",
    }


@pytest.mark.parametrize("model", MINE, ids=lambda model: model.__name__)
def test_lists_searches_and_pages_open(staff, fill, model):
    fill()
    assert staff.get(address(model, "changelist")).status_code == 200
    assert staff.get(address(model, "changelist"), {"q": "Ramirez 770"}).status_code == 200
    row = model._default_manager.first()
    assert staff.get(address(model, "change", row.pk)).status_code == 200
    assert staff.get(address(model, "history", row.pk)).status_code == 200
    may_add = admin.site._registry[model].has_add_permission(_request(staff))
    assert staff.get(address(model, "add")).status_code == (200 if may_add else 403)


def _request(client: Client):
    request = client.get("/admin/").wsgi_request
    request.user = client.user
    return request


@pytest.mark.parametrize("model", MINE, ids=lambda model: model.__name__)
def test_filters_open(staff, fill, model):
    fill(1)
    changelist = staff.get(address(model, "changelist")).context["cl"]
    for spec in changelist.filter_specs:
        for choice in spec.choices(changelist):
            assert staff.get(address(model, "changelist") + choice["query_string"]).status_code == 200


def queries_of(client, url):
    client.get(url)
    with CaptureQueriesContext(connection) as captured:
        assert client.get(url).status_code == 200
    return len(captured)


@pytest.mark.parametrize("model", MINE, ids=lambda model: model.__name__)
def test_a_list_of_many_rows_takes_no_more_queries(staff, fill, model):
    fill(2)
    few = queries_of(staff, address(model, "changelist"))
    fill(10)
    assert queries_of(staff, address(model, "changelist")) == few


def test_a_patient_with_many_identifiers_takes_no_more_queries(staff, make_patient):
    patient = make_patient()
    few = queries_of(staff, address(Patient, "change", patient.pk))
    for kind in DocumentType.objects.exclude(code="CD"):
        PatientIdentifier.objects.create(patient=patient, document_type=kind, number="123", system="https://x.example")
        Consent.objects.create(patient=patient, words="sí")
    assert queries_of(staff, address(Patient, "change", patient.pk)) == few


@pytest.mark.parametrize(
    "words", ["ramirez", "RAMÍREZ sofia", "30.995.750", "30995750", "cardio@correo.example", "300 555"]
)
def test_a_patient_is_found_by_name_document_email_and_phone(staff, make_patient, words):
    make_patient(full_name="Sofía Ramírez Gómez", email="cardio@correo.example", phone="+57 300 555 0101")
    make_patient("404", full_name="Otra Persona")
    changelist = staff.get(address(Patient, "changelist"), {"q": words}).context["cl"]
    assert [patient.full_name for patient in changelist.result_list] == ["Sofía Ramírez Gómez"]


@pytest.mark.parametrize("model", [Patient, ClinicalRecord, Appointment], ids=lambda model: model.__name__)
def test_opening_a_row_of_a_patients_leaves_an_access_event(staff, fill, model):
    fill(1)
    AccessEvent.objects.all().delete()
    row = model.objects.get()
    staff.get(address(model, "change", row.pk))
    event = AccessEvent.objects.get()
    assert (event.patient, event.user, event.actor) == (Patient.objects.get(), staff.user, str(staff.user.pk))
    assert (event.purpose, event.details) == ("admin", {"model": model._meta.model_name, "id": str(row.pk)})


def test_who_may_not_see_a_record_leaves_no_event_and_sees_nothing(client, fill):
    fill(1)
    AccessEvent.objects.all().delete()
    user = get_user_model().objects.create_user("nurse@clinic.example", "a-password", is_staff=True)
    client.force_login(user)
    assert client.get(address(ClinicalRecord, "change", ClinicalRecord.objects.get().pk)).status_code == 403
    assert AccessEvent.objects.count() == 0
    user.user_permissions.add(Permission.objects.get(codename="view_clinicalrecord"))
    client.force_login(get_user_model().objects.get(pk=user.pk))
    assert client.get(address(ClinicalRecord, "change", ClinicalRecord.objects.get().pk)).status_code == 200
    assert AccessEvent.objects.count() == 1


@pytest.mark.parametrize("model", [ClinicalRecord, SharedResource, QuarantinedResource], ids=lambda m: m.__name__)
def test_json_is_shown_readable_and_escaped(staff, fill, model):
    fill(1)
    page = staff.get(address(model, "change", model.objects.get().pk)).content.decode()
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script>alert(1)" not in page


def patient_form(patient, *numbers):
    """What the patient's form posts, with new identifiers of type CC."""
    known = list(patient.identifiers.all())
    data = {
        "full_name": patient.full_name,
        "gender": "female",
        "birth_date": "1990-05-14",
        "identifiers-TOTAL_FORMS": len(known) + len(numbers),
        "identifiers-INITIAL_FORMS": len(known),
        "consents-TOTAL_FORMS": 0,
        "consents-INITIAL_FORMS": 0,
    }
    kind = DocumentType.objects.get(code="CC").pk
    for index, number in enumerate(numbers, len(known)):
        data |= {f"identifiers-{index}-number": number, f"identifiers-{index}-document_type": kind}
    for index, row in enumerate(known):
        data |= {f"identifiers-{index}-{key}": getattr(row, key) for key in ("id", "number", "document_type_id")}
        data |= {f"identifiers-{index}-document_type": row.document_type_id, f"identifiers-{index}-patient": patient.pk}
    return data


def test_an_identifier_is_stored_in_its_normal_form(staff, make_patient):
    patient = make_patient()
    response = staff.post(address(Patient, "change", patient.pk), patient_form(patient, "1.020-304"))
    assert response.status_code == 302
    assert [one.normalized for one in patient.identifiers.all()] == ["1020304", "30995750"]


@pytest.mark.parametrize("numbers", [("10.20",), ("55", "5-5"), ("--",)])
def test_a_document_that_is_taken_doubled_or_empty_is_refused_with_a_sentence(staff, make_patient, numbers):
    make_patient("1020", code="CC")
    patient = make_patient()
    response = staff.post(address(Patient, "change", patient.pk), patient_form(patient, *numbers))
    assert response.status_code == 200
    assert patient.identifiers.count() == 1


def post_appointment(client, pk=None, **data):
    page = address(Appointment, "change", pk) if pk else address(Appointment, "add")
    return client.post(page, {"reason": "", "cancel_reason": "", **data})


def test_staff_book_an_appointment_with_a_reference(staff, make_patient, make_slot):
    patient, slot = make_patient(), make_slot()
    assert post_appointment(staff, patient=patient.pk, slot=slot.pk, status="booked").status_code == 302
    assert Appointment.objects.get().reference.startswith("HM-")
    assert (Appointment.objects.get().status, Appointment.objects.get().patient) == ("booked", patient)


def test_an_expired_hold_does_not_keep_staff_from_booking(staff, make_patient, make_slot, clock):
    slot = make_slot()
    propose_appointment(patient_id=make_patient().pk, slot_id=slot.pk)
    clock.shift(timedelta(minutes=11))
    assert post_appointment(staff, patient=make_patient("2").pk, slot=slot.pk).status_code == 302
    assert sorted(Appointment.objects.values_list("status", flat=True)) == ["booked", "cancelled"]


def form_errors(response):
    assert response.status_code == 200
    return {field: list(words) for field, words in response.context["adminform"].form.errors.items()}


def test_staff_are_told_why_the_agenda_refuses_and_nothing_changes(staff, make_patient, make_slot):
    patient = make_patient()
    was = book_by_clinic(patient_id=patient.pk, slot_id=make_slot().pk)
    taken = book_by_clinic(patient_id=make_patient("2").pk, slot_id=make_slot("2026-11-25 10:00").pk)
    refused = {
        make_slot("2026-11-24 10:15"): "The patient has another appointment at that time.",
        taken.slot: "Another patient has this slot.",
        make_slot("2026-11-26 10:00", blocked=True): (
            "This slot is not offered: it is blocked or past, or takes no appointments."
        ),
    }
    staff.cookies["django_language"] = "en"
    for slot, words in refused.items():
        assert form_errors(post_appointment(staff, patient=patient.pk, slot=slot.pk)) == {"slot": [words]}
        if slot.starts_at.date() != was.slot.starts_at.date():
            moved = post_appointment(staff, was.pk, slot=slot.pk, status="booked")
            assert form_errors(moved) == {"slot": [words]}
    assert Appointment.objects.count() == 2
    still = Appointment.objects.get(pk=was.pk)
    assert (still.status, still.slot, still.updated_at) == ("booked", was.slot, was.updated_at)


def test_a_form_that_is_refused_releases_nobodys_hold(staff, make_patient, make_slot, clock):
    hold = propose_appointment(patient_id=make_patient().pk, slot_id=make_slot().pk)
    clock.shift(timedelta(minutes=11))
    assert post_appointment(staff, patient="", slot=hold.slot_id, status="booked").status_code == 200
    hold.refresh_from_db()
    assert hold.status == "pending"


def test_editing_a_held_appointment_leaves_its_end_alone(staff, make_patient, make_slot, clock):
    hold = propose_appointment(patient_id=make_patient().pk, slot_id=make_slot().pk)
    clock.shift(timedelta(minutes=5))
    posted = post_appointment(staff, hold.pk, patient=hold.patient_id, slot=hold.slot_id, status="pending", reason="X")
    assert posted.status_code == 302
    ends = hold.expires_at
    hold.refresh_from_db()
    assert (hold.status, hold.reason, hold.expires_at) == ("pending", "X", ends)


def test_staff_confirm_move_cancel_and_close_in_the_form(staff, make_patient, make_slot, clock):
    first, second = make_slot(), make_slot("2026-11-25 10:00")
    hold = propose_appointment(patient_id=make_patient().pk, slot_id=first.pk)

    def post(**data):
        assert post_appointment(staff, hold.pk, **data).status_code == 302
        hold.refresh_from_db()
        return hold.status, hold.slot

    assert post(status="booked") == ("booked", first)
    assert post(status="booked", slot=second.pk) == ("booked", second)
    early = post_appointment(staff, hold.pk, status="fulfilled", slot=second.pk)
    assert list(form_errors(early)) == ["__all__"]
    clock.shift(timedelta(days=5))
    assert post(status="noshow", slot=second.pk)[0] == "noshow"
    assert post(status="fulfilled")[0] == "fulfilled"
    assert post_appointment(staff, hold.pk, status="booked").status_code == 200
    other = book_by_clinic(patient_id=hold.patient_id, slot_id=make_slot("2026-12-01 10:00").pk)
    assert list(form_errors(post_appointment(staff, other.pk, slot=other.slot_id, status="booked", cancel_reason="x")))
    assert (
        post_appointment(staff, other.pk, slot=other.slot_id, status="cancelled", cancel_reason="strike").status_code
        == 302
    )
    other.refresh_from_db()
    assert (other.status, other.cancel_reason) == ("cancelled", "strike")
    assert post_appointment(staff, other.pk, status="booked", patient=make_patient("2").pk).status_code == 302
    other.refresh_from_db()
    assert (other.status, other.patient_id) == ("cancelled", hold.patient_id)


@pytest.mark.parametrize("status", ["pending", "booked", "cancelled", "fulfilled", "noshow"])
def test_an_appointment_opens_in_every_status(staff, fill, status):
    fill(1)
    Appointment.objects.update(status=status, expires_at=Slot.objects.get().starts_at)
    assert staff.get(address(Appointment, "change", Appointment.objects.get().pk)).status_code == 200


def act(client, model, action, *rows):
    data = {"action": action, "_selected_action": [str(row.pk) for row in rows]}
    return client.post(address(model, "changelist"), data, follow=True)


def test_slots_are_blocked_and_offered_again(staff, make_slot):
    slots = [make_slot(), make_slot("2026-11-25 10:00")]
    act(staff, Slot, "block", *slots)
    assert set(Slot.objects.values_list("blocked", flat=True)) == {True}
    act(staff, Slot, "unblock", slots[0])
    assert Slot.objects.get(blocked=False) == slots[0]


def test_appointments_are_cancelled_and_closed(staff, make_patient, make_slot, clock):
    patient = make_patient()
    one, two, three = (
        Appointment.objects.create(patient=patient, slot=make_slot(day), status="booked", reference=f"HM-{n}")
        for n, day in enumerate(("2026-11-24 10:00", "2026-11-25 10:00", "2026-11-26 10:00"))
    )
    act(staff, Appointment, "cancel", one)
    clock.shift(timedelta(days=4, hours=12))
    act(staff, Appointment, "mark_fulfilled", two)
    act(staff, Appointment, "mark_noshow", two, three)  # neither: one is closed, the other yet to come
    statuses = Appointment.objects.order_by("slot__starts_at").values_list("status", flat=True)
    assert list(statuses) == ["cancelled", "fulfilled", "booked"]


def test_deleting_an_attempt_lifts_its_lock(staff, fill):
    fill(1)
    act(staff, IdentityAttempt, "delete_selected", IdentityAttempt.objects.get())
    response = staff.post(address(IdentityAttempt, "delete", "thread:0"), {"post": "yes"})
    assert response.status_code == 302
    assert IdentityAttempt.objects.count() == 0


def test_the_links_from_a_patient_lead_to_their_rows(staff, fill):
    fill(2)
    patient = Patient.objects.first()
    for model in (ClinicalRecord, Appointment):
        response = staff.get(address(model, "changelist"), {"patient__id__exact": patient.pk})
        assert [row.patient for row in response.context["cl"].result_list] == [patient]


def test_slots_and_patients_complete_by_name(staff, fill):
    fill(2)
    query = {"app_label": "patients", "model_name": "appointment", "field_name": "patient", "term": "ramirez"}
    results = json.loads(staff.get("/admin/autocomplete/", query).content)["results"]
    assert len(results) == 2
    assert staff.get("/admin/autocomplete/", {**query, "field_name": "slot", "term": "Restrepo"}).status_code == 200
    assert models.Slot.objects.count() == 2


def test_what_was_refused_is_listed_with_its_place_in_a_bundle_on_a_line(staff):
    QuarantinedResource.objects.create(file="lines.ndjson", index=41_007, entry=52_009, reason="no id", resource=None)
    content = staff.get(address(QuarantinedResource, "changelist")).content.decode()
    for name in ("index", "entry"):
        assert f"field-{name}" in content
    assert any(number in content for number in ("52009", "52.009", "52,009"))
