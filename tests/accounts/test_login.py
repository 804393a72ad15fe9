import datetime as dt

import jwt
import pytest
import time_machine
from django.contrib.auth import hashers

from healthmate.accounts import services
from healthmate.accounts.models import TokenFamily, User
from healthmate.common.errors import ApiError

from .conftest import PASSWORD

BAD_CREDENTIALS = {"error": {"code": "INVALID_CREDENTIALS", "message": "The email or the password is not right."}}
ENGLISH = {"Accept-Language": "en"}


def test_a_login_answers_a_pair_of_tokens_and_nothing_else(http, make_user):
    user = make_user()
    response = http.post("/auth/login", json={"email": " Ana@Clinic.EXAMPLE ", "password": PASSWORD})
    assert response.status_code == 200
    assert response.headers["cache-control"] == "no-store"
    body = response.json()
    assert body == {
        "access_token": body["access_token"],
        "token_type": "bearer",
        "refresh_token": body["refresh_token"],
        "expires_in": 1800,
    }
    family = TokenFamily.objects.get()
    claims = jwt.decode(body["access_token"], options={"verify_signature": False})
    assert (claims["sub"], claims["family"]) == (str(user.pk), str(family.pk))
    assert claims["exp"] - claims["iat"] == 1800
    assert jwt.get_unverified_header(body["access_token"])["alg"] == "HS256"
    assert User.objects.get().last_login is not None


@pytest.mark.parametrize(
    "credentials",
    [
        {"email": "ana@clinic.example", "password": "wrong"},
        {"email": "nobody@clinic.example", "password": PASSWORD},
        {"email": "off@clinic.example", "password": PASSWORD},
        {"email": "unusable@clinic.example", "password": PASSWORD},
        {"email": "not an email", "password": PASSWORD},
        {"email": "ana@clinic.example", "password": f" {PASSWORD} "},
    ],
)
def test_whatever_is_wrong_with_the_credentials_the_answer_is_the_same(http, make_user, credentials):
    make_user()
    make_user("off@clinic.example", is_active=False)
    make_user("unusable@clinic.example", password=None)
    response = http.post("/auth/login", json=credentials, headers=ENGLISH)
    assert (response.status_code, response.json()) == (401, BAD_CREDENTIALS)
    assert response.headers["www-authenticate"] == 'Bearer realm="HealthMate"'
    assert TokenFamily.objects.count() == 0


@pytest.mark.django_db
@pytest.mark.parametrize("email", ["ana@clinic.example", "off@clinic.example", "nobody@clinic.example"])
def test_a_refusal_hashes_once_whoever_is_named(make_user, monkeypatch, email):
    make_user()
    make_user("off@clinic.example", is_active=False)
    hashed = []
    hasher = hashers.get_hasher().__class__
    encode = hasher.encode
    monkeypatch.setattr(hasher, "encode", lambda self, *args: hashed.append(1) or encode(self, *args))
    with pytest.raises(ApiError):
        services.log_in(email=email, password="wrong")
    assert len(hashed) == 1


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "email: This field is required."),
        ({"email": "", "password": "x"}, "email: This field may not be blank."),
        ({"email": "a@b.example"}, "password: This field is required."),
        ({"email": None, "password": "x"}, "email: This field may not be null."),
        ({"email": 7, "password": "x"}, "email: Not a valid string."),
        ({"email": "a@b.example", "password": True}, "password: Not a valid string."),
        ({"email": ["a@b.example"], "password": "x"}, "email: Not a valid string."),
        ({"email": "a" * 300, "password": "x"}, "email: Ensure this field has no more than 254 characters."),
        ({"email": "a@b.example", "password": "x\x00"}, "Text may not contain NUL characters."),
    ],
)
def test_a_body_that_is_no_login_is_refused_with_a_sentence(http, body, message):
    response = http.post("/auth/login", json=body, headers=ENGLISH)
    assert response.status_code == 400
    assert response.json()["error"]["code"] == "INVALID_REQUEST"
    assert response.json()["error"]["message"] == message


def test_a_body_in_chunks_without_a_length_is_read(http, make_user):
    make_user()
    chunks = iter([b'{"email": "ana@clinic.example", ', f'"password": "{PASSWORD}"}}'.encode()])
    response = http.post("/auth/login", content=chunks, headers={"Content-Type": "application/json"})
    assert response.status_code == 200


def test_a_stale_token_does_not_keep_anybody_from_logging_in(http, make_user):
    make_user()
    credentials = {"email": "ana@clinic.example", "password": PASSWORD}
    response = http.post("/auth/login", json=credentials, headers={"Authorization": "Bearer gone"})
    assert response.status_code == 200


def test_the_other_form_of_the_address_answers_without_a_redirect(http, make_user):
    make_user()
    credentials = {"email": "ana@clinic.example", "password": PASSWORD}
    assert http.post("/auth/login/", json=credentials).status_code == 200


def test_neither_password_nor_tokens_are_logged(http, make_user, log_in, caplog):
    caplog.set_level("DEBUG")
    make_user()
    pair = log_in()
    http.post("/auth/login", json={"email": "ana@clinic.example", "password": "a-wrong-secret"})
    for _ in range(2):
        http.post("/auth/refresh", json={"refresh_token": pair["refresh_token"]})
    assert "used twice" in caplog.text
    for secret in (PASSWORD, "a-wrong-secret", pair["refresh_token"], pair["access_token"]):
        assert secret not in caplog.text


def test_attempts_are_limited_per_email_and_the_wait_is_told(http, make_user, settings):
    make_user()
    settings.RATE_LOGIN = "2/min"
    settings.PROXIES_IN_FRONT = 1
    attempt = {"email": "ana@clinic.example", "password": "wrong"}
    answers = [
        http.post("/auth/login", json=attempt, headers={**ENGLISH, "X-Forwarded-For": f"10.0.0.{n}"}) for n in range(3)
    ]
    assert [answer.status_code for answer in answers] == [401, 401, 429]
    assert answers[2].json() == {
        "error": {"code": "RATE_LIMITED", "message": "Too many requests; wait a moment and try again."}
    }
    assert 1 <= int(answers[2].headers["retry-after"]) <= 60
    other = {"email": "other@clinic.example", "password": "wrong"}
    assert http.post("/auth/login", json=other, headers={"X-Forwarded-For": "10.0.0.9"}).status_code == 401


def test_attempts_are_limited_per_address_whatever_email_is_tried(http, database, settings):
    settings.RATE_LOGIN = "2/min"
    answers = [
        http.post("/auth/login", json={"email": f"user{n}@clinic.example", "password": "wrong"}) for n in range(3)
    ]
    assert [answer.status_code for answer in answers] == [401, 401, 429]


def test_a_limit_is_lifted_after_its_period(http, make_user, settings):
    make_user()
    settings.RATE_LOGIN = "1/min"
    attempt = {"email": "ana@clinic.example", "password": "wrong"}
    now = dt.datetime.now(dt.UTC)
    with time_machine.travel(now):
        assert [http.post("/auth/login", json=attempt).status_code for _ in range(2)] == [401, 429]
    with time_machine.travel(now + dt.timedelta(seconds=61)):
        assert http.post("/auth/login", json=attempt).status_code == 401
