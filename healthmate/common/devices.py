"""Device ids: the bearer secret that names a conversation's device, never a person (design, section 3)."""

import re
import secrets
from dataclasses import dataclass
from uuid import RFC_4122, UUID

from django.core.signing import BadSignature, Signer
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.crypto import salted_hmac
from rest_framework.request import Request

from healthmate.common import errors
from healthmate.common.errors import ApiError

HEADER = "X-Device-ID"
COOKIE = "device_id"
COOKIE_AGE = 365 * 24 * 3600  # seconds
MINTED_BYTES = 24
MIN_DISTINCT = 6

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE | re.ASCII)
_OWN = re.compile(r"[A-Za-z0-9_-]{22,128}", re.ASCII)
_NAMES = re.compile(r"default|anonymous|undefined|unknown", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Device:
    """A device's id; `minted` when the server made it for this very request."""

    id: str
    minted: bool = False


def mint_device() -> Device:
    """A new device with an unguessable id, signed so that no client can make up one of the same form."""
    return Device(id=_signer().sign(secrets.token_urlsafe(MINTED_BYTES)), minted=True)


def parse_device_id(text: str) -> str:
    """The id in its one form. Raises ApiError INVALID_DEVICE_ID for what could be guessed or is forged."""
    usable = _is_minted(text) if "." in text else _is_unguessable(text)
    if not usable:
        raise ApiError(errors.INVALID_DEVICE_ID)
    return text.lower() if _UUID.fullmatch(text) else text


def read_device(request: HttpRequest | Request) -> Device | None:
    """The device that the header names, else the cookie; None when neither does.

    Raises ApiError INVALID_DEVICE_ID for a bad header; a bad cookie counts as none, since no page can mend it.
    """
    if named := request.headers.get(HEADER, "").strip():
        return Device(id=parse_device_id(named))
    if kept := request.COOKIES.get(COOKIE, ""):
        try:
            return Device(id=parse_device_id(kept))
        except ApiError:
            return None
    return None


def device_for(request: HttpRequest | Request) -> Device:
    """The request's device, or a new one. Raises ApiError INVALID_DEVICE_ID for a bad header."""
    return read_device(request) or mint_device()


def attach(response: HttpResponseBase, device: Device, request: HttpRequest | Request) -> None:
    """Tell the client its id: always in the header, in an HttpOnly cookie too when it is new."""
    response.headers[HEADER] = device.id
    if device.minted:
        response.set_cookie(
            COOKIE, device.id, max_age=COOKIE_AGE, httponly=True, samesite="Lax", secure=request.is_secure()
        )


def short_hash(device_id: str) -> str:
    """12 hex digits that stand for a device in logs, limits and access events, and give no access."""
    return salted_hmac("healthmate.device.hash", device_id, algorithm="sha256").hexdigest()[:12]


def _signer() -> Signer:
    return Signer(salt="healthmate.device", sep=".")


def _is_minted(text: str) -> bool:
    try:
        _signer().unsign(text)
    except BadSignature:
        return False
    return True


def _is_unguessable(text: str) -> bool:
    """A version 4 UUID, or 22 and more URL-safe characters; neither of few characters, nor a default's name."""
    if _UUID.fullmatch(text):
        uuid = UUID(text)
        return uuid.version == 4 and uuid.variant == RFC_4122 and len(set(uuid.hex)) >= MIN_DISTINCT  # noqa: PLR2004 (the version that is random)
    return bool(_OWN.fullmatch(text)) and not _NAMES.search(text) and len(set(text)) >= MIN_DISTINCT
