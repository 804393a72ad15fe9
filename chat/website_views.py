"""Seed 5: the chat of the clinic's website, by device."""

from collections.abc import Awaitable, Callable
from dataclasses import asdict, replace
from datetime import timedelta
from typing import TypeVar

from django.http.response import HttpResponseBase
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from chat import selectors
from chat.media import check_urls, transcripts_of
from chat.models import Run, Thread
from chat.owners import Owner
from chat.run_log import KEEP_SECONDS
from chat.serializers import RunOut, WebsiteMessageIn, message_text
from chat.services.chat_service import ChatService
from chat.services.conversations import Incoming, repeated_run
from chat.services.openai_service import OpenAIService
from chat.services.runs import mark_seen
from chat.sse import website_events, website_events_with_ids
from chat.stream_views import AFTER, RUN_ID, StreamView, resume_after, wanted_run
from chat.views import (
    EXAMPLE_RUN,
    IDEMPOTENCY_KEY,
    MESSAGE_ERRORS,
    RUN_ERRORS,
    ConversationView,
    client_language,
    idempotency_key,
)
from healthmate.common import clock, devices, errors
from healthmate.common.db import in_db
from healthmate.common.devices import Device
from healthmate.common.schema import ANYBODY, answer, body, error_responses, event_stream, nothing
from healthmate.common.throttles import AddressThrottle, MessageThrottle

AnyResponse = TypeVar("AnyResponse", bound=HttpResponseBase)
# A short answer may be over before the EventSource of the seed's example has connected.
JUST_FINISHED = timedelta(seconds=60)
MEDIA_ERRORS = (errors.URL_REFUSED, errors.TRANSCRIPTION_UNAVAILABLE)
EXAMPLE_MESSAGE = {"content": "Hello, I want to schedule an appointment", "media_urls": [], "audio_urls": []}
EXAMPLE_STREAM = (
    'data: {"content":"Hello, I am Anna","timestamp":"2026-11-21T15:04:05.123456Z","is_final":false,"seq":2}\n\n'
    'data: {"content":"","timestamp":"2026-11-21T15:04:05.223456Z","is_final":true,"flags":[],"seq":3}\n\n'
)


class WebsiteView(ConversationView):
    """A view that makes out the device, or gives it an id, and sends what it wrote."""

    throttle_classes = (AddressThrottle, MessageThrottle)

    async def accept(self, request: Request) -> tuple[Run, Device | None]:
        """Store the message and start its run; the device is for the answer's headers."""
        message = self.parsed(request, WebsiteMessageIn)
        device = None if request.user.is_authenticated else devices.device_for(request)
        owner = Owner(device_id=device.id) if device else Owner(user_id=request.user.pk)
        incoming = Incoming(
            content=message["content"],
            media_urls=tuple(message["media_urls"]),
            audio_urls=tuple(message["audio_urls"]),
            idempotency_key=idempotency_key(request),
            language=client_language(),
        )
        return await self._send(owner, incoming), device

    async def _send(self, owner: Owner, incoming: Incoming) -> Run:
        """Send it once what came with it is checked and its recordings are read: nothing is stored before."""
        if incoming.media_urls or incoming.audio_urls:
            repeated = await in_db(repeated_run, owner=owner, place=Thread.Kind.WEBSITE, incoming=incoming)
            if repeated:
                return repeated
            await check_urls(incoming.media_urls, field="media_urls")
            spoken = await transcripts_of(incoming.audio_urls, OpenAIService())
            incoming = replace(incoming, transcripts=tuple(spoken))
            message_text("".join((incoming.content, *spoken)))
        return await ChatService().send(owner=owner, thread_id=None, incoming=incoming)


class ChatView(WebsiteView):
    """`POST /chat/`."""

    @extend_schema(
        tags=["website"],
        summary="Send a message and wait for its answer",
        description="A device without an id gets one in `X-Device-ID` and a cookie; they carry the conversation.",
        auth=ANYBODY,
        parameters=[IDEMPOTENCY_KEY],
        request=body(WebsiteMessageIn, EXAMPLE_MESSAGE),
        responses={
            200: answer(RunOut, EXAMPLE_RUN, "The answer."),
            **error_responses(*MESSAGE_ERRORS, *MEDIA_ERRORS, *RUN_ERRORS),
        },
    )
    async def post(self, request: Request) -> Response:
        """Send a message and wait for its answer."""
        run, device = await self.accept(request)
        outcome = await ChatService().process_message(run)
        return _for_device(Response(RunOut(asdict(outcome)).data), device, request)


class ChatStreamView(WebsiteView, StreamView):
    """`POST` and `GET /chat/stream`."""

    plain = staticmethod(website_events)
    numbered = staticmethod(website_events_with_ids)

    @extend_schema(
        tags=["website"],
        summary="Send a message and read its answer as it is written",
        description=(
            "Server-sent events: pieces of `content`, then one with `is_final`. A client that goes away loses nothing: "
            "the answer is stored, and `GET /chat/stream` picks it up."
        ),
        auth=ANYBODY,
        parameters=[IDEMPOTENCY_KEY],
        request=body(WebsiteMessageIn, EXAMPLE_MESSAGE),
        responses={**event_stream(EXAMPLE_STREAM), **error_responses(*MESSAGE_ERRORS, *MEDIA_ERRORS)},
    )
    async def post(self, request: Request) -> HttpResponseBase:
        """Send a message and stream its answer."""
        run, device = await self.accept(request)
        return _for_device(await self.stream(request, run.id), device, request)

    @extend_schema(
        tags=["website"],
        summary="Follow the device's running answer",
        description=(
            "For `EventSource`: the running answer, or the last one that was not seen to its end. "
            "`Last-Event-ID` or `?after=` resumes. 204, which ends an `EventSource`, when there is none."
        ),
        auth=ANYBODY,
        parameters=[AFTER, RUN_ID],
        responses={
            **event_stream(EXAMPLE_STREAM),
            204: nothing("There is no answer to follow."),
            **error_responses(
                errors.INVALID_REQUEST, errors.INVALID_DEVICE_ID, errors.INVALID_TOKEN, errors.RATE_LIMITED
            ),
        },
    )
    async def get(self, request: Request) -> HttpResponseBase:
        """Follow the running answer."""
        after, run_id = resume_after(request), wanted_run(request)
        window = timedelta(seconds=KEEP_SECONDS) if after else JUST_FINISHED
        device = None if request.user.is_authenticated else devices.read_device(request)
        if device is None and not request.user.is_authenticated:
            return Response(status=204)
        owner = Owner(device_id=device.id) if device else Owner(user_id=request.user.pk)
        if run_id:
            run = await in_db(selectors.website_run, owner, run_id)
        else:
            run = await in_db(selectors.run_to_watch, owner, finished_after=clock.now() - window)
        if run is None:
            return Response(status=204)
        response = await self.stream(request, run.id, after=after)
        response.stream.on_delivered = _seen(run)
        return _for_device(response, device, request)


def _for_device(response: AnyResponse, device: Device | None, request: Request) -> AnyResponse:
    if device:
        devices.attach(response, device, request)
    return response


def _seen(run: Run) -> Callable[[], Awaitable[None]]:
    async def mark() -> None:
        await in_db(mark_seen, run_id=run.id)

    return mark
