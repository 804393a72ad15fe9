"""What answers with a stream: checked like every other address, then sent without a handler of Django's."""

import io
from typing import Any
from uuid import UUID

from corsheaders.middleware import CorsMiddleware
from django.core.exceptions import DisallowedHost
from django.core.handlers.asgi import ASGIRequest
from django.http.response import HttpResponseBase
from django.middleware.security import SecurityMiddleware
from django.utils import translation
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.request import Request
from rest_framework.response import Response

from chat.run_log import Encode
from chat.services.chat_service import ChatService
from chat.sse import EventStream, EventStreamResponse, Receive, Send, vocabulary
from chat.views import ConversationView
from healthmate.common import errors
from healthmate.common.envelope import as_json_response
from healthmate.common.errors import ApiError
from healthmate.common.throttles import MessageThrottle

RUN_ID = OpenApiParameter("run_id", UUID, description="Which answer to read: `X-Run-ID` of the stream that broke.")
STOPPED_RUN = OpenApiParameter("run_id", UUID, description="Which answer; without it the one that is being written.")
AFTER = OpenApiParameter("after", int, description="`seq` of the last event that the client has.")
MAX_BODY = 2_621_440  # bytes; more is refused by the parser, which reads no further


class AnyAccept(DefaultContentNegotiation):
    """Errors are JSON also for who asks for `text/event-stream`, as every `EventSource` does."""

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        """The first renderer, whatever is asked for."""
        return renderers[0], renderers[0].media_type


class StreamView(ConversationView):
    """A view whose handlers may return an EventStreamResponse."""

    content_negotiation_class = AnyAccept

    plain: Encode
    numbered: Encode

    def get_throttles(self) -> list[Any]:
        """Reading is not sending: it counts for the address only."""
        throttles: list[Any] = super().get_throttles()
        return [t for t in throttles if self.request.method == "POST" or not isinstance(t, MessageThrottle)]

    @classmethod
    async def serve(cls, scope: Any, receive: Receive, send: Send, **kwargs: Any) -> None:
        """Answer an ASGI request; nothing of Django is held while a stream flows."""
        body = await _read_body(receive)
        if body is None:
            return  # the client left before it had said what it wants
        request = ASGIRequest(scope, body)
        with translation.override(translation.get_language_from_request(request)):
            response = _through_middleware(request, await cls()._respond(request, **kwargs))
        await _start(send, response)
        stream = response.stream if isinstance(response, EventStreamResponse) else None
        if stream is None:
            await send({"type": "http.response.body", "body": response.content, "more_body": False})
        response.close()
        del request, response  # they are not needed for as long as the stream lasts
        if stream is not None:
            await stream.send(receive, send)

    async def _respond(self, request: ASGIRequest, **kwargs: Any) -> Any:
        try:
            request.get_host()
        except DisallowedHost:
            return as_json_response(ApiError(errors.INVALID_REQUEST, message=_("This host is not served here.")))
        response = await self.async_dispatch(request, **kwargs)
        return response.render() if isinstance(response, Response) else response

    async def stream(self, request: Request, run_id: UUID, *, after: int = 0) -> EventStreamResponse:
        """The run's events from number `after` on, in the words that the client understands."""
        encode = vocabulary(type(self).plain, type(self).numbered, request.headers.get("Accept", ""))
        response = EventStreamResponse(EventStream(await ChatService().feed(run_id), encode, after=after))
        response.headers["X-Run-ID"] = str(run_id)
        return response


def resume_after(request: Request) -> int:
    """The number of the last event that the client has: `Last-Event-ID`, else `?after=`, else 0.

    Raises ApiError INVALID_REQUEST for what is no number.
    """
    given = request.headers.get("Last-Event-ID", "") or request.query_params.get("after", "")
    if not given:
        return 0
    if not (given.isascii() and given.isdigit() and len(given) < len(str(2**31))):
        raise ApiError(errors.INVALID_REQUEST, message=_("Last-Event-ID and ?after= take the number of an event."))
    return int(given)


def wanted_run(request: Request) -> UUID | None:
    """The run that `?run_id=` names, if it does. Raises ApiError INVALID_REQUEST for what is no UUID."""
    given = request.query_params.get("run_id", "")
    try:
        return UUID(given) if given else None
    except ValueError:
        raise ApiError(errors.INVALID_REQUEST, message=_("?run_id= takes the id of a run.")) from None


def _through_middleware(request: ASGIRequest, response: Any) -> Any:
    """The headers, or the redirect to HTTPS, that all else gets from the middleware."""
    security = SecurityMiddleware(lambda _: response)
    secured = security.process_request(request) or security.process_response(request, response)
    return CorsMiddleware(lambda _: secured)(request)


async def _read_body(receive: Receive) -> io.BytesIO | None:
    body = io.BytesIO()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        if body.tell() <= MAX_BODY:
            body.write(message.get("body", b""))
        if not message.get("more_body"):
            body.seek(0)
            return body


async def _start(send: Send, response: HttpResponseBase) -> None:
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in response.items()]
    headers += [(b"set-cookie", cookie.OutputString().encode("latin-1")) for cookie in response.cookies.values()]
    await send({"type": "http.response.start", "status": response.status_code, "headers": headers})
