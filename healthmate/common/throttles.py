"""Limits on how often a client may ask; each reads its rate from the settings when it is asked."""

import hashlib
import math
import re
from typing import Any

from django.conf import settings
from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle

from healthmate.common import devices, errors
from healthmate.common.errors import ApiError

OFF = "off"
MAX_DIGITS = 7
_RATE = re.compile(r"([1-9][0-9]*)/(s|sec|second|m|min|minute|h|hour|d|day)", re.ASCII)
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def parse_rate(rate: str) -> tuple[int, int] | None:
    """`30/min` as (requests, seconds); None for `off`. Raises ValueError for anything else."""
    if rate == OFF:
        return None
    match = _RATE.fullmatch(rate)
    if not match:
        raise ValueError(f"{rate!r} is not a rate: write a number and a period such as 30/min, or off")
    return int(match[1]), _SECONDS[match[2][0]]


def parse_count(count: str) -> int | None:
    """`20` as a number; None for `off`. Raises ValueError for anything else."""
    if count == OFF:
        return None
    if not (count.isascii() and count.isdigit() and len(count) < MAX_DIGITS and int(count)):
        raise ValueError(f"{count!r} is not a count: write a number such as 20, or off")
    return int(count)


class SettingThrottle(SimpleRateThrottle):
    """So many requests per period, counted atomically from the first one on; `setting` names the rate."""

    setting: str

    def __init__(self) -> None:
        self.limit = parse_rate(getattr(settings, self.setting))
        self.wait_seconds: int | None = None

    def allow_request(self, request: Request, view: Any) -> bool:
        """Count the request; False, with `wait` known, when it is one too many."""
        if self.limit is None:
            return True
        key = self.get_cache_key(request, view)
        return key is None or self._count(key, *self.limit)

    def count(self, who: str) -> None:
        """Count something that `who` does outside of REST. Raises ApiError RATE_LIMITED when it is one too many."""
        if self.limit is not None and not self._count(self.key_for(who), *self.limit):
            raise ApiError(errors.RATE_LIMITED)

    def wait(self) -> float | None:
        """Whole seconds until the period ends, at least 1."""
        return self.wait_seconds

    def key_for(self, who: str) -> str:
        """A cache key for `who` under this limit; nothing personal stands in it."""
        return f"rate:{self.setting}:{hashlib.sha256(who.encode()).hexdigest()}"

    def _count(self, key: str, allowed: int, seconds: int) -> bool:
        now = self.timer()
        self.cache.add(key, now, seconds)
        started = self.cache.get(key, now)
        counter = f"{key}:{started}"
        self.cache.add(counter, 0, 2 * seconds)
        if self.cache.incr(counter) <= allowed:
            return True
        self.wait_seconds = max(1, math.ceil(started + seconds - now))
        return False


class AddressThrottle(SettingThrottle):
    """`RATE_ADDRESS` per network address."""

    setting = "RATE_ADDRESS"

    def get_cache_key(self, request: Request, view: Any) -> str | None:
        """One count per address, which a proxy names only when PROXIES_IN_FRONT says so."""
        return self.key_for(client_address(request))


class MessageThrottle(SettingThrottle):
    """`RATE_MESSAGES` per user or device; a device without an id yet is held by AddressThrottle alone."""

    setting = "RATE_MESSAGES"

    def get_cache_key(self, request: Request, view: Any) -> str | None:
        """One count per user or device. Raises ApiError INVALID_DEVICE_ID."""
        if request.user and request.user.is_authenticated:
            return self.key_for(f"user:{request.user.pk}")
        device = devices.read_device(request)
        return self.key_for(f"device:{device.id}") if device else None


class LoginAddressThrottle(AddressThrottle):
    """`RATE_LOGIN` per network address."""

    setting = "RATE_LOGIN"


class LoginEmailThrottle(SettingThrottle):
    """`RATE_LOGIN` per email that is tried, so that many addresses do not help to guess one password."""

    setting = "RATE_LOGIN"

    def get_cache_key(self, request: Request, view: Any) -> str | None:
        """One count per email, whether or not a user has it. Raises what parsing the body raises."""
        body = request.data
        email = body.get("email") if isinstance(body, dict) else None
        return self.key_for(f"email:{email.strip().lower()}") if isinstance(email, str) else None


def client_address(request: Request) -> str:
    """The client's address; X-Forwarded-For is believed as far as PROXIES_IN_FRONT proxies wrote it."""
    remote = str(request.META.get("REMOTE_ADDR") or "unknown")
    proxies = int(settings.PROXIES_IN_FRONT)
    written = str(request.headers.get("X-Forwarded-For", ""))
    forwarded = [part.strip() for part in written.split(",") if part.strip()]
    return forwarded[-min(proxies, len(forwarded))] if proxies and forwarded else remote
