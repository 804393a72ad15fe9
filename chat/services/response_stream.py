"""Reads a Responses API event stream: deltas on a narrow path, everything else as plain JSON.

Building the SDK's typed union is most of what relaying a token costs (design, section 9), so a line is
decoded into two fields; only the few events that end something are decoded whole.
"""

import re
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import msgspec

from chat.services.model_io import FunctionCall, ModelError, ModelEvent, TextDelta, TurnDone

MAX_EVENT_BYTES = 1_000_000
MAX_TEXT_CHARS = 200_000
MAX_CALLS = 16
MAX_ARGUMENT_CHARS = 20_000
MAX_NAME_CHARS = 120
MAX_TOKENS = 2**31 - 1
TEXT_DELTAS = frozenset({"response.output_text.delta", "response.refusal.delta"})


class _Line(msgspec.Struct):
    type: str = ""
    delta: Any = None


_decode_line = msgspec.json.Decoder(_Line).decode


async def read_response(chunks: AsyncIterator[bytes]) -> AsyncGenerator[ModelEvent]:
    """Yield text as it comes and one `TurnDone` last.

    Raises ModelError when an event is not valid or beyond the limits above, the server reports a failure, or the
    stream ends without its terminal event (which iterating the SDK's stream by hand would accept).
    """
    calls: list[FunctionCall] = []
    said = 0
    async for data in _event_data(chunks):
        try:
            line = _decode_line(data)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ModelError("an event is not valid JSON") from error
        if line.type in TEXT_DELTAS:
            if not isinstance(line.delta, str):
                raise ModelError("a text delta has no text")
            said += len(line.delta)
            if said > MAX_TEXT_CHARS:
                raise ModelError("the answer is too long", retryable=False)
            if text := line.delta.replace("\x00", ""):  # PostgreSQL could not keep it
                yield TextDelta(text)
        elif line.type == "response.output_item.done":
            calls += _function_calls([_decode(data).get("item")])
        elif line.type in {"response.completed", "response.incomplete"}:
            yield _turn_done(_decode(data).get("response"), calls)
            return
        elif line.type in {"response.failed", "error"}:
            raise _reported_failure(_decode(data))
    raise ModelError("the stream ended without its terminal event")


async def _event_data(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The `data` of each server-sent event (WHATWG HTML, 9.2.6), however the bytes are cut."""
    rest = b""
    async for chunk in chunks:
        rest += chunk
        if b"\r" in rest:
            held = b"\r" if rest.endswith(b"\r") else b""  # its line feed may come in the next chunk
            rest = _with_line_feeds(rest.removesuffix(b"\r")) + held
        *events, rest = rest.split(b"\n\n")
        if len(rest) > MAX_EVENT_BYTES:
            raise ModelError("an event is too large", retryable=False)
        for event in events:
            if data := _data_of(event):
                yield data
    for event in _with_line_feeds(rest).split(b"\n\n")[:-1]:
        if data := _data_of(event):
            yield data


def _decode(data: bytes) -> dict[str, Any]:
    try:
        value = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ModelError("an event is not valid JSON") from error
    return value if isinstance(value, dict) else {}


def _with_line_feeds(text: bytes) -> bytes:
    return text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def _data_of(event: bytes) -> bytes:
    """An event's data; nothing for comments and for the `[DONE]` that some servers end with."""
    data = b"\n".join([line[5:].removeprefix(b" ") for line in event.split(b"\n") if line.startswith(b"data:")])
    return b"" if data == b"[DONE]" else data


def _function_calls(items: Any) -> list[FunctionCall]:
    return [
        _function_call(item) for item in items or () if isinstance(item, dict) and item.get("type") == "function_call"
    ]


def _function_call(item: dict[str, Any]) -> FunctionCall:
    call = FunctionCall(
        call_id=_text(item.get("call_id") or item.get("id")),
        name=_text(item.get("name")),
        arguments=_text(item.get("arguments")),
    )
    if max(len(call.call_id), len(call.name)) > MAX_NAME_CHARS or len(call.arguments) > MAX_ARGUMENT_CHARS:
        raise ModelError("a tool call is too large", retryable=False)
    return call


def _text(value: Any) -> str:
    return str(value or "").replace("\x00", "")


def _turn_done(response: Any, calls: list[FunctionCall]) -> TurnDone:
    if not isinstance(response, dict):
        raise ModelError("the terminal event has no response")
    calls = calls or _function_calls(response.get("output"))
    if len(calls) > MAX_CALLS:
        raise ModelError("too many tool calls", retryable=False)
    usage = response.get("usage")
    return TurnDone(
        calls=tuple(calls),
        model=_text(response.get("model")),
        input_tokens=_count(usage, "input_tokens"),
        output_tokens=_count(usage, "output_tokens"),
        cut_short=response.get("status") == "incomplete",
    )


def _count(usage: Any, name: str) -> int:
    value = usage.get(name) if isinstance(usage, dict) else None
    return min(value, MAX_TOKENS) if isinstance(value, int) and value > 0 else 0


def _reported_failure(event: dict[str, Any]) -> ModelError:
    """Only what looks like a code is kept: the rest may quote the patient."""
    response = event.get("response")
    reported = (response.get("error") if isinstance(response, dict) else None) or event.get("error") or event
    code = reported.get("code") if isinstance(reported, dict) else None
    known = re.fullmatch(r"[a-z0-9_]{1,40}", str(code))
    return ModelError(f"the model server reported {known[0] if known else 'an error'}")
