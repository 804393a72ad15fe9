import datetime as dt
import threading
import warnings

import jwt
import pytest
import time_machine
from django.conf import settings as django_settings

from healthmate.accounts import services
from healthmate.accounts.models import TokenFamily, User

ENGLISH = {"Accept-Language": "en"}
INVALID = {"error": {"code": "INVALID_TOKEN", "message": "The token is invalid or has expired; log in again."}}
NEEDED = {"error": {"code": "UNAUTHORIZED", "message": "Log in first: send `Authorization: Bearer <token>`."}}


@pytest.fixture
def refresh(http):
    return lambda token: http.post("/auth/refresh", json={"refresh_token": token}, headers=ENGLISH)


@pytest.fixture
def ticket(http):
    """A call that needs a token."""
    return lambda token: http.post("/auth/ws-ticket", headers={**ENGLISH, "Authorization": f"Bearer {token}"})


def forged(token, key="another-key-another-key-another-key-another-key", algorithm="HS256", **changes):
    claims = {**jwt.decode(token, options={"verify_signature": False}), **changes}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a key that is short for the algorithm is the forger's own affair
        return jwt.encode(claims, key, algorithm=algorithm)


def test_refreshing_gives_a_new_pair_and_the_old_token_ends_the_login(make_user, log_in, refresh, ticket):
    make_user()
    first = log_in()
    answer = refresh(first["refresh_token"])
    second = answer.json()
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert second == {
        "access_token": second["access_token"],
        "token_type": "bearer",
        "refresh_token": second["refresh_token"],
        "expires_in": 1800,
    }
    assert second["refresh_token"] != first["refresh_token"]
    third = refresh(second["refresh_token"]).json()
    assert ticket(third["access_token"]).status_code == 200

    again = refresh(first["refresh_token"])
    assert (again.status_code, again.json()) == (401, INVALID)
    assert refresh(third["refresh_token"]).json() == INVALID
    assert ticket(third["access_token"]).json() == INVALID


def test_another_login_of_the_same_user_is_another_family(make_user, log_in, refresh):
    make_user()
    one, other = log_in(), log_in()
    refresh(one["refresh_token"])
    assert refresh(one["refresh_token"]).status_code == 401
    assert refresh(other["refresh_token"]).status_code == 200


def test_of_two_refreshes_at_once_one_wins(make_user, log_in, server):
    import httpx

    make_user()
    token = log_in()["refresh_token"]
    together = threading.Barrier(8)
    answers = []

    def run():
        together.wait()
        answers.append(httpx.post(f"{server.url}/auth/refresh", json={"refresh_token": token}, timeout=30).status_code)

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [200] + [401] * 7


def test_what_is_no_refresh_token_is_refused(make_user, log_in, refresh):
    make_user()
    pair = log_in()
    for bad in (
        "garbage",
        "a.b.c",
        "é" * 50,
        "x" * 100_000,
        pair["access_token"],
        forged(pair["refresh_token"]),
        forged(pair["refresh_token"], key=None, algorithm="none"),
        forged(pair["refresh_token"], key=django_settings.SECRET_KEY, algorithm="HS512"),
        forged(pair["refresh_token"], key=django_settings.SECRET_KEY, family="nonsense"),
        forged(pair["refresh_token"], key=django_settings.SECRET_KEY, sub="7"),
        forged(pair["refresh_token"], key=django_settings.SECRET_KEY, family=None),
        pair["refresh_token"][:-3],
    ):
        answer = refresh(bad)
        assert (answer.status_code, answer.json()) == (401, INVALID)
    assert refresh(pair["refresh_token"]).status_code == 200


def test_a_refresh_token_of_another_user_opens_nothing(make_user, log_in, refresh):
    make_user()
    other = make_user("other@clinic.example")
    token = forged(log_in()["refresh_token"], key=django_settings.SECRET_KEY, sub=str(other.pk))
    assert refresh(token).json() == INVALID


def test_tokens_expire_in_their_time_and_a_refresh_prolongs_the_login(make_user, log_in, refresh, ticket):
    make_user()
    now = dt.datetime.now(dt.UTC).replace(microsecond=0)
    with time_machine.travel(now, tick=False):
        pair = log_in()
    with time_machine.travel(now + dt.timedelta(minutes=30, seconds=-1), tick=False):
        assert ticket(pair["access_token"]).status_code == 200
    with time_machine.travel(now + dt.timedelta(minutes=30), tick=False):
        assert ticket(pair["access_token"]).json() == INVALID
    with time_machine.travel(now + dt.timedelta(days=13), tick=False):
        later = refresh(pair["refresh_token"]).json()
    with time_machine.travel(now + dt.timedelta(days=26), tick=False):
        assert refresh(later["refresh_token"]).status_code == 200
    with time_machine.travel(now + dt.timedelta(days=41), tick=False):
        assert refresh(later["refresh_token"]).json() == INVALID


