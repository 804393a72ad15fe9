"""Seed 4: a registered user's chat sessions, and `/api/chat` beside them."""

from typing import Any

from django.http.response import HttpResponseBase
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from chat import selectors
from chat.models import Thread
from chat.owners import Owner
from chat.serializers import (
    ApiMessageIn,
    ApiRunOut,
    SessionIn,
    SessionMessageIn,
    SessionOut,
    SessionPage,
    SessionTitleIn,
    SessionWithMessages,
)
from chat.services import sessions
from chat.services.chat_service import ChatService
from chat.services.conversations import Incoming
from chat.services.recovery import settle
from chat.services.stopping import stop_all
from chat.sse import session_events, session_events_with_ids
from chat.stream_views import AFTER, RUN_ID, StreamView, resume_after, wanted_run
from chat.views import (
    IDEMPOTENCY_KEY,
    MESSAGE_ERRORS,
    RUN_ERRORS,
    ConversationView,
    client_language,
    idempotency_key,
    parse_thread_id,
)
from healthmate.common import errors
from healthmate.common.db import in_db
from healthmate.common.schema import (
    BODY_ERRORS,
    USER_ONLY,
    answer,
    body,
    error_responses,
    event_stream,
    nothing,
    path_parameter,
)
from healthmate.common.throttles import AddressThrottle, MessageThrottle

PAGE, MAX_PAGE = 20, 100
EXAMPLE_SESSION = {
    "id": "550e8400-e29b-41d4-a716-446655440000",
    "user_id": "123e4567-e89b-12d3-a456-426614174000",
    "title": "Mi conversación",
    "created_at": "2025-10-11T10:30:00.000000Z",
    "updated_at": "2025-10-11T10:30:00.000000Z",
}
EXAMPLE_PAGE = {"count": 1, "next": None, "previous": None, "results": [EXAMPLE_SESSION]}
EXAMPLE_ANSWER = {
    "session_id": EXAMPLE_SESSION["id"],
    "run_id": "0d3c1f6a-7a0e-4a52-a1b8-58a5f1d5a1a7",
    "message_id": "7c1c6c0e-61cf-4c27-9d8e-6f0e2f1f6f11",
    "content": "Hello, I am Anna.",
    "tool_calls": [],
    "flags": [],
}
EXAMPLE_STREAM = (
    'data: {"type":"start","session_id":"550e8400-e29b-41d4-a716-446655440000","seq":1}\n\n'
    'data: {"type":"content","content":"Para","seq":2}\n\n'
    'data: {"type":"done","message_id":"7c1c6c0e-61cf-4c27-9d8e-6f0e2f1f6f11","full_content":"Para","seq":3}\n\n'
)
SESSION_ID = path_parameter("session_id", "The session's id.")
SESSION_ERRORS = (errors.UNAUTHORIZED, errors.INVALID_TOKEN, errors.THREAD_NOT_FOUND, errors.RATE_LIMITED)
LIMIT = OpenApiParameter("limit", int, description=f"Sessions on a page, 1 to {MAX_PAGE}; {PAGE} unless told.")
OFFSET = OpenApiParameter("offset", int, description="Sessions to pass over.")


class UserView(ConversationView):
    """A view for a user with a JWT."""

    permission_classes = (IsAuthenticated,)

    def owner(self, request: Request) -> Owner:
        """The user."""
        return Owner(user_id=request.user.pk)


