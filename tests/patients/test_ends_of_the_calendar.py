"""The first and the last days that dates can name, wherever somebody may write them."""

from datetime import date

import pytest
from django.contrib.auth import get_user_model
from django.urls import reverse

from healthmate.common.dates import dates_in, part_of_day_of, span_of
from patients import tools
from patients.fhir.dates import parse_instant
from patients.models import ClinicalRecord, Slot

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]
ZONES = ["America/Bogota", "UTC", "Asia/Tokyo", "Pacific/Kiritimati", "Pacific/Pago_Pago"]
ENDS = ["0001-01-01", "0001-01-02", "1000-01-01", "9999-12-30", "9999-12-31", None]


@pytest.mark.parametrize("zone", ZONES)
def test_a_search_for_any_days_is_answered(make_slot, make_context, settings, zone):
    settings.TIME_ZONE = zone
    make_slot()
    for first in ENDS:
        for last in ENDS:
            wish = tools.find_slots.arguments.model_validate({"date_from": first, "date_to": last})
            result = tools.find_slots.run(wish, make_context())
            reversed_days = bool(first and last and last < first)
            assert result.code == ("DATES_REVERSED" if reversed_days else None)
            if not reversed_days:
                fits = (first or "") < "2026" and (last or "9") > "2026"
                assert [len(result.data["slots"]), len(result.data.get("alternatives", "x"))] == [int(fits), 1]


@pytest.mark.parametrize(
    "words",
    [
        "31/12/9999",
        "desde el 31/12/2199",
        "from December 31, 2199 on",
        "antes del 1/1/1880",
        "after 31 December 9999",
        "el 0001-01-01",
        "el 1 de enero de 0001",
        "in 99 months",
        "en 99 meses",
        "dentro de 99 semanas",
        "los próximos 99 meses",
        "99/99/9999",
        "00/00/0000",
        "29 de febrero",
        "el día 31",
        "el día 99",
        "del 31 al 1 de febrero",
    ],
)
def test_words_about_any_days_are_read(make_slot, make_context, words):
    make_slot()
    wish = tools.find_slots.arguments.model_validate({"when": words})
    assert tools.find_slots.run(wish, make_context()).code in {None, "DATES_REVERSED"}
    dates_in(words)
    part_of_day_of(words)
    for today in (date(2026, 1, 31), date(2028, 2, 29), date(2026, 12, 31)):
        span_of(words, today)


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize(
    "written", ["0001-01-01T00:00:00Z", "0001-01-01", "0001", "9999-12-31", "9999-12-31T23:59:59Z"]
)
def test_what_systems_write_for_no_date_is_kept_as_text(settings, zone, written):
    settings.TIME_ZONE = zone
    assert parse_instant(written) is None


def test_records_of_no_date_open_in_the_admin(fhir_bundle, fhir_patient, import_ok, client):
    ends = ["0001-01-01T00:00:00Z", "0001-01-01", "9999-12-31T23:59:59+00:00", "0002-01-01", "9998-12-31T23:59:59Z"]
    records = [
        {"resourceType": "Condition", "id": f"c{n}", "onsetDateTime": when, "abatementDateTime": when}
        for n, when in enumerate(ends)
    ]
    import_ok(fhir_bundle(fhir_patient(birthDate="9999-12-31"), *records))
    client.force_login(get_user_model().objects.create_superuser("admin@clinic.example", "a-password"))
    for address in ("clinicalrecord", "patient"):
        assert client.get(reverse(f"admin:patients_{address}_changelist")).status_code == 200
    for record in ClinicalRecord.objects.all():
        assert client.get(reverse("admin:patients_clinicalrecord_change", args=[record.pk])).status_code == 200
    assert sorted(ClinicalRecord.objects.values_list("recorded_text", flat=True)) == sorted(ends)
    assert ClinicalRecord.objects.filter(recorded_at=None, ended_at=None).count() == 3


@pytest.mark.parametrize("day", ["9999-12-31", "0001-01-01"])
def test_a_slot_at_the_ends_of_the_calendar_breaks_no_page(make_practitioner, make_context, client, day):
    client.force_login(get_user_model().objects.create_superuser("admin@clinic.example", "a-password"))
    data = {"practitioner": make_practitioner().pk, "starts_at_0": day, "starts_at_1": "23:00"}
    data |= {"ends_at_0": day, "ends_at_1": "23:30"}
    response = client.post(reverse("admin:patients_slot_add"), data)
    assert response.status_code == 200  # the form again, with its complaint
    assert response.context["adminform"].form.errors
    assert not Slot.objects.exists()
    assert client.get(reverse("admin:patients_slot_changelist")).status_code == 200
