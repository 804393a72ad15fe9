from datetime import date, timedelta
from io import StringIO

import pytest
import time_machine
from django.contrib.auth import authenticate
from django.core.management import CommandError, call_command
from django.utils import timezone

from patients.management.commands import seed_demo
from patients.models import (
    Appointment,
    ClinicalRecord,
    Patient,
    PatientIdentifier,
    Practitioner,
    QuarantinedResource,
    Slot,
)
from patients.selectors import SlotSearch, free_slots

pytestmark = pytest.mark.django_db


def seed(**options):
    output = StringIO()
    call_command("seed_demo", stdout=output, **options)
    return output.getvalue()


def counts():
    models = (Patient, PatientIdentifier, ClinicalRecord, Practitioner, Slot, Appointment)
    return [model.objects.count() for model in models]


@pytest.fixture
def seeded():
    return seed(password="a-password-of-ours")


@pytest.mark.usefixtures("seeded")
def test_the_sample_patient_is_there_with_her_record():
    laura = Patient.objects.get(identifiers__document_type_id=8, identifiers__normalized="30995750")
    assert (laura.full_name, laura.birth_date, laura.language) == ("Laura Morales", date(1990, 5, 14), "es")
    kinds = set(laura.records.values_list("resource_type", flat=True))
    assert kinds >= {
        "AllergyIntolerance",
        "Condition",
        "DocumentReference",
        "Encounter",
        "Immunization",
        "MedicationRequest",
        "Observation",
        "Procedure",
    }
    a1c = laura.records.filter(code="4548-4").order_by("recorded_at")
    assert [record.value.split()[0] for record in a1c] == ["8.1", "7.6", "7.2", "6.9", "6.8"]


@pytest.mark.usefixtures("seeded")
def test_a_dozen_patients_in_any_document_and_some_without_allergies():
    assert Patient.objects.count() == 12
    assert QuarantinedResource.objects.count() == 0
    assert ClinicalRecord.objects.filter(resource_type="AllergyIntolerance", negated=True).count() >= 1
    types = PatientIdentifier.objects.values_list("document_type__code", flat=True)
    assert set(types) == {"CC", "CE", "TI", "RC", "PA", "PT", "CD", "MR"}


@pytest.mark.usefixtures("seeded")
def test_the_agenda_covers_three_weeks_of_weekdays_and_many_specialties():
    days = {timezone.localtime(start).date() for start in Slot.objects.values_list("starts_at", flat=True)}
    coming = {day for day in days if day > timezone.localdate()}
    assert all(day.weekday() < 5 for day in days)
    assert len(coming) == 15
    for specialty in ("medicina general", "pediatra", "cardiology", "dermatología", "ginecología", "psicología"):
        assert free_slots(SlotSearch(specialty=specialty))


@pytest.mark.usefixtures("seeded")
def test_there_are_visits_of_the_past_and_to_come():
    now = timezone.now()
    assert Appointment.objects.filter(status="fulfilled", slot__starts_at__lt=now).count() == 3
    assert Appointment.objects.filter(status="booked", slot__starts_at__gt=now).count() == 2


def test_running_again_changes_nothing_and_later_tops_up():
    with time_machine.travel("2026-11-21 15:00Z") as clock:
        seed(password="one")
        first = counts()
        seed(password="one")
        assert counts() == first
        clock.shift(timedelta(days=7))
        seed(password="one")
        assert Slot.objects.count() > first[4]
        assert Slot.objects.latest("starts_at").starts_at.date() >= date(2026, 12, 18)


def test_a_week_on_any_day_of_the_year():
    for day in range(7):
        with time_machine.travel(f"2026-02-{22 + day} 15:00Z"):
            seed(password="one")
    assert Appointment.objects.filter(status="fulfilled").count() == 3


def test_users_can_log_in_with_what_they_may_do(seeded):
    users = [authenticate(username=f"{who}@healthmate.demo", password="a-password-of-ours") for who in USERS]
    assert [(user.is_staff, user.is_superuser) for user in users] == [(True, True), (True, False), (False, False)]
    assert users[1].has_perm("patients.view_clinicalrecord")
    assert not users[1].has_perm("patients.change_patient")
    assert "a-password-of-ours" not in seeded


USERS = ("admin", "clinician", "patient")


def test_without_debug_a_password_must_be_named(settings):
    settings.DEBUG = False
    with pytest.raises(CommandError, match="--password PW"):
        seed()
    assert Patient.objects.count() == 0


def test_with_debug_the_default_password_is_told_and_a_changed_one_stays(settings):
    settings.DEBUG = True
    assert "healthmate-demo" in seed()
    user = authenticate(username="admin@healthmate.demo", password="healthmate-demo")
    user.set_password("changed")
    user.save()
    seed()
    assert authenticate(username="admin@healthmate.demo", password="changed")


def test_it_ends_by_saying_where_to_click(settings):
    settings.PORT = 8123
    output = seed(password="one")
    for address in ("/admin/", "/docs", "/chat/create", "/chat/update/$THREAD"):
        assert f"http://127.0.0.1:8123{address}" in output


def test_records_that_are_not_taken_are_named_and_nothing_is_left(monkeypatch, fhir_file):
    bad = fhir_file({"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "Condition"}}]}, "bad.json")
    monkeypatch.setattr(seed_demo, "PEOPLE", bad)
    with pytest.raises(CommandError) as refused:
        seed(password="a-password-of-ours")
    assert str(refused.value) == f"The demo's records were not taken. Run import_fhir {bad} to see why."
    assert QuarantinedResource.objects.count() == 0
