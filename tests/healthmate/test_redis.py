"""What else lives in Redis when REDIS_URL is set: the cache with the limits, and the channel layer."""

import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from channels_redis.core import RedisChannelLayer
from django.contrib.auth.models import AnonymousUser
from django.core.cache import cache
from django.test import RequestFactory
from rest_framework.request import Request

from healthmate import health
from healthmate.common import throttles


@pytest.fixture(params=[2, 3])
def shared(request, settings, redis_server):
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": f"{redis_server.url}?protocol={request.param}",
        }
    }
    return redis_server


def ask(address="10.0.0.1"):
    request = Request(RequestFactory().get("/", REMOTE_ADDR=address))
    request._user = AnonymousUser()
    throttle = throttles.AddressThrottle()
    return throttle.allow_request(request, None), throttle.wait()


def test_a_limit_is_kept_in_redis_and_exact_however_many_ask_at_once(shared, settings):
    settings.RATE_ADDRESS = "5/min"
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: ask(), range(40)))
    assert sorted(allowed for allowed, _ in answers) == [False] * 35 + [True] * 5
    # Who looked at the clock before the one that counted first waits for a part of a second more.
    assert {wait for allowed, wait in answers if not allowed} <= {60, 61}
    assert ask("10.0.0.2") == (True, None)
    keys = shared.ask("KEYS", "*rate:RATE_ADDRESS*")
    assert len(keys) == 4
    assert all(0 < shared.ask("TTL", key) <= 120 for key in keys)


async def test_the_probe_finds_it(shared):
    assert (await health.redis()).ok


def test_values_come_back(shared):
    value = {"id": uuid.UUID(int=7), "texts": ["ñ", b"\x00"], "number": 1.5}
    cache.set("key", value, 60)
    assert cache.get("key") == value
    assert cache.get("other") is None


async def test_the_channel_layer_reaches_another_process(redis_server):
    here, there = (RedisChannelLayer(hosts=[redis_server.url]) for _ in range(2))
    channel = await there.new_channel()
    await there.group_add("group", channel)
    await here.group_send("group", {"type": "said", "text": "ñ"})
    assert await there.receive(channel) == {"type": "said", "text": "ñ"}
    await here.close_pools()
    await there.close_pools()
