"""The door to simplejwt: access and refresh tokens, and who bears one."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
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
from healthmate.common.steps import Steps, now, on_loop

FAMILY_CLAIM = "family"
SCHEME = "bearer"
FOREVER = timedelta(days=36_500)


@dataclass(frozen=True, kw_only=True)
class Claims:
    """What a token of ours says: who logged in, in which family, and the token's own id."""

    user_id: UUID
    family_id: UUID
    jti: str
    expires_at: datetime

    @classmethod
    def of(cls, payload: Any) -> Self:
        """Read a verified token's payload. Raises ApiError INVALID_TOKEN when it lacks a claim."""
        try:
            return cls(
                user_id=UUID(payload[api_settings.USER_ID_CLAIM]),
                family_id=UUID(payload[FAMILY_CLAIM]),
                jti=str(payload[api_settings.JTI_CLAIM]),
                expires_at=datetime.fromtimestamp(payload["exp"], UTC),
            )
        except (KeyError, ValueError, TypeError, AttributeError, OverflowError, OSError):
            raise ApiError(errors.INVALID_TOKEN) from None


@dataclass(frozen=True, kw_only=True)
class TokenPair:
    """Both tokens of a family, with what the family keeps of them."""

    access_token: str
    refresh_token: str
    expires_in: int  # seconds until the access token expires
    jti: str
    refresh_expires_at: datetime


@dataclass(frozen=True, kw_only=True)
class Login:
    """Who bears an access token, and until when it is good."""

    family: TokenFamily
    expires_at: datetime


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
        raw = _bearer_token(request)
        return None if raw is None else _accepted(now(_logging_in(raw)))

    async def authenticate_on_loop(self, request: Request) -> tuple[User, TokenFamily] | None:
        """The same, without a thread."""
        raw = _bearer_token(request)
        return None if raw is None else _accepted(await on_loop(_logging_in(raw), once=True))

    def authenticate_header(self, request: Request) -> str:
        """The challenge of a 401."""
        return CHALLENGE


def bearer_of(raw: str) -> TokenFamily:
    """The good family, with its user, of an access token. Raises ApiError INVALID_TOKEN."""
    return login_of(raw).family


def login_of(raw: str) -> Login:
    """The good family, with its user, of an access token, and the token's end. Raises ApiError INVALID_TOKEN."""
    login = now(_logging_in(raw))
    if login is None:
        raise ApiError(errors.INVALID_TOKEN)
    return login


def _logging_in(raw: str) -> Steps[Login | None]:
    try:
        claims = read_access(raw)
    except ApiError:
        return None
    family = yield from selectors.good_family(family_id=claims.family_id, user_id=claims.user_id)
    return Login(family=family, expires_at=claims.expires_at) if family else None


def _bearer_token(request: Request) -> str | None:
    scheme, _, raw = request.headers.get("Authorization", "").strip().partition(" ")
    return raw.strip() if scheme.lower() == SCHEME else None


def _accepted(login: Login | None) -> tuple[User, TokenFamily]:
    if login is None:
        raise AuthenticationFailed
    return login.family.user, login.family


def end_of_token(request: Request) -> datetime:
    """When the access token that a request bears expires. Raises ApiError INVALID_TOKEN."""
    return read_access(_bearer_token(request) or "").expires_at


def _verified(kind: type[Token], raw: Any) -> Token:  # simplejwt's own annotation asks for a Token here
    try:
        return kind(raw)
    except TokenError:
        raise ApiError(errors.INVALID_TOKEN) from None
