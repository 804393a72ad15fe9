"""Writes: logging in and out, rotating refresh tokens, tickets for sockets."""

import hashlib
import logging
import math
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID, uuid4

from django.contrib.auth import authenticate
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.db import transaction
from django.views.decorators.debug import sensitive_variables

from healthmate.accounts import selectors, tokens
from healthmate.accounts.models import TokenFamily, User
from healthmate.accounts.tokens import Login, TokenPair
from healthmate.common import clock, errors
from healthmate.common.cleanup import CleanUp
from healthmate.common.errors import ApiError
from healthmate.common.steps import now

logger = logging.getLogger(__name__)

TICKET_SECONDS = 30
TICKET_BYTES = 32


@dataclass(frozen=True, kw_only=True)
class Ticket:
    """A secret that opens one socket, once."""

    ticket: str
    expires_in: int  # seconds


@sensitive_variables("password")
def log_in(*, email: str, password: str) -> TokenPair:
    """Start a family. Raises ApiError INVALID_CREDENTIALS, the same and in the same time whatever is wrong."""
    user = authenticate(username=email, password=password)
    if not isinstance(user, User):
        raise ApiError(errors.INVALID_CREDENTIALS)
    family = TokenFamily(id=uuid4(), user=user, password_mark=user.get_session_auth_hash())
    pair = tokens.issue_pair(user_id=user.pk, family_id=family.pk)
    family.current_jti, family.expires_at = pair.jti, pair.refresh_expires_at
    with transaction.atomic():
        family.save(force_insert=True)
        User.objects.filter(pk=user.pk).update(last_login=clock.now())
    return pair


def refresh(*, refresh_token: str) -> TokenPair:
    """Trade a refresh token for a new pair; a used one ends its family. Raises ApiError INVALID_TOKEN."""
    claims = tokens.read_refresh(refresh_token)
    with transaction.atomic():
        pair = _rotate(claims)
    # The transaction above has to commit a revocation, so the refusal waits until here.
    if pair is None:
        raise ApiError(errors.INVALID_TOKEN)
    return pair


def _rotate(claims: tokens.Claims) -> TokenPair | None:
    families = TokenFamily.objects.select_for_update(of=("self",)).select_related("user")
    family = families.filter(pk=claims.family_id, user_id=claims.user_id).first()
    if family is None or not family.is_good(clock.now()):
        return None
    if not secrets.compare_digest(family.current_jti, claims.jti):
        logger.warning("refresh token used twice: family %s revoked", family.pk)
        revoke_families(family_ids=[family.pk])
        return None
    pair = tokens.issue_pair(user_id=family.user_id, family_id=family.pk)
    family.current_jti, family.expires_at = pair.jti, pair.refresh_expires_at
    family.save(update_fields=["current_jti", "expires_at"])
    return pair


def log_out(*, refresh_token: str) -> None:
    """Revoke the token's family; again is no error. Raises ApiError INVALID_TOKEN for what we never issued."""
    revoke_families(family_ids=[tokens.read_refresh_to_revoke(refresh_token).family_id])


def revoke_families(*, family_ids: list[UUID]) -> int:
    """End these logins at once, access tokens included; how many were good until now."""
    live = TokenFamily.objects.filter(pk__in=family_ids, revoked_at=None)
    return live.update(revoked_at=clock.now())


# Their newest refresh token is good no more.
expired_families = CleanUp(over=lambda: TokenFamily.objects.filter(expires_at__lte=clock.now()), since="expires_at")
expired_admin_sessions = CleanUp(over=lambda: Session.objects.filter(expire_date__lte=clock.now()), since="expire_date")


def issue_ticket(*, family: TokenFamily, expires_at: datetime) -> Ticket:
    """A single-use ticket for a socket, good for TICKET_SECONDS while the login is.

    `expires_at` is the end of the access token that it stands for: neither it nor its socket is good for longer.
    """
    ticket = secrets.token_urlsafe(TICKET_BYTES)
    held = (str(family.pk), str(family.user_id), expires_at.timestamp())
    seconds = max(0, min(TICKET_SECONDS, math.ceil((expires_at - clock.now()).total_seconds())))
    cache.set(_ticket_key(ticket), held, seconds)
    return Ticket(ticket=ticket, expires_in=seconds)


def redeem_ticket(*, ticket: str) -> User:
    """The user of a ticket, once. Raises ApiError INVALID_TOKEN for one unknown, used, expired or logged out."""
    return redeem_ticket_for_login(ticket=ticket).family.user


def redeem_ticket_for_login(*, ticket: str) -> Login:
    """Whose ticket it is, and until when the token it was issued for is good; once. Raises ApiError INVALID_TOKEN."""
    key = _ticket_key(ticket)
    held = cache.get(key)
    # Deleting is atomic and tells who did it: of two that redeem at once, one wins.
    if held is None or not cache.delete(key):
        raise ApiError(errors.INVALID_TOKEN)
    family_id, user_id, end = held
    expires_at = datetime.fromtimestamp(end, UTC)
    family = now(selectors.good_family(family_id=UUID(family_id), user_id=UUID(user_id)))
    if family is None or expires_at <= clock.now():
        raise ApiError(errors.INVALID_TOKEN)
    return Login(family=family, expires_at=expires_at)


def _ticket_key(ticket: str) -> str:
    return f"ws-ticket:{hashlib.sha256(ticket.encode()).hexdigest()}"
