import datetime as dt
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
import time_machine
from django.contrib.auth.models import AnonymousUser
from django.test import RequestFactory
from rest_framework.parsers import JSONParser
from rest_framework.request import Request

from healthmate.common import throttles

NOW = dt.datetime(2026, 3, 2, 12, tzinfo=dt.UTC)


class Person:
    is_authenticated = True

    def __init__(self, pk):
        self.pk = pk


@pytest.fixture
def make_request():
    def make(address="10.0.0.1", user=None, body=None, **headers):
        plain = RequestFactory().post(
            "/", body or {}, content_type="application/json", headers=headers, REMOTE_ADDR=address
        )
        request = Request(plain, parsers=[JSONParser()])
        request._user = user or AnonymousUser()
        return request

    return make


def allowed(kind, request):
    return kind().allow_request(request, None)


def test_a_limit_counts_from_the_first_request_and_starts_afresh(settings, make_request):
    settings.RATE_ADDRESS = "2/min"
    with time_machine.travel(NOW, tick=False) as clock:
        assert allowed(throttles.AddressThrottle, make_request())
        clock.shift(45.5)
        assert allowed(throttles.AddressThrottle, make_request())
        refusing = throttles.AddressThrottle()
        assert not refusing.allow_request(make_request(), None)
        assert refusing.wait() == 15
        clock.shift(14.4)
        refusing = throttles.AddressThrottle()
        assert not refusing.allow_request(make_request(), None)
        assert refusing.wait() == 1
        clock.shift(0.2)
        assert allowed(throttles.AddressThrottle, make_request())


def test_each_address_has_its_own_count(settings, make_request):
    settings.RATE_ADDRESS = "1/min"
    assert allowed(throttles.AddressThrottle, make_request("10.0.0.1"))
    assert allowed(throttles.AddressThrottle, make_request("10.0.0.2"))
    assert not allowed(throttles.AddressThrottle, make_request("10.0.0.1"))


def test_off_lifts_a_limit(settings, make_request):
    settings.RATE_ADDRESS = "off"
    assert all(allowed(throttles.AddressThrottle, make_request()) for _ in range(500))


@pytest.mark.parametrize(
    ("proxies", "forwarded", "address"),
    [
        (0, "1.1.1.1", "10.0.0.1"),
        (1, None, "10.0.0.1"),
        (1, "1.1.1.1", "1.1.1.1"),
        (1, "6.6.6.6, 1.1.1.1", "1.1.1.1"),
        (2, "6.6.6.6, 1.1.1.1, 2.2.2.2", "1.1.1.1"),
        (3, "1.1.1.1, 2.2.2.2", "1.1.1.1"),
        (1, " , ", "10.0.0.1"),
    ],
)
def test_forwarded_addresses_are_believed_as_far_as_proxies_stand_in_front(
    settings, make_request, proxies, forwarded, address
):
    settings.PROXIES_IN_FRONT = proxies
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    assert throttles.client_address(make_request(**headers)) == address


def test_messages_are_counted_per_user_else_per_device(settings, make_request):
    settings.RATE_MESSAGES = "1/min"
    one, other = str(uuid.uuid4()), str(uuid.uuid4())
    requests = [
        make_request(**{"X-Device-ID": one}),
        make_request(**{"X-Device-ID": other}),
        make_request(user=Person(1), **{"X-Device-ID": one}),
        make_request(user=Person(2), **{"X-Device-ID": one}),
    ]
    assert all(allowed(throttles.MessageThrottle, request) for request in requests)
    assert not any(allowed(throttles.MessageThrottle, request) for request in requests)
    assert all(allowed(throttles.MessageThrottle, make_request()) for _ in range(3))


def test_an_email_is_counted_however_it_is_written(settings, make_request):
    settings.RATE_LOGIN = "2/min"
    written = ["ana@clinic.example", " ANA@Clinic.example ", "Ana@clinic.example"]
    answers = [allowed(throttles.LoginEmailThrottle, make_request(body={"email": email})) for email in written]
    assert answers == [True, True, False]


@pytest.mark.parametrize("body", [{"email": 7}, {"email": None}, {"mail": "x"}, ["x"]])
def test_a_body_without_an_email_is_left_to_the_view(settings, make_request, body):
    settings.RATE_LOGIN = "1/min"
    assert all(allowed(throttles.LoginEmailThrottle, make_request(body=body)) for _ in range(2))


def test_requests_at_once_do_not_slip_through(settings, make_request):
    settings.RATE_ADDRESS = "20/min"
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: allowed(throttles.AddressThrottle, make_request()), range(200)))
    assert answers.count(True) == 20


def test_nothing_personal_stands_in_a_key():
    key = throttles.LoginEmailThrottle().key_for("email:ana@clinic.example")
    assert "ana" not in key
    assert len(key) < 100