class SessionsView(UserView):
    """`POST` and `GET /api/chat/realtime/sessions`."""

    @extend_schema(
        tags=["sessions"],
        summary="Start a session",
        description="With `initial_message`, its answer is the session's first run: read it from `.../stream`.",
        auth=USER_ONLY,
        request=body(SessionIn, {"title": "Mi conversación", "initial_message": "Hola"}),
        responses={
            201: answer(SessionOut, EXAMPLE_SESSION, "Started."),
            **error_responses(*BODY_ERRORS, errors.UNAUTHORIZED, errors.INVALID_TOKEN, errors.MESSAGE_TOO_LONG),
        },
    )
    async def post(self, request: Request) -> Response:
        """Start a session."""
        wanted = self.parsed(request, SessionIn)
        owner, service = self.owner(request), ChatService()
        thread = await service.create_thread(
            owner=owner, title=wanted["title"], kind=Thread.Kind.SESSION, language=client_language()
        )
        if wanted["initial_message"]:
            incoming = Incoming(content=wanted["initial_message"])
            await service.send(owner=owner, thread_id=thread.id, incoming=incoming)
            thread = await in_db(selectors.session_of, owner, thread.id)
        return Response(_session(thread, owner), status=201)

    @extend_schema(
        operation_id="sessions_list",
        tags=["sessions"],
        summary="List one's sessions",
        description="The newest first.",
        auth=USER_ONLY,
        parameters=[LIMIT, OFFSET],
        responses={
            200: answer(SessionPage, EXAMPLE_PAGE, "A page of sessions."),
            **error_responses(errors.INVALID_REQUEST, *SESSION_ERRORS[:2], errors.RATE_LIMITED),
        },
    )
    async def get(self, request: Request) -> Response:
        """List one's sessions."""
        limit, offset = _number(request, "limit", PAGE, 1, MAX_PAGE), _number(request, "offset", 0, 0, 2**31)
        owner = self.owner(request)
        count, threads = await in_db(selectors.sessions_of, owner, limit=limit, offset=offset)
        return Response(
            {
                "count": count,
                "next": _page(request, limit, offset + limit) if offset + limit < count else None,
                "previous": _page(request, limit, max(offset - limit, 0)) if offset else None,
                "results": [_session(thread, owner) for thread in threads],
            }
        )


class SessionView(UserView):
    """`GET`, `PATCH` and `DELETE /api/chat/realtime/sessions/{id}`."""

    @extend_schema(
        tags=["sessions"],
        summary="Read a session",
        description="With all its messages, each answer after its question.",
        auth=USER_ONLY,
        parameters=[SESSION_ID],
        responses={
            200: answer(SessionWithMessages, {**EXAMPLE_SESSION, "messages": []}, "The session."),
            **error_responses(*SESSION_ERRORS),
        },
    )
    async def get(self, request: Request, session_id: str) -> Response:
        """Read a session."""
        owner, thread_id = self.owner(request), parse_thread_id(session_id)
        await settle(owner=owner, thread_id=thread_id)
        thread, messages = await in_db(selectors.session_with_messages, owner, thread_id)
        return Response(SessionWithMessages({**_session(thread, owner), "messages": messages}).data)

    @extend_schema(
        tags=["sessions"],
        summary="Rename a session",
        description="Gives it another title.",
        auth=USER_ONLY,
        parameters=[SESSION_ID],
        request=body(SessionTitleIn, {"title": "Mi conversación"}),
        responses={
            200: answer(SessionOut, EXAMPLE_SESSION, "Renamed."),
            **error_responses(*BODY_ERRORS, *SESSION_ERRORS),
        },
    )
    async def patch(self, request: Request, session_id: str) -> Response:
        """Rename a session."""
        title = self.parsed(request, SessionTitleIn)["title"]
        owner = self.owner(request)
        thread = await in_db(sessions.rename, owner=owner, thread_id=parse_thread_id(session_id), title=title)
        return Response(_session(thread, owner))

    @extend_schema(
        tags=["sessions"],
        summary="Delete a session",
        description="With its messages. A running answer is stopped.",
        auth=USER_ONLY,
        parameters=[SESSION_ID],
        responses={204: nothing("Deleted."), **error_responses(*SESSION_ERRORS)},
    )
    async def delete(self, request: Request, session_id: str) -> Response:
        """Delete a session."""
        owner, thread_id = self.owner(request), parse_thread_id(session_id)
        await stop_all(owner=owner, thread_id=thread_id)
        await in_db(sessions.delete, owner=owner, thread_id=thread_id)
        return Response(status=204)


class UserStreamView(UserView, StreamView):
    """A view that streams a session's answers."""

    throttle_classes = (AddressThrottle, MessageThrottle)
    plain = staticmethod(session_events)
    numbered = staticmethod(session_events_with_ids)


