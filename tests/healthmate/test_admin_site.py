"""Whatever staff put into an address of the admin, the answer is a page, a redirect, or a 4xx."""

import json

import pytest
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.db.models import DateField, DateTimeField, JSONField
from django.test import Client
from django.urls import reverse

pytestmark = [
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
    # Outside of this suite it is no error that somebody writes no zone.
    pytest.mark.filterwarnings("ignore:DateTimeField .* received a naive datetime:RuntimeWarning"),
]
ALL = list(admin.site._registry)
LOOKUPS = [
    ("", "\x00"),
    ("__exact", "99999999999999999999999999"),
    ("__in", "a,,\x00"),
    ("__range", "5"),
    ("__regex", "("),
    ("__trigram_similar", "x"),
    ("__nothing", "x"),
]
DATE_LOOKUPS = [
    ("__year", "0"),
    ("__year", "99999999"),
    ("__year", "9999"),
    ("__month", "99"),
    ("__day", "x"),
    ("__gte", "9999-12-31"),
    ("__lt", "0001-01-01"),
    ("__gte", "10000-01-01"),
]
JSON_LOOKUPS = [("__a__b", "1"), ("__contains", "x"), ("__has_key", "\x00")]


@pytest.fixture
def staff():
    user = get_user_model().objects.create_superuser("admin@clinic.example", "a-password")
    client = Client(raise_request_exception=False)
    client.force_login(user)
    return client


def address(model, page, *args):
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


def lookups_of(field):
    if isinstance(field, DateField | DateTimeField):
        return LOOKUPS + DATE_LOOKUPS
    return LOOKUPS + JSON_LOOKUPS if isinstance(field, JSONField) else LOOKUPS


@pytest.mark.parametrize("model", ALL, ids=lambda model: model.__name__)
def test_no_filter_breaks_a_list(staff, model):
    queries = [{f"{field.name}{lookup}": value} for field in model._meta.fields for lookup, value in lookups_of(field)]
    hierarchy = admin.site._registry[model].date_hierarchy
    if hierarchy:
        for year, month, day in (("9999", "12", "31"), ("2024", "13", "1"), ("1", "1", "1"), ("2023", "2", "29")):
            parts = {"year": year, "month": month, "day": day}
            queries += [{f"{hierarchy}__{part}": parts[part] for part in list(parts)[:n]} for n in (1, 2, 3)]
    queries += [
        {"q": "\x00"},
        {"p": "99999999999999"},
        {"p": "-1"},
        {"o": "99.x.-1"},
        {"_to_field": "\x00"},
        {"e": "1"},
    ]
    broken = [query for query in queries if staff.get(address(model, "changelist"), query).status_code >= 500]
    assert broken == []


@pytest.mark.parametrize("model", ALL, ids=lambda model: model.__name__)
@pytest.mark.parametrize("key", ["%00", "a%00b", "99999999999999999999999999", "-1", "x" * 2000, "_00", "%ff", "..%2f"])
def test_a_key_that_no_row_can_have_is_not_found(staff, model, key):
    page = address(model, "changelist")
    for view in ("change", "delete", "history"):
        response = staff.get(f"{page}{key}/{view}/")
        # An unknown row is announced on the index; a page that takes nobody's changes may refuse first.
        assert response.status_code in {302, 403, 404}, (view, response.status_code)
    assert staff.post(f"{page}{key}/change/", {}).status_code in {302, 403, 404}


@pytest.mark.parametrize("model", ALL, ids=lambda model: model.__name__)
@pytest.mark.parametrize("key", ["\x00", "abc", "9" * 40])
def test_choosing_rows_that_cannot_be_is_no_server_error(staff, model, key):
    data = {"action": "delete_selected", "_selected_action": key, "post": "yes"}
    assert staff.post(address(model, "changelist"), data).status_code < 500


@pytest.mark.parametrize("model", ALL, ids=lambda model: model.__name__)
def test_a_new_row_is_not_filled_in_with_what_cannot_be(staff, model):
    for field in [*model._meta.fields, *model._meta.many_to_many]:
        for value in ("\x00", "abc", "9" * 40, "1,2,x"):
            assert staff.get(address(model, "add"), {field.name: value}).status_code < 500


def test_completing_is_no_server_error(staff):
    query = {"app_label": "patients", "model_name": "appointment", "field_name": "patient"}
    assert staff.get("/admin/autocomplete/", {**query, "term": "\x00"}).status_code == 400
    for more in ({"term": "x" * 9999}, {"page": "x"}, {"page": "0"}, {"field_name": "\x00"}, {"app_label": "\x00"}):
        assert staff.get("/admin/autocomplete/", {**query, **more}).status_code < 500
    for path in ("r/1/%00/", "r/%00/1/", "r/99999999999999999999/1/", "nothing/", "%00/"):
        assert staff.get(f"/admin/{path}").status_code == 404


def test_a_bad_filter_leads_to_the_page_that_says_so(staff):
    response = staff.get("/admin/patients/patient/", {"created_at__year": "0"})
    assert (response.status_code, response.headers["Location"]) == (302, "/admin/patients/patient/?e=1")
    assert staff.get(response.headers["Location"]).status_code == 200


def test_who_is_not_staff_learns_nothing(client):
    assert (
        client.get("/admin/patients/patient/", {"created_at__year": "0"})
        .headers["Location"]
        .startswith("/admin/login/")
    )


def test_an_error_that_no_query_caused_is_still_ours(staff, monkeypatch):
    def broken(self, request):
        raise ValueError

    monkeypatch.setattr(type(admin.site._registry[ALL[0]]), "get_queryset", broken)
    response = staff.get(address(ALL[0], "changelist"))
    assert response.status_code == 500
    assert json.loads(response.content)["error"]["code"] == "INTERNAL_ERROR"
