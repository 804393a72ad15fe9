"""What clients send and get, in the shapes of the wire contract."""

from datetime import UTC

from django.conf import settings
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
