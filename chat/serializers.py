"""What clients send and get, in the shapes of the wire contract."""

from datetime import UTC
from typing import Any

from django.conf import settings
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from healthmate.common import errors
from healthmate.common.errors import ApiError
from healthmate.common.views import TextField


def message_text(value: str) -> str:
    """Refuses what is over MAX_MESSAGE_CHARS. Raises ApiError MESSAGE_TOO_LONG."""
    if len(value) > settings.MAX_MESSAGE_CHARS:
        raise ApiError(errors.MESSAGE_TOO_LONG, details={"limit": settings.MAX_MESSAGE_CHARS, "length": len(value)})
    return value


class ThreadCreated(serializers.Serializer[object]):
    """Answer of `POST /chat/create`."""

    thread_id = serializers.UUIDField()


class MessageIn(serializers.Serializer[object]):
    """Body of `POST /chat/update/{thread_id}`."""

    message = TextField(help_text="What the person wrote; up to MAX_MESSAGE_CHARS characters.")

    def validate_message(self, value: str) -> str:
        """See message_text."""
        return message_text(value)


class UrlList(serializers.ListField):
    """Addresses; how many and which ones are taken is decided in `media`, which names the one it refuses."""

    child = TextField(allow_blank=True, trim_whitespace=False)


class WebsiteMessageIn(serializers.Serializer[object]):
    """Body of `POST /chat/` and `POST /chat/stream`."""

    content = TextField(
        allow_blank=True, help_text="What the person wrote; up to MAX_MESSAGE_CHARS characters. Empty only with media."
    )
    media_urls = UrlList(required=False, default=list, help_text="Images, handed to the model.")
    audio_urls = UrlList(required=False, default=list, help_text="Recordings, fetched and transcribed.")

    def validate_content(self, value: str) -> str:
        """See message_text."""
        return message_text(value)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """A message says something, in one way or another."""
        if not (attrs["content"].strip() or attrs["media_urls"] or attrs["audio_urls"]):
            raise serializers.ValidationError({"content": _("This field may not be blank.")})
        return attrs


class ToolCallOut(serializers.Serializer[object]):
    """A tool that was used for the answer."""

    name = serializers.CharField()
    ok = serializers.BooleanField()
    code = serializers.CharField(required=False, help_text="Why it was refused.")


class RunOut(serializers.Serializer[object]):
    """Answer of `POST /chat/update/{thread_id}`."""

    thread_id = serializers.UUIDField()
    run_id = serializers.UUIDField()
    message_id = serializers.UUIDField()
    content = serializers.CharField()
    tool_calls = ToolCallOut(many=True)
    flags = serializers.ListField(
        child=serializers.ChoiceField(choices=["emergency", "handover", "scripted", "partial", "cancelled"])
    )


class MessageOut(serializers.Serializer[object]):
    """One message of a history."""

    id = serializers.UUIDField()
    role = serializers.ChoiceField(choices=["user", "assistant"])
    direction = serializers.ChoiceField(choices=["incoming", "outgoing"])
    content = serializers.CharField(source="body")
    media_url = serializers.CharField(allow_null=True)
    flags = serializers.ListField(child=serializers.CharField())
    created_at = serializers.DateTimeField(default_timezone=UTC)


class HistoryOut(serializers.Serializer[object]):
    """Answer of `GET /chat/{thread_id}`."""

    thread_id = serializers.UUIDField()
    messages = MessageOut(many=True)


class SessionIn(serializers.Serializer[object]):
    """Body of `POST /api/chat/realtime/sessions`."""

    title = TextField(required=False, allow_blank=True, default="", max_length=200)
    initial_message = TextField(required=False, allow_blank=True, default="")

    def validate_initial_message(self, value: str) -> str:
        """See message_text."""
        return message_text(value)


class SessionTitleIn(serializers.Serializer[object]):
    """Body of `PATCH /api/chat/realtime/sessions/{id}`."""

    title = TextField(max_length=200)


class SessionMessageIn(serializers.Serializer[object]):
    """Body of `POST /api/chat/realtime/sessions/{id}/stream`."""

    content = TextField(help_text="What the person wrote; up to MAX_MESSAGE_CHARS characters.")

    def validate_content(self, value: str) -> str:
        """See message_text."""
        return message_text(value)


class ApiMessageIn(SessionMessageIn):
    """Body of `POST /api/chat`."""

    session_id = serializers.UUIDField(required=False, allow_null=True, default=None)


class SessionOut(serializers.Serializer[object]):
    """A session."""

    id = serializers.UUIDField()
    user_id = serializers.UUIDField()
    title = serializers.CharField()
    created_at = serializers.DateTimeField(default_timezone=UTC)
    updated_at = serializers.DateTimeField(default_timezone=UTC)


class SessionPage(serializers.Serializer[object]):
    """A page of sessions."""

    count = serializers.IntegerField()
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    results = SessionOut(many=True)


class SessionWithMessages(SessionOut):
    """A session with what was said in it."""

    messages = MessageOut(many=True)


class ApiRunOut(serializers.Serializer[object]):
    """Answer of `POST /api/chat`."""

    session_id = serializers.UUIDField()
    run_id = serializers.UUIDField()
    message_id = serializers.UUIDField()
    content = serializers.CharField()
    tool_calls = ToolCallOut(many=True)
    flags = serializers.ListField(child=serializers.CharField())


class StopOut(serializers.Serializer[object]):
    """Answer of `.../stop`."""

    stopped = serializers.BooleanField()
    run_id = serializers.UUIDField(allow_null=True)


class FeedbackIn(serializers.Serializer[object]):
    """Body of `.../feedback`."""

    rating = serializers.ChoiceField(choices=["up", "down"])
    comment = TextField(required=False, allow_blank=True, default="", max_length=2000)


class FeedbackOut(FeedbackIn):
    """Answer of `.../feedback`."""

    message_id = serializers.UUIDField()
