"""Frames that are none of seed 3's: an error each time, and the socket lives on."""

import json
from contextlib import suppress
from typing import Any

import pytest

from chat.models import Run
from tests.realtime.conftest import SCHEMAS, Socket, question

FROM_CLIENTS = ("query", "ping", "cancel", "resume")
BAD_QUERIES = [
    {"session_id": None},
    {"session_id": 7},
    {"session_id": ""},
    {"session_id": "x" * 129},
    {"session_id": "a\x00b"},
    {"document_type_id": "8"},
    {"document_type_id": None},
    {"document_type_id": True},
    {"document_type_id": 8.5},
    {"document_type_id": 10**30},
    {"document_number": 30995750},
    {"document_number": ""},
    {"document_number": " \t"},
    {"document_number": "1" * 121},
    {"question": ""},
    {"question": " \n "},
    {"question": ["¿Qué?"]},
    {"question": None},
    {"question": "¿Qué?\x00"},
    {"question": "x" * 4001},
    {"type": None},
    {"type": "Query"},
    {"type": "connected"},
]
NO_FRAMES = [
    "",
    " ",
    "hola",
    "{",
    "null",
    "true",
    "7",
    '"query"',
    "[]",
    '[{"type": "ping"}]',
    "{}",
    '{"session_id": "x"}',
    '{"type": "query"}',
    '{"type": "cancel"}',
    '{"type": "cancel", "session_id": 1}',
    '{"type": "cancel", "session_id": "a\\u0000b"}',
    '{"type": "resume", "session_id": "a\\u0000b"}',
    '{"type": "resume"}',
    '{"type": "resume", "session_id": "x", "after": -1}',
    '{"type": "resume", "session_id": "x", "after": "1"}',
    '{"type": "ping"',
    '{"type": "ping"} {"type": "ping"}',
    '{"type": "query", "session_id": "\\ud800", "document_type_id": 8, "document_number": "1", "question": "x"}',
    '{"type": "ping", "more": ' + "[" * 20_000 + "]" * 20_000 + "}",
    b'{"type": "ping"}',
    b"",
    b"\x00\xff",
]


def assert_refused(socket: Socket, frame: Any) -> dict[str, Any]:
    socket.send(frame)
    answer = socket.receive()
    assert (answer["type"], answer["error"]["code"]) == ("error", "INVALID_REQUEST")
    assert answer["error"]["message"]
    return answer


def test_a_bad_frame_costs_an_error_and_nothing_else(socket: Socket, record: int) -> None:
    for frame in NO_FRAMES:
        assert "session_id" not in assert_refused(socket, frame) or "session_id" in str(frame)
    for changes in BAD_QUERIES:
        bad = question(**changes)
        answer = assert_refused(socket, bad)
        if len(str(bad["session_id"])) == 36:
            assert answer["session_id"] == bad["session_id"]
        lacking = {name: value for name, value in question().items() if name not in changes}
        assert_refused(socket, lacking)

    assert not Run.objects.exists()
    assert socket.ask()[-1]["type"] == "complete"


def test_what_is_too_much_is_passed_over(socket: Socket, record: int) -> None:
    socket.send({"type": "ping", "at": 1, "more": {"x": []}})
    assert socket.receive() == {"type": "pong"}
    assert socket.ask(locale="es")[-1]["type"] == "complete"


@pytest.mark.parametrize("size", [64 * 1024, 79 * 1024, 10 * 1024 * 1024])
def test_a_frame_of_64_kib_closes_the_socket(socket: Socket, size: int) -> None:
    socket.send('{"type": "ping"}'.ljust(size))

    frames, close_code = socket.end()

    assert close_code == 1009
    # What the server reads no further it cannot answer.
    assert [frame["error"]["code"] for frame in frames] == ([] if size > 80 * 1024 else ["INVALID_REQUEST"])


def test_a_frame_just_below_64_kib_is_read(socket: Socket) -> None:
    socket.send('{"type": "ping"}'.ljust(64 * 1024 - 1))
    socket.send(iter(['{"ty', "pe", '": "pin', 'g"}']))  # in fragments
    assert [socket.receive(), socket.receive()] == [{"type": "pong"}] * 2


def test_every_example_of_a_schema_is_valid() -> None:
    assert set(SCHEMAS) == {
        *FROM_CLIENTS,
        *("connected", "status", "stream_start", "token", "stream_end", "complete", "error", "pong"),
    }
    for name, schema in SCHEMAS.items():
        schema.check_schema(schema.schema)
        assert schema.schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
        (example,) = schema.schema["examples"]
        schema.validate(example)
        assert example["type"] == name


def test_the_schemas_and_the_server_call_the_same_invalid() -> None:
    for changes in BAD_QUERIES:
        frame = question(**changes)
        beyond_a_schema = any("\x00" in str(value) for value in frame.values()) or len(str(frame["question"])) > 4000
        assert beyond_a_schema or not SCHEMAS["query"].is_valid(frame), changes
    for text in NO_FRAMES:
        if text and text[0] == "{" and "ud800" not in str(text) and "u0000" not in str(text):
            with suppress(ValueError, RecursionError):
                frame = json.loads(text)
                assert not any(SCHEMAS[name].is_valid(frame) for name in FROM_CLIENTS) or "more" in frame


def test_the_examples_of_the_schemas_work(socket: Socket, record: int) -> None:
    answers = []
    for name in ("query", "resume", "cancel", "ping"):
        (example,) = SCHEMAS[name].schema["examples"]
        socket.send(example)
        answers.append(socket.rest(until=("complete", "error", "pong")))

    whole, rest, (not_running,), (pong,) = answers
    assert whole[-1]["type"] == "complete"
    assert rest == [frame for frame in whole if frame["seq"] > 12]
    assert not_running["error"]["code"] == "INVALID_REQUEST"
    assert pong == {"type": "pong"}
