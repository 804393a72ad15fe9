"""The narrow path reads any valid stream, however its bytes are cut, and refuses a broken one."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from chat.services.model_io import FunctionCall, ModelError, TextDelta, TurnDone
from chat.services.replay import Replay
from chat.services.response_stream import read_response

CALL = {"type": "function_call", "id": "fc_1", "call_id": "c_1", "name": "echo", "arguments": '{"text": "ñ"}'}
COMPLETED = {
    "type": "response.completed",
    "response": {
        "model": "m",
        "status": "completed",
        "usage": {"input_tokens": 3, "output_tokens": 2},
        "output": [CALL],
    },
}


def sse(*events: dict[str, Any], newline: str = "\n") -> bytes:
    return "".join(
        f"event: {event['type']}{newline}data: {json.dumps(event, ensure_ascii=False)}{newline}{newline}"
        for event in events
    ).encode()


def delta(text: str) -> dict[str, Any]:
    return {"type": "response.output_text.delta", "delta": text}


async def read(data: bytes, size: int = 10_000) -> list[Any]:
    async def chunks() -> AsyncIterator[bytes]:
        for place in range(0, len(data), size):
            yield data[place : place + size]

    return [event async for event in read_response(chunks())]


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("size", [1, 2, 7, 10_000])
async def test_any_cut_and_line_ending(newline: str, size: int) -> None:
    data = sse(delta("Señal "), delta("¿sí?"), COMPLETED, newline=newline)

    assert await read(data, size) == [
        TextDelta("Señal "),
        TextDelta("¿sí?"),
        TurnDone(calls=(FunctionCall("c_1", "echo", '{"text": "ñ"}'),), model="m", input_tokens=3, output_tokens=2),
    ]


async def test_comments_unknown_events_and_fields_are_passed_over() -> None:
    data = b": ping\n\nid: 4\nretry: 10\n\ndata:" + json.dumps(delta("a")).encode() + b"\n\n"
    data += sse({"type": "response.something.new", "delta": {"not": "text"}}, COMPLETED) + b"data: [DONE]\n\n"

    assert [type(event) for event in await read(data)] == [TextDelta, TurnDone]


async def test_calls_are_taken_from_items_where_the_last_event_has_none() -> None:
    last = {"type": "response.completed", "response": {"output": [], "usage": None}}
    data = sse({"type": "response.output_item.done", "item": CALL}, last)

    assert await read(data) == [TurnDone(calls=(FunctionCall("c_1", "echo", '{"text": "ñ"}'),))]


async def test_an_answer_cut_by_the_output_limit_says_so() -> None:
    (done,) = await read(sse({"type": "response.incomplete", "response": {"status": "incomplete"}}))

    assert done == TurnDone(cut_short=True)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (sse(delta("a")), "without its terminal event"),
        (b"", "without its terminal event"),
        (b"data: {broken\n\n", "not valid JSON"),
        (b"data: [1]\n\n", "not valid JSON"),
        (b'data: {"type": "response.output_text.delta", "delta": "\xff"}\n\n', "not valid JSON"),
        (b'data: {"type": "response.output_text.delta", "delta": 4}\n\n', "no text"),
        (sse({"type": "response.completed"}), "no response"),
        (sse({"type": "error", "code": "server_error", "message": "private"}), "reported server_error"),
        (
            sse({"type": "response.failed", "response": {"error": {"code": "rate_limit_exceeded"}}}),
            "rate_limit_exceeded",
        ),
    ],
)
async def test_a_broken_stream_is_an_error(data: bytes, reason: str) -> None:
    with pytest.raises(ModelError, match=reason) as caught:
        await read(data)
    assert "private" not in str(caught.value)


@pytest.mark.parametrize("cut", range(1, 12))
def test_a_retry_that_says_the_same_goes_on_where_the_first_broke(cut: int) -> None:
    text = "Buenos días"
    replay = Replay()
    shown = replay.fresh(text[:cut])
    replay.restart()

    assert shown + "".join(replay.fresh(letter) for letter in text) == text


def test_a_retry_that_differs_follows_whole() -> None:
    replay = Replay()
    shown = replay.fresh("Buenos ")
    replay.restart()

    assert shown + replay.fresh("Bue") + replay.fresh("nas tardes") == "Buenos \n\nBuenas tardes"