def test_logging_out_ends_access_at_once_and_may_be_repeated(http, make_user, log_in, refresh, ticket):
    make_user()
    pair = log_in()
    for _ in range(2):
        gone = http.post("/auth/logout", json={"refresh_token": pair["refresh_token"]})
        assert (gone.status_code, gone.content) == (204, b"")
    assert ticket(pair["access_token"]).json() == INVALID
    assert refresh(pair["refresh_token"]).json() == INVALID
    for bad in ("garbage", pair["access_token"]):
        assert http.post("/auth/logout", json={"refresh_token": bad}, headers=ENGLISH).json() == INVALID


def test_an_old_or_expired_refresh_token_still_logs_out(http, make_user, log_in, refresh, ticket):
    make_user()
    old = log_in()
    new = refresh(old["refresh_token"]).json()
    assert http.post("/auth/logout", json={"refresh_token": old["refresh_token"]}).status_code == 204
    assert ticket(new["access_token"]).status_code == 401
    with time_machine.travel(dt.datetime.now(dt.UTC) + dt.timedelta(days=400)):
        assert http.post("/auth/logout", json={"refresh_token": new["refresh_token"]}).status_code == 204


def test_a_user_who_is_switched_off_or_changes_the_password_is_logged_out(make_user, log_in, refresh, ticket):
    user = make_user()
    pair = log_in()
    User.objects.update(is_active=False)
    assert ticket(pair["access_token"]).json() == INVALID
    assert refresh(pair["refresh_token"]).json() == INVALID
    User.objects.update(is_active=True)
    assert ticket(pair["access_token"]).status_code == 200
    user.set_password("another-long-password")
    user.save()
    assert ticket(pair["access_token"]).json() == INVALID
    assert refresh(pair["refresh_token"]).json() == INVALID


def test_without_a_token_one_is_asked_for(http, database):
    for headers in ({}, {"Authorization": "Basic YTpi"}, {"Authorization": ""}):
        answer = http.post("/auth/ws-ticket", headers={**ENGLISH, **headers})
        assert (answer.status_code, answer.json()) == (401, NEEDED)
        assert answer.headers["www-authenticate"] == 'Bearer realm="HealthMate"'


def test_a_bad_token_is_named_as_such(http, make_user, log_in):
    make_user()
    pair = log_in()
    for bad in ("Bearer", "Bearer x", "bearer a.b.c", f"Bearer {pair['refresh_token']}", "Bearer a b"):
        answer = http.post("/auth/ws-ticket", headers={**ENGLISH, "Authorization": bad})
        assert (answer.status_code, answer.json()) == (401, INVALID)
        assert answer.headers["www-authenticate"] == 'Bearer realm="HealthMate"'
    for good in (f"bearer {pair['access_token']}", f"BEARER  {pair['access_token']}"):
        assert http.post("/auth/ws-ticket", headers={"Authorization": good}).status_code == 200


@pytest.mark.django_db
def test_a_bearer_is_found_in_one_query(make_user, django_assert_num_queries):
    from healthmate.accounts.tokens import bearer_of
    from tests.accounts.conftest import PASSWORD

    user = make_user()
    pair = services.log_in(email=user.email, password=PASSWORD)
    with django_assert_num_queries(1):
        assert bearer_of(pair.access_token).user == user


@pytest.mark.django_db
def test_expired_logins_are_deleted(make_user):
    from tests.accounts.conftest import PASSWORD

    user = make_user()
    now = dt.datetime.now(dt.UTC).replace(microsecond=0)
    for days in (0, 3):
        with time_machine.travel(now + dt.timedelta(days=days), tick=False):
            services.log_in(email=user.email, password=PASSWORD)
    with time_machine.travel(now + dt.timedelta(days=14), tick=False):
        assert services.expired_families.preview().count == 1
        assert services.expired_families.preview().oldest == now + dt.timedelta(days=14)
        assert TokenFamily.objects.count() == 2
        assert services.expired_families.run() == 1
        assert services.expired_families.run() == 0
    assert TokenFamily.objects.count() == 1
