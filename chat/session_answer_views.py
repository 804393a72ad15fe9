"""Seed 4: what a user may do with an answer: have it written again, stop it, rate it."""

from uuid import UUID

from django.http.response import HttpResponseBase
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from chat.serializers import FeedbackIn, FeedbackOut, StopOut
from chat.services import runs
from chat.services.chat_service import ChatService
from chat.services.stopping import stop
from chat.session_views import EXAMPLE_ANSWER, EXAMPLE_STREAM, SESSION_ERRORS, SESSION_ID, UserStreamView, UserView
from chat.stream_views import STOPPED_RUN, wanted_run
from chat.views import parse_thread_id
from healthmate.common import errors
from healthmate.common.db import in_db
from healthmate.common.errors import ApiError
from healthmate.common.schema import BODY_ERRORS, USER_ONLY, answer, body, error_responses, event_stream, path_parameter


class RegenerateView(UserStreamView):
    """`POST /api/chat/realtime/sessions/{id}/regenerate`."""

    @extend_schema(
        tags=["sessions"],
        summary="Answer the last message again",
        description="Streams like `.../stream`; the new answer takes the place of the old one.",
        auth=USER_ONLY,
        parameters=[SESSION_ID],
        request=None,
        responses={
            **event_stream(EXAMPLE_STREAM),
            **error_responses(*BODY_ERRORS, *SESSION_ERRORS, errors.NOTHING_TO_REGENERATE, errors.RUN_ACTIVE),
        },
    )
    async def post(self, request: Request, session_id: str) -> HttpResponseBase:
        """Answer the last message again."""
        run = await ChatService().regenerate(owner=self.owner(request), thread_id=parse_thread_id(session_id))
        return await self.stream(request, run.id)


class StopView(UserView):
    """`POST /api/chat/realtime/sessions/{id}/stop`."""

    @extend_schema(
        tags=["sessions"],
        summary="Stop the running answer",
        description=(
            "What has been written is kept, with the flag `cancelled`; the stream closes with its `done`. "
            "Answers when it is over, after 5 seconds at most."
        ),
        auth=USER_ONLY,
        parameters=[SESSION_ID, STOPPED_RUN],
        request=None,
        responses={
            200: answer(StopOut, {"stopped": True, "run_id": EXAMPLE_ANSWER["run_id"]}, "Whether it was stopped."),
            **error_responses(*BODY_ERRORS, *SESSION_ERRORS),
        },
    )
    async def post(self, request: Request, session_id: str) -> Response:
        """Stop the running answer."""
        owner, thread_id, run_id = self.owner(request), parse_thread_id(session_id), wanted_run(request)
        return Response(StopOut(await stop(owner=owner, thread_id=thread_id, run_id=run_id)).data)


class FeedbackView(UserView):
    """`POST /api/chat/realtime/sessions/{id}/messages/{message_id}/feedback`."""

    @extend_schema(
        tags=["sessions"],
        summary="Rate an answer",
        description="`up` or `down`; rating again replaces the first.",
        auth=USER_ONLY,
        parameters=[SESSION_ID, path_parameter("message_id", "The answer's id.")],
        request=body(FeedbackIn, {"rating": "up", "comment": "Clear and quick."}),
        responses={
            200: answer(
                FeedbackOut,
                {"message_id": EXAMPLE_ANSWER["message_id"], "rating": "up", "comment": "Clear and quick."},
                "Kept.",
            ),
            **error_responses(*BODY_ERRORS, *SESSION_ERRORS, errors.MESSAGE_NOT_FOUND),
        },
    )
    async def post(self, request: Request, session_id: str, message_id: str) -> Response:
        """Rate an answer."""
        given = self.parsed(request, FeedbackIn)
        try:
            answer_id = UUID(message_id)
        except ValueError:
            raise ApiError(errors.MESSAGE_NOT_FOUND) from None
        feedback = await in_db(
            runs.rate_answer,
            owner=self.owner(request),
            thread_id=parse_thread_id(session_id),
            message_id=answer_id,
            **given,
        )
        return Response({"message_id": message_id, "rating": feedback.rating, "comment": feedback.comment})
