"""`/auth`: parse, call the service, render."""

from dataclasses import asdict
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from healthmate.accounts import services, tokens
from healthmate.accounts.serializers import LoginIn, RefreshIn, TicketOut, TokensOut
from healthmate.accounts.tokens import TokenPair
from healthmate.common import errors
from healthmate.common.db import in_db
from healthmate.common.schema import BODY_ERRORS, PUBLIC, USER_ONLY, answer, body, error_responses, nothing
from healthmate.common.throttles import AddressThrottle, LoginAddressThrottle, LoginEmailThrottle
from healthmate.common.views import ApiView

NO_STORE = {"Cache-Control": "no-store"}
EXAMPLE_REFRESH = {"refresh_token": "eyJhbGciOiJIUzI1NiJ9.eyJ0b2tlbl90eXBlIjoicmVmcmVzaCJ9.c2lnbmF0dXJl"}
EXAMPLE_TOKENS = {
    "access_token": "eyJhbGciOiJIUzI1NiJ9.eyJ0b2tlbl90eXBlIjoiYWNjZXNzIn0.c2lnbmF0dXJl",
    "token_type": "bearer",
    **EXAMPLE_REFRESH,
    "expires_in": 1800,
}


class TokenView(ApiView):
    """A view that needs no access token, and does not mind one that has expired."""

    authentication_classes = ()
    permission_classes = (AllowAny,)


class LoginView(TokenView):
    """`POST /auth/login`."""

    throttle_classes = (AddressThrottle, LoginAddressThrottle, LoginEmailThrottle)

    @extend_schema(
        tags=["accounts"],
        summary="Log in",
        description="Starts a login: a short-lived access token, and a refresh token that is good once.",
        auth=PUBLIC,
        request=body(LoginIn, {"email": "clinician@healthmate.demo", "password": "healthmate-demo"}),
        responses={
            200: answer(TokensOut, EXAMPLE_TOKENS, "Logged in."),
            **error_responses(*BODY_ERRORS, errors.INVALID_CREDENTIALS),
        },
    )
    async def post(self, request: Request) -> Response:
        """Log in."""
        credentials = self.parsed(request, LoginIn)
        return _tokens(await in_db(services.log_in, **credentials))


class RefreshView(TokenView):
    """`POST /auth/refresh`."""

    @extend_schema(
        tags=["accounts"],
        summary="Refresh the tokens",
        description="Trades the refresh token for a new pair. The old one is dead: using it again ends the login.",
        auth=PUBLIC,
        request=body(RefreshIn, EXAMPLE_REFRESH),
        responses={
            200: answer(TokensOut, EXAMPLE_TOKENS, "A new pair."),
            **error_responses(*BODY_ERRORS, errors.INVALID_TOKEN),
        },
    )
    async def post(self, request: Request) -> Response:
        """Refresh the tokens."""
        token = self.parsed(request, RefreshIn)
        return _tokens(await in_db(services.refresh, **token))


class LogoutView(TokenView):
    """`POST /auth/logout`."""

    @extend_schema(
        tags=["accounts"],
        summary="Log out",
        description="Ends the login: neither its refresh token nor its access token works any longer.",
        auth=PUBLIC,
        request=body(RefreshIn, EXAMPLE_REFRESH),
        responses={204: nothing("Logged out, now or before."), **error_responses(*BODY_ERRORS, errors.INVALID_TOKEN)},
    )
    async def post(self, request: Request) -> Response:
        """Log out."""
        token = self.parsed(request, RefreshIn)
        await in_db(services.log_out, **token)
        return Response(status=204)


class TicketView(ApiView):
    """`POST /auth/ws-ticket`."""

    @extend_schema(
        tags=["accounts"],
        summary="Get a ticket for a WebSocket",
        description="A single-use ticket for `?ticket=`, so that no token stands in an address.",
        auth=USER_ONLY,
        request=None,
        responses={
            200: answer(TicketOut, {"ticket": "Vb3nJ0i5m9Qk7c2LwYt4Zx8R", "expires_in": 30}, "A new ticket."),
            **error_responses(errors.UNAUTHORIZED, errors.INVALID_TOKEN, errors.RATE_LIMITED),
        },
    )
    async def post(self, request: Request) -> Response:
        """Get a ticket."""
        family: Any = request.auth
        ticket = await in_db(services.issue_ticket, family=family, expires_at=tokens.end_of_token(request))
        return Response(TicketOut(asdict(ticket)).data, headers=NO_STORE)


def _tokens(pair: TokenPair) -> Response:
    return Response(TokensOut({**asdict(pair), "token_type": "bearer"}).data, headers=NO_STORE)
