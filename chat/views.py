"""Seed 1 over REST: parse, call the service, render."""

from dataclasses import asdict
from uuid import UUID

from django.utils.translation import get_language
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from chat.owners import Owner
from chat.serializers import HistoryOut, MessageIn, RunOut, ThreadCreated
from chat.services.chat_service import ChatService
from healthmate.common import devices, errors
from healthmate.common.errors import ApiError
from healthmate.common.throttles import AddressThrottle, MessageThrottle
from healthmate.common.views import ApiView

MAX_IDEMPOTENCY_KEY = 255


class ConversationView(ApiView):
    """A view for whoever has a conversation: a logged-in user, or a device without an account."""

    permission_classes = (AllowAny,)
    throttle_classes = (AddressThrottle,)

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

    async def post(self, request: Request) -> Response:
        """Start a conversation; a device without an id gets one."""
        device = None
        if request.user.is_authenticated:
            owner = Owner(user_id=request.user.pk)
        else:
            device = devices.read_device(request) or devices.mint_device()
            owner = Owner(device_id=device.id)
        language = "en" if (get_language() or "").startswith("en") else "es"
        thread = await ChatService().create_thread(owner=owner, language=language)
        response = Response(ThreadCreated({"thread_id": thread.id}).data, status=201)
        if device:
            devices.attach(response, device, request)
        return response


class UpdateThreadView(ConversationView):
    """`POST /chat/update/{thread_id}`."""

    throttle_classes = (AddressThrottle, MessageThrottle)

    async def post(self, request: Request, thread_id: str) -> Response:
        """Send a message and wait for its answer."""
        body = self.parsed(request, MessageIn)
        service = ChatService()
        run = await service.send(
            owner=self.owner(request),
            thread_id=parse_thread_id(thread_id),
            content=body["message"],
            idempotency_key=idempotency_key(request),
        )
        return Response(RunOut(asdict(await service.process_message(run))).data)


class ThreadView(ConversationView):
    """`GET /chat/{thread_id}`."""

    async def get(self, request: Request, thread_id: str) -> Response:
        """The conversation so far."""
        thread, messages = await ChatService().history(owner=self.owner(request), thread_id=parse_thread_id(thread_id))
        return Response(HistoryOut({"thread_id": thread.id, "messages": messages}).data)


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
        raise ApiError(errors.INVALID_REQUEST, message=f"Idempotency-Key: at most {MAX_IDEMPOTENCY_KEY} characters.")
    return key or None
