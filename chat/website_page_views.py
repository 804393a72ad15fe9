"""What a page needs beside the website's streams: the conversation so far, stop, start over."""

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from chat.models import Run
from chat.owners import Owner
from chat.serializers import MessageOut, StopOut
from chat.services import website
from chat.services.recovery import settle
from chat.services.stopping import StopOutcome, stop, stop_all
from chat.stream_views import STOPPED_RUN, wanted_run
from chat.views import EXAMPLE_HISTORY, EXAMPLE_RUN, ConversationView, client_language
from healthmate.common import devices, errors
from healthmate.common.db import in_db
from healthmate.common.schema import ANYBODY, BODY_ERRORS, answer, error_responses, nothing

DEVICE_ERRORS = (errors.INVALID_DEVICE_ID, errors.INVALID_TOKEN, errors.RATE_LIMITED)
EXAMPLE_RUNNING = {
    "run_id": EXAMPLE_RUN["run_id"],
    "message_id": "c424aa4f-829b-43bc-8d9c-44208a09dba9",
    "status": "in_progress",
}


class RunningOut(serializers.Serializer[object]):
    """The answer that is being written."""

    run_id = serializers.UUIDField(source="id", help_text="For `GET /chat/stream?run_id=`.")
    message_id = serializers.UUIDField(help_text="The message that it answers.")
    status = serializers.ChoiceField(choices=[Run.Status.QUEUED.value, Run.Status.IN_PROGRESS.value])


class WebsiteHistoryOut(serializers.Serializer[object]):
    """Answer of `GET /chat/history`."""

    thread_id = serializers.UUIDField(allow_null=True)
    messages = MessageOut(many=True)
    running = RunningOut(allow_null=True)


class WebsiteHistoryView(ConversationView):
    """`GET /chat/history`."""

    @extend_schema(
        tags=["website"],
        summary="Read the device's conversation",
        description=(
            "What a page shows when it opens, without the answer that is still `running`: that is in "
            "`GET /chat/stream?run_id=`. Empty once the session is over: the next person may sit there. "
            "A device without an id gets one in `X-Device-ID` and a cookie."
        ),
        auth=ANYBODY,
        responses={
            200: answer(WebsiteHistoryOut, {**EXAMPLE_HISTORY, "running": EXAMPLE_RUNNING}, "The conversation."),
            **error_responses(*DEVICE_ERRORS),
        },
    )
    async def get(self, request: Request) -> Response:
        """Read the device's conversation."""
        device = None if request.user.is_authenticated else devices.device_for(request)
        owner = Owner(device_id=device.id) if device else Owner(user_id=request.user.pk)
        await settle(owner=owner)
        response = Response(WebsiteHistoryOut(await in_db(website.history, owner=owner)).data)
        response.headers["Cache-Control"] = "no-store"
        if device:
            devices.attach(response, device, request)
        return response


class WebsiteStopView(ConversationView):
    """`POST /chat/stop`."""

    @extend_schema(
        tags=["website"],
        summary="Stop the running answer",
        description=(
            "What has been written is kept, with the flag `cancelled`; the stream closes with `is_final`. "
            "Answers when it is over, after 5 seconds at most."
        ),
        auth=ANYBODY,
        parameters=[STOPPED_RUN],
        request=None,
        responses={
            200: answer(StopOut, {"stopped": True, "run_id": EXAMPLE_RUN["run_id"]}, "Whether it was stopped."),
            **error_responses(*BODY_ERRORS, *DEVICE_ERRORS),
        },
    )
    async def post(self, request: Request) -> Response:
        """Stop the running answer."""
        owner, run_id = _known_owner(request), wanted_run(request)
        thread = await in_db(website.open_conversation, owner=owner) if owner else None
        if owner is None or thread is None:
            return Response(StopOut(StopOutcome(stopped=False)).data)
        return Response(StopOut(await stop(owner=owner, thread_id=thread.id, run_id=run_id)).data)


class WebsiteResetView(ConversationView):
    """`POST /chat/reset`."""

    @extend_schema(
        tags=["website"],
        summary="Start over",
        description="Closes the device's conversation, stops its answer, and forgets who was writing.",
        auth=ANYBODY,
        request=None,
        responses={204: nothing("The next message begins another."), **error_responses(*BODY_ERRORS, *DEVICE_ERRORS)},
    )
    async def post(self, request: Request) -> Response:
        """Start over."""
        if owner := _known_owner(request):
            if thread := await in_db(website.open_conversation, owner=owner):
                await stop_all(owner=owner, thread_id=thread.id)
            await in_db(website.start_over, owner=owner, language=client_language())
        return Response(status=204)


def _known_owner(request: Request) -> Owner | None:
    """Who asks; nobody in particular has nothing to stop or to leave."""
    if request.user.is_authenticated:
        return Owner(user_id=request.user.pk)
    device = devices.read_device(request)
    return Owner(device_id=device.id) if device else None
