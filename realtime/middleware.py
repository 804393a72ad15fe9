"""Who opens a socket: four ways to say it, the origin of browsers, and until when it may stay open."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlparse

from channels.security.websocket import OriginValidator
from django.conf import settings
from django.http import HttpRequest
from django.utils import translation

from healthmate.common import errors
from healthmate.common.db import in_db
from healthmate.common.envelope import to_api_error
from healthmate.common.errors import ApiError
from realtime import access

SUBPROTOCOL = "bearer"


@dataclass(frozen=True, kw_only=True)
class Opening:
    """A handshake, judged: who opens the socket, or why it is refused; both are told over the socket."""

    language: str
    subprotocol: str | None
    clinician: access.Clinician | None = None
    refusal: ApiError | None = None


class Authenticated:
    """ASGI middleware: puts an Opening into the scope and takes what is secret out of it."""

    def __init__(self, app: Callable[[Any, Any, Any], Awaitable[None]]) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """The ASGI entry."""
        opening = await _judged(scope)
        open_scope = {name: value for name, value in scope.items() if name not in {"query_string", "subprotocols"}}
        await self._app({**open_scope, "query_string": b"", "opening": opening}, receive, send)


async def _judged(scope: Any) -> Opening:
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    language = _language(headers.get("accept-language", ""))
    subprotocols = scope.get("subprotocols", [])
    subprotocol = SUBPROTOCOL if SUBPROTOCOL in subprotocols else None
    try:
        if "origin" in headers and not _origin_is_allowed(headers["origin"]):
            raise ApiError(errors.FORBIDDEN)
        token, ticket = _credentials(scope, headers, subprotocols)
        clinician = await in_db(access.admit, token=token, ticket=ticket)
    except Exception as error:  # whatever went wrong, the client is told over the socket
        return Opening(language=language, subprotocol=subprotocol, refusal=to_api_error(error))
    return Opening(language=language, subprotocol=subprotocol, clinician=clinician)


def _credentials(scope: Any, headers: dict[str, str], subprotocols: list[str]) -> tuple[str, str]:
    """(token, ticket), one of them empty: what the first of the four ways gives. Raises ApiError UNAUTHORIZED."""
    scheme, _, token = headers.get("authorization", "").strip().partition(" ")
    if scheme.lower() == "bearer":
        return token.strip(), ""
    if SUBPROTOCOL in subprotocols:
        after = subprotocols.index(SUBPROTOCOL) + 1
        return (subprotocols[after] if after < len(subprotocols) else ""), ""
    query = parse_qs(scope.get("query_string", b"").decode("latin-1"))
    for name in ("ticket", "token"):
        if name in query:
            return ("", query[name][0]) if name == "ticket" else (query[name][0], "")
    raise ApiError(errors.UNAUTHORIZED)


def _origin_is_allowed(origin: str) -> bool:
    """Whether a browser's page may open sockets: one of this server's own hosts, or of CORS_ALLOWED_ORIGINS."""
    allowed = OriginValidator(None, [*settings.ALLOWED_HOSTS, *settings.CORS_ALLOWED_ORIGINS])
    try:
        return bool(allowed.valid_origin(urlparse(origin.lower())))
    except ValueError:  # no address at all
        return False


def _language(accepted: str) -> str:
    request = HttpRequest()
    request.META["HTTP_ACCEPT_LANGUAGE"] = accepted
    return translation.get_language_from_request(request)
