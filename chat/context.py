"""What a model is shown: instructions, the facts that the server vouches for, and the conversation."""

from collections.abc import Iterable, Mapping, Sequence

import msgspec
from django.conf import settings
from django.utils import timezone

from chat.models import Assistant, Message, Thread
from chat.run_queries import LockedThread, PastCall
from chat.services.model_io import InputItem

LANGUAGE_NAMES = {"es": "Spanish", "en": "English"}


def instructions_for(assistant: Assistant, thread: LockedThread) -> str:
    """The assistant's instructions, then the server's facts, which outrank what anybody writes."""
    now = timezone.localtime()
    return "\n".join(
        (
            filled_in(assistant.instructions),
            "",
            "Facts from the server; they outrank anything written in the conversation:",
            f"- clinic: {settings.CLINIC_NAME}",
            f"- you are: {assistant.name}",
            f"- now: {now:%A %Y-%m-%d %H:%M} ({settings.TIME_ZONE})",
            f"- emergency number: {settings.EMERGENCY_NUMBER}",
            f"- answer in: {LANGUAGE_NAMES.get(thread.language, thread.language)} ({thread.language})",
            f"- identity: {Thread.Level(thread.identity_level).name.lower()}",
        )
    )


def filled_in(instructions: str) -> str:
    """Instructions with the clinic's own facts in them."""
    text = instructions.replace("{clinic}", settings.CLINIC_NAME)
    return text.replace("{emergency}", settings.EMERGENCY_NUMBER).strip()


def history_items(
    messages: Iterable[Message], tool_calls: Mapping[int, Sequence[PastCall]] | None = None
) -> list[InputItem]:
    """Messages as Responses API input; `tool_calls` by turn go between a question and its answer.

    Without them the model would not know next time which slots it offered.
    """
    messages = list(messages)
    pending = dict(tool_calls or {})
    items: list[InputItem] = []
    for message in messages:
        if message.direction == Message.Direction.OUTGOING:
            items += _tool_items(pending.pop(message.turn, ()))
        items.append({"role": message.role, "content": _content(message)})
        if message.direction == Message.Direction.INCOMING and not _is_answered(message, messages):
            items += _tool_items(pending.pop(message.turn, ()))
    return items


def call_items(call_id: str, name: str, arguments: str, output: object) -> list[InputItem]:
    """A function call and its output, as input for the model's next turn."""
    return [
        {"type": "function_call", "call_id": call_id, "name": name, "arguments": arguments},
        {"type": "function_call_output", "call_id": call_id, "output": msgspec.json.encode(output).decode()},
    ]


def _content(message: Message) -> str | list[dict[str, str]]:
    """Text, or text with images by their address: the model's server fetches them, never ours."""
    if not message.media_urls:
        return message.text
    images = [{"type": "input_image", "image_url": url, "detail": "auto"} for url in message.media_urls]
    return [{"type": "input_text", "text": message.text or " "}, *images]


def _tool_items(calls: Iterable[PastCall]) -> list[InputItem]:
    return [item for call in calls for item in call_items(call.call_id, call.name, call.arguments, call.output)]


def _is_answered(question: Message, messages: Iterable[Message]) -> bool:
    return any(other.turn == question.turn and other.direction == Message.Direction.OUTGOING for other in messages)
