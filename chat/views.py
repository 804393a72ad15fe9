"""Seed 1 over REST: parse, call the service, render."""

from dataclasses import asdict
from uuid import UUID

from django.utils.translation import get_language
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny, BasePermission
from rest_framework.request import Request
from rest_framework.response import Response

from chat.owners import Owner
from chat.serializers import HistoryOut, MessageIn, RunOut, ThreadCreated
from chat.services.chat_service import ChatService
from chat.services.conversations import Incoming
from chat.services.recovery import settle
from healthmate.common import devices, errors
from healthmate.common.errors import ApiError
from healthmate.common.schema import (
    ANYBODY,
    BODY_ERRORS,
    USER_OR_DEVICE,
    answer,
    body,
    error_responses,
    header,
    path_parameter,
)
from healthmate.common.throttles import AddressThrottle, MessageThrottle
from healthmate.common.views import ApiView

MAX_IDEMPOTENCY_KEY = 255

EXAMPLE_THREAD = {"thread_id": "5b0f4c1e-9a53-4d5c-8d0e-2f6f9f2f4a10"}
EXAMPLE_RUN = {
    **EXAMPLE_THREAD,
    "run_id": "0d3c1f6a-7a0e-4a52-a1b8-58a5f1d5a1a7",
    "message_id": "7c1c6c0e-61cf-4c27-9d8e-6f0e2f1f6f11",
    "content": "These times are free:\n1. Tuesday 24 November, 10:00, Dra. Ana Ruiz",
    "tool_calls": [{"name": "fetch_patient_info", "ok": True}, {"name": "find_slots", "ok": True}],
    "flags": [],
}
EXAMPLE_HISTORY = {
    **EXAMPLE_THREAD,
    "messages": [
        {
            "id": "c424aa4f-829b-43bc-8d9c-44208a09dba9",
            "role": "user",
            "direction": "incoming",
            "content": "I would like an appointment",
            "media_url": None,
            "flags": [],
            "created_at": "2026-11-21T15:04:05.123456Z",
        }
    ],
}
THREAD_ID = path_parameter("thread_id", "The id that `POST /chat/create` answered.")
IDEMPOTENCY_KEY = header("Idempotency-Key", "The same key with the same message gets the first result again.")
MESSAGE_ERRORS = (
    *BODY_ERRORS,
    errors.INVALID_DEVICE_ID,
    errors.INVALID_TOKEN,
    errors.RUN_ACTIVE,
    errors.IDEMPOTENCY_KEY_REUSED,
    errors.MESSAGE_TOO_LONG,
)
RUN_ERRORS = (
    errors.LLM_ERROR,
    errors.LLM_TIMEOUT,
    errors.REQUEST_TIMEOUT,
    errors.PROCESSING_ERROR,
    errors.RUN_INTERRUPTED,
)


class ConversationView(ApiView):
    """A view for whoever has a conversation: a logged-in user, or a device without an account."""

    permission_classes: tuple[type[BasePermission], ...] = (AllowAny,)

    def owner(self, request: Request) -> Owner:
        """Who asks. Raises ApiError THREAD_NOT_FOUND for nobody in particular."""
        if request.user.is_authenticated:
            return Owner(user_id=request.user.pk)
        device = devices.read_device(request)
        if device is None:
            raise ApiError(errors.THREAD_NOT_FOUND)
        return Owner(device_id=device.id)


class CreateThreadView(ConversationView):
    """`POST /chat/create`."""

    @extend_schema(
        tags=["chat"],
        summary="Start a conversation",
        description="Answers the new thread's id. A device without an id gets one in `X-Device-ID` and a cookie.",
        auth=ANYBODY,
        request=None,
        responses={
            201: answer(ThreadCreated, EXAMPLE_THREAD, "Started."),
            **error_responses(*BODY_ERRORS, errors.INVALID_DEVICE_ID, errors.INVALID_TOKEN),
        },
    )
    async def post(self, request: Request) -> Response:
        """Start a conversation; a device without an id gets one."""
        device = None
        if request.user.is_authenticated:
            owner = Owner(user_id=request.user.pk)
        else:
            device = devices.read_device(request) or devices.mint_device()
            owner = Owner(device_id=device.id)
        language = client_language()
        thread = await ChatService().create_thread(owner=owner, language=language)
        response = Response(ThreadCreated({"thread_id": thread.id}).data, status=201)
        if device:
            devices.attach(response, device, request)
        return response


class UpdateThreadView(ConversationView):
    """`POST /chat/update/{thread_id}`."""

    throttle_classes = (AddressThrottle, MessageThrottle)

    @extend_schema(
        tags=["chat"],
        summary="Send a message and wait for its answer",
        description=(
            "The message is stored before anything else; when the answer fails, the error's `details` tell under "
            "which id. `flags`: `emergency`, `handover`, `scripted` (rules answered, not the model), `partial`. "
            "Up to 20 messages may wait for their turn in one thread."
        ),
        auth=USER_OR_DEVICE,
        parameters=[THREAD_ID, IDEMPOTENCY_KEY],
        request=body(MessageIn, {"message": "I would like an appointment"}),
        responses={
            200: answer(RunOut, EXAMPLE_RUN, "The answer."),
            **error_responses(*MESSAGE_ERRORS, errors.THREAD_NOT_FOUND, *RUN_ERRORS),
        },
    )
    async def post(self, request: Request, thread_id: str) -> Response:
        """Send a message and wait for its answer."""
        body = self.parsed(request, MessageIn)
        service = ChatService()
        run = await service.send(
            owner=self.owner(request),
            thread_id=parse_thread_id(thread_id),
            incoming=Incoming(content=body["message"], idempotency_key=idempotency_key(request)),
        )
        return Response(RunOut(asdict(await service.process_message(run))).data)


class ThreadView(ConversationView):
    """`GET /chat/{thread_id}`."""

    @extend_schema(
        tags=["chat"],
        summary="Read a conversation",
        description="All messages, each answer after its question.",
        auth=USER_OR_DEVICE,
        parameters=[THREAD_ID],
        responses={
            200: answer(HistoryOut, EXAMPLE_HISTORY, "The conversation."),
            **error_responses(
                errors.INVALID_DEVICE_ID, errors.INVALID_TOKEN, errors.THREAD_NOT_FOUND, errors.RATE_LIMITED
            ),
        },
    )
    async def get(self, request: Request, thread_id: str) -> Response:
        """The conversation so far."""
        owner, known_id = self.owner(request), parse_thread_id(thread_id)
        await settle(owner=owner, thread_id=known_id)
        thread, messages = await ChatService().history(owner=owner, thread_id=known_id)
        return Response(HistoryOut({"thread_id": thread.id, "messages": messages}).data)


def client_language() -> str:
    """The language that the client asks for, until the person's words tell: `es` or `en`."""
    return "en" if (get_language() or "").startswith("en") else "es"


def parse_thread_id(text: str) -> UUID:
    """A thread's id from an address. Raises ApiError THREAD_NOT_FOUND for what is none."""
    try:
        return UUID(text)
    except ValueError:
        raise ApiError(errors.THREAD_NOT_FOUND) from None


def idempotency_key(request: Request) -> str | None:
    """The `Idempotency-Key` header. Raises ApiError INVALID_REQUEST when it is over 255 characters."""
    key = request.headers.get("Idempotency-Key", "").strip()
    if len(key) > MAX_IDEMPOTENCY_KEY or not key.isprintable():
        raise ApiError(errors.INVALID_REQUEST, message=_("Idempotency-Key: at most 255 printable characters."))
    return key or None
