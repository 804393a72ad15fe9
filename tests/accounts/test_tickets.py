import datetime as dt
from concurrent.futures import ThreadPoolExecutor

import pytest
import time_machine
from django.db import connections

from healthmate.accounts import services
from healthmate.accounts.models import TokenFamily, User
from healthmate.common.errors import ApiError


def refused(ticket):
    with pytest.raises(ApiError) as refusal:
        services.redeem_ticket(ticket=ticket)
    return refusal.value.error.code == "INVALID_TOKEN"


def test_a_ticket_opens_one_socket_for_its_user(http, make_user, log_in):
    user = make_user()
    answer = http.post("/auth/ws-ticket", headers={"Authorization": f"Bearer {log_in()['access_token']}"})
    body = answer.json()
    assert (answer.status_code, body) == (200, {"ticket": body["ticket"], "expires_in": 30})
    assert answer.headers["cache-control"] == "no-store"
    assert len(body["ticket"]) >= 43
    assert services.redeem_ticket(ticket=body["ticket"]) == user
    assert refused(body["ticket"])


@pytest.fixture
def ticket(make_user):
    from tests.accounts.conftest import PASSWORD

    def make(*, good_for=3600):
        user = make_user()
        services.log_in(email=user.email, password=PASSWORD)
        end = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=good_for)
        return services.issue_ticket(family=TokenFamily.objects.get(), expires_at=end).ticket

    return make


@pytest.mark.django_db
def test_a_ticket_lasts_half_a_minute(ticket):
    now = dt.datetime.now(dt.UTC)
    with time_machine.travel(now, tick=False):
        late = ticket()
    with time_machine.travel(now + dt.timedelta(seconds=31), tick=False):
        assert refused(late)


@pytest.mark.django_db
def test_a_ticket_is_good_for_no_longer_than_its_token(ticket):
    now = dt.datetime.now(dt.UTC).replace(microsecond=0)
    with time_machine.travel(now, tick=False):
        login = services.redeem_ticket_for_login(ticket=ticket(good_for=90))
        assert login.expires_at == now + dt.timedelta(seconds=90)
        TokenFamily.objects.all().delete()
        User.objects.all().delete()
        held = ticket(good_for=10)
    with time_machine.travel(now + dt.timedelta(seconds=10), tick=False):
        assert refused(held)


@pytest.mark.django_db
def test_logging_out_takes_the_ticket_along(ticket):
    held = ticket()
    services.revoke_families(family_ids=[TokenFamily.objects.get().pk])
    assert refused(held)


@pytest.mark.django_db
@pytest.mark.parametrize("made_up", ["", "x", "é\x00", "x" * 100_000])
def test_a_made_up_ticket_opens_nothing(made_up):
    assert refused(made_up)


def test_of_many_that_redeem_a_ticket_at_once_one_wins(database, ticket):
    held = ticket()

    def redeem(_):
        try:
            return services.redeem_ticket(ticket=held).email
        except ApiError as refusal:
            return refusal.error.code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        results = sorted(pool.map(redeem, range(8)))
    assert results == ["INVALID_TOKEN"] * 7 + ["ana@clinic.example"]