class SessionStreamView(UserStreamView):
    """`POST` and `GET /api/chat/realtime/sessions/{id}/stream`."""

    @extend_schema(
        tags=["sessions"],
        summary="Send a message and read its answer as it is written",
        description="Server-sent events: `start`, `content` ..., then `done` or `error`.",
        auth=USER_ONLY,
        parameters=[SESSION_ID, IDEMPOTENCY_KEY],
        request=body(SessionMessageIn, {"content": "¿Cómo puedo ser más productivo?"}),
        responses={
            **event_stream(EXAMPLE_STREAM),
            **error_responses(*MESSAGE_ERRORS, errors.UNAUTHORIZED, errors.THREAD_NOT_FOUND),
        },
    )
    async def post(self, request: Request, session_id: str) -> HttpResponseBase:
        """Send a message and stream its answer."""
        content = self.parsed(request, SessionMessageIn)["content"]
        run = await ChatService().send(
            owner=self.owner(request),
            thread_id=parse_thread_id(session_id),
            incoming=Incoming(content=content, idempotency_key=idempotency_key(request)),
        )
        return await self.stream(request, run.id)

    @extend_schema(
        tags=["sessions"],
        summary="Resume the session's last answer",
        description="From `Last-Event-ID` or `?after=`; without either the whole. 204 when nothing was asked yet.",
        auth=USER_ONLY,
        parameters=[SESSION_ID, AFTER, RUN_ID],
        responses={
            **event_stream(EXAMPLE_STREAM),
            204: nothing("There is no answer to read."),
            **error_responses(errors.INVALID_REQUEST, *SESSION_ERRORS),
        },
    )
    async def get(self, request: Request, session_id: str) -> HttpResponseBase:
        """Resume the last answer."""
        after, run_id = resume_after(request), wanted_run(request)
        run = await in_db(selectors.last_run, self.owner(request), parse_thread_id(session_id), run_id)
        if run is None:
            return Response(status=204)
        return await self.stream(request, run.id, after=after)


class ApiChatView(UserView):
    """`POST /api/chat`."""

    throttle_classes = (AddressThrottle, MessageThrottle)

    @extend_schema(
        tags=["sessions"],
        summary="Send a message and wait for its answer",
        description="In the session that is named, else in a new one.",
        auth=USER_ONLY,
        parameters=[IDEMPOTENCY_KEY],
        request=body(ApiMessageIn, {"content": "Hola"}),
        responses={
            200: answer(ApiRunOut, EXAMPLE_ANSWER, "The answer."),
            **error_responses(*MESSAGE_ERRORS, errors.UNAUTHORIZED, errors.THREAD_NOT_FOUND, *RUN_ERRORS),
        },
    )
    async def post(self, request: Request) -> Response:
        """Send a message and wait for its answer."""
        message = self.parsed(request, ApiMessageIn)
        owner, service = self.owner(request), ChatService()
        incoming = Incoming(
            content=message["content"], idempotency_key=idempotency_key(request), language=client_language()
        )
        accepting = in_db(sessions.accept_api_message, owner=owner, thread_id=message["session_id"], incoming=incoming)
        run = await service.run_of(accepting, owner)
        outcome = await service.process_message(run)
        return Response(
            {
                "session_id": str(outcome.thread_id),
                "run_id": str(outcome.run_id),
                "message_id": str(outcome.message_id),
                "content": outcome.content,
                "tool_calls": outcome.tool_calls,
                "flags": outcome.flags,
            }
        )


def _session(thread: Thread, owner: Owner) -> dict[str, Any]:
    return dict(
        SessionOut(
            {
                "id": thread.id,
                "user_id": owner.user_id,
                "title": thread.title,
                "created_at": thread.created_at,
                "updated_at": thread.updated_at,
            }
        ).data
    )


def _number(request: Request, name: str, default: int, least: int, most: int) -> int:
    field = serializers.IntegerField(min_value=least, max_value=most)
    try:
        return int(field.run_validation(request.query_params.get(name, default)))
    except serializers.ValidationError as error:
        raise serializers.ValidationError({name: error.detail}) from None


def _page(request: Request, limit: int, offset: int) -> str:
    return request.build_absolute_uri(f"{request.path}?limit={limit}&offset={offset}")
