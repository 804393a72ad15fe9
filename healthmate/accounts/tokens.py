"""The door to simplejwt: access and refresh tokens, and who bears one."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self
from uuid import UUID, uuid4

from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request
from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.exceptions import TokenBackendError, TokenError
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken, Token

from healthmate.accounts import selectors
from healthmate.accounts.models import TokenFamily, User
from healthmate.common import errors
from healthmate.common.errors import CHALLENGE, ApiError

FAMILY_CLAIM = "family"
SCHEME = "bearer"
FOREVER = timedelta(days=36_500)


@dataclass(frozen=True, kw_only=True)
class Claims:
    """What a token of ours says: who logged in, in which family, and the token's own id."""

    user_id: UUID
    family_id: UUID
    jti: str

    @classmethod
    def of(cls, payload: Any) -> Self:
        """Read a verified token's payload. Raises ApiError INVALID_TOKEN when it lacks a claim."""
        try:
            return cls(
                user_id=UUID(payload[api_settings.USER_ID_CLAIM]),
                family_id=UUID(payload[FAMILY_CLAIM]),
                jti=str(payload[api_settings.JTI_CLAIM]),
            )
        except (KeyError, ValueError, TypeError, AttributeError):
            raise ApiError(errors.INVALID_TOKEN) from None


@dataclass(frozen=True, kw_only=True)
class TokenPair:
    """Both tokens of a family, with what the family keeps of them."""

    access_token: str
    refresh_token: str
    expires_in: int  # seconds until the access token expires
    jti: str
    refresh_expires_at: datetime


def issue_pair(*, user_id: UUID, family_id: UUID) -> TokenPair:
    """A new access and refresh token."""
    refresh = RefreshToken()
    refresh[api_settings.USER_ID_CLAIM] = str(user_id)
    refresh[FAMILY_CLAIM] = str(family_id)
    refresh[api_settings.JTI_CLAIM] = uuid4().hex
    return TokenPair(
        access_token=str(refresh.access_token),
        refresh_token=str(refresh),
        expires_in=int(api_settings.ACCESS_TOKEN_LIFETIME.total_seconds()),
        jti=refresh[api_settings.JTI_CLAIM],
        refresh_expires_at=refresh.current_time + refresh.lifetime,
    )


def read_access(raw: str) -> Claims:
    """An access token's claims. Raises ApiError INVALID_TOKEN."""
    return Claims.of(_verified(AccessToken, raw))


def read_refresh(raw: str) -> Claims:
    """A refresh token's claims. Raises ApiError INVALID_TOKEN."""
    return Claims.of(_verified(RefreshToken, raw))


def read_refresh_to_revoke(raw: Any) -> Claims:
    """A refresh token's claims even when it has expired. Raises ApiError INVALID_TOKEN if we did not sign it."""
    backend = TokenBackend(api_settings.ALGORITHM, api_settings.SIGNING_KEY, leeway=FOREVER)
    try:
        payload = backend.decode(raw)
    except TokenBackendError:
        raise ApiError(errors.INVALID_TOKEN) from None
    if payload.get(api_settings.TOKEN_TYPE_CLAIM) != RefreshToken.token_type:
        raise ApiError(errors.INVALID_TOKEN)
    return Claims.of(payload)


class BearerAuthentication(BaseAuthentication):
    """`Authorization: Bearer <access token>`; gives the user and the family, in one query."""

    def authenticate(self, request: Request) -> tuple[User, TokenFamily] | None:
        """The bearer; None without the header. Raises AuthenticationFailed (INVALID_TOKEN) for a bad one."""
        scheme, _, raw = request.headers.get("Authorization", "").strip().partition(" ")
        if scheme.lower() != SCHEME:
            return None
        try:
            family = bearer_of(raw.strip())
        except ApiError:
            raise AuthenticationFailed from None
        return family.user, family

    def authenticate_header(self, request: Request) -> str:
        """The challenge of a 401."""
        return CHALLENGE


def bearer_of(raw: str) -> TokenFamily:
    """The good family, with its user, of an access token. Raises ApiError INVALID_TOKEN."""
    claims = read_access(raw)
    family = selectors.good_family(family_id=claims.family_id, user_id=claims.user_id)
    if family is None:
        raise ApiError(errors.INVALID_TOKEN)
    return family


def _verified(kind: type[Token], raw: Any) -> Token:  # simplejwt's own annotation asks for a Token here
    try:
        return kind(raw)
    except TokenError:
        raise ApiError(errors.INVALID_TOKEN) from None
