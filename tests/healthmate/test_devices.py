import secrets
import uuid

import pytest
from django.http import HttpResponse
from django.test import RequestFactory

from healthmate.common import devices
from healthmate.common.errors import ApiError


def request(header=None, cookie=None, **extra):
    made = RequestFactory().get("/", **({"headers": {"X-Device-ID": header}} if header is not None else {}), **extra)
    if cookie is not None:
        made.COOKIES["device_id"] = cookie
    return made


def test_a_minted_id_is_new_every_time_and_comes_back_as_itself():
    first, second = devices.mint_device(), devices.mint_device()
    assert first.id != second.id
    assert first.minted
    assert len(first.id) <= 100
    assert devices.read_device(request(first.id)) == devices.Device(id=first.id)


def how_long(text):
    """A parameter's name, the same in every process although the text is not."""
    return f"{len(text)} characters"


@pytest.mark.parametrize(
    "own",
    [
        "0f8fad5b-d9cb-469f-a165-70867728950e",
        secrets.token_urlsafe(17),
        secrets.token_hex(16),
        "Zk3_9-aBcDeFgHiJkLmNoP"[:22],
        secrets.token_urlsafe(96),
        "1212312341234512345601",
        "abcdefgh_" * 4,
    ],
    ids=how_long,
)
def test_a_clients_own_unguessable_id_is_taken(own):
    assert devices.read_device(request(own)) == devices.Device(id=own)


def test_random_digits_are_taken_however_they_fall():
    for _ in range(2000):
        own = "".join(secrets.choice("0123456789") for _ in range(22))
        if len(set(own)) >= devices.MIN_DISTINCT:  # all but one in two million
            assert devices.parse_device_id(own) == own
        assert devices.parse_device_id(str(uuid.uuid4()))


def test_a_uuid_is_the_same_device_in_capitals():
    own = str(uuid.uuid4())
    assert devices.parse_device_id(own.upper()) == own


@pytest.mark.parametrize(
    "bad",
    [
        "default_user",
        "default_user_default_user",
        "default_user0000000000",
        "Default-User-aB3dE6gH9jK2",
        "a" * 22,
        "abc" * 10,
        "abcde" * 5,
        "anonymous-aB3dE6gH9jK2",
        "aB3dE6gH9jK2_undefined",
        "aB3dE6-UnKnown-gH9jK2",
        "0123456",
        "1" * 64,
        secrets.token_urlsafe(200),
        secrets.token_urlsafe(15)[:20],
        "áéíóúáéíóúáéíóúáéíóúáéíóú",
        "has spaces in it, and twenty-two letters",
        str(uuid.uuid1()),
        str(uuid.uuid5(uuid.NAMESPACE_DNS, "x")),
        str(uuid.UUID(int=0)),
        "00000000-0000-4000-8000-000000000000",
        "0f8fad5b-d9cb-469f-c165-70867728950e",
        secrets.token_urlsafe(24) + "." + secrets.token_urlsafe(32),
        secrets.token_urlsafe(24) + ".",
        ".",
        "x" * 10_000,
    ],
    ids=how_long,
)
def test_what_could_be_guessed_or_is_forged_is_refused(bad):
    with pytest.raises(ApiError) as refusal:
        devices.read_device(request(bad))
    assert refusal.value.error.code == "INVALID_DEVICE_ID"


def test_a_minted_id_with_one_letter_changed_is_refused():
    good = devices.mint_device().id
    bad = ("A" if good[0] != "A" else "B") + good[1:]
    with pytest.raises(ApiError):
        devices.parse_device_id(bad)


def test_a_minted_id_outlives_a_change_of_the_secret_with_a_fallback(settings):
    minted = devices.mint_device().id
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another-key-another-key-another-key-another-key-another"
    assert devices.parse_device_id(minted) == minted
    settings.SECRET_KEY_FALLBACKS = []
    with pytest.raises(ApiError):
        devices.parse_device_id(minted)


def test_the_header_comes_before_the_cookie():
    header, cookie = devices.mint_device().id, devices.mint_device().id
    assert devices.read_device(request(header, cookie)) == devices.Device(id=header)
    assert devices.read_device(request(None, cookie)) == devices.Device(id=cookie)
    assert devices.read_device(request("  ", cookie)) == devices.Device(id=cookie)


def test_nobody_in_particular_and_an_unusable_cookie_get_a_new_id():
    assert devices.read_device(request()) is None
    assert devices.read_device(request(None, "default_user")) is None
    assert devices.device_for(request(None, "default_user")).minted


def test_a_new_id_is_sent_in_the_header_and_in_a_cookie_scripts_cannot_read():
    response = HttpResponse()
    device = devices.mint_device()
    devices.attach(response, device, request())
    cookie = response.cookies["device_id"]
    assert response.headers["X-Device-ID"] == cookie.value == device.id
    assert (cookie["httponly"], cookie["samesite"], cookie["secure"]) == (True, "Lax", "")
    secure = HttpResponse()
    devices.attach(secure, device, request(secure=True))
    assert secure.cookies["device_id"]["secure"] is True


def test_a_known_id_is_sent_in_the_header_only():
    response = HttpResponse()
    own = str(uuid.uuid4())
    devices.attach(response, devices.Device(id=own), request(own))
    assert response.headers["X-Device-ID"] == own
    assert not response.cookies


def test_the_short_hash_names_a_device_without_giving_it_away():
    one, two = devices.mint_device().id, devices.mint_device().id
    assert devices.short_hash(one) == devices.short_hash(one) != devices.short_hash(two)
    assert len(devices.short_hash(one)) == 12
    assert devices.short_hash(one) not in one
