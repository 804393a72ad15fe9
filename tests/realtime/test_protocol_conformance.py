"""RFC 6455 as the Autobahn test suite asks about it, case by case, on the product's own socket.

The suite itself needs Python 2.7; docs/measurements.md has its verdict on the production server, and the command.
"""

import json
import struct
from collections.abc import Callable
from typing import Any

import pytest

from healthmate.accounts.models import User
from tests.conftest import LiveServer
from tests.realtime.conftest import question
from tests.realtime.raw import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, Frame, RawSocket, encoded

PING_FRAME = b'{"type":"ping"}'
PONG_FRAME = Frame(TEXT, b'{"type":"pong"}')
NORMAL, PROTOCOL_ERROR, INVALID_DATA = 1000, 1002, 1007


def close(code: int = NORMAL, reason: bytes = b"") -> bytes:
    return encoded(CLOSE, struct.pack("!H", code) + reason)


@pytest.fixture
def open_raw(server: LiveServer, clinician: User, token_of: Callable[[User], str]) -> Callable[..., RawSocket]:
    """A socket that has been welcomed."""
    url = f"{server.ws_url}/ws/chat?token={token_of(clinician)}"

    def open_raw(**options: int) -> RawSocket:
        raw = RawSocket(url, **options)
        welcome = raw.receive()
        assert welcome is not None
        assert json.loads(welcome.payload)["type"] == "connected"
        return raw

    return open_raw


# Autobahn's numbers; each sends frames and closes normally, and gets these answers.
ALLOWED: dict[str, tuple[list[bytes], list[Frame]]] = {
    "1.1 texts of every length form": (
        [encoded(TEXT, PING_FRAME.ljust(size)) for size in (15, 125, 126, 127, 128, 65535)],
        [PONG_FRAME] * 6,
    ),
    "2.1 a ping without payload": ([encoded(PING)], [Frame(PONG, b"")]),
    "2.3 a ping of bytes that are no text": ([encoded(PING, b"\x00\xff\xfe\xfd")], [Frame(PONG, b"\x00\xff\xfe\xfd")]),
    "2.4 a ping of 125 bytes": ([encoded(PING, b"\xfe" * 125)], [Frame(PONG, b"\xfe" * 125)]),
    "2.7 a pong that nobody asked for": ([encoded(PONG, b"x"), encoded(PING, b"y")], [Frame(PONG, b"y")]),
    "2.10 ten pings": (
        [encoded(PING, b"%d" % number) for number in range(10)],
        [Frame(PONG, b"%d" % number) for number in range(10)],
    ),
    "5.3 a text in two fragments": (
        [encoded(TEXT, PING_FRAME[:5], fin=False), encoded(CONTINUATION, PING_FRAME[5:])],
        [PONG_FRAME],
    ),
    "5.6 a ping between fragments": (
        [encoded(TEXT, PING_FRAME[:5], fin=False), encoded(PING, b"p"), encoded(CONTINUATION, PING_FRAME[5:])],
        [Frame(PONG, b"p"), PONG_FRAME],
    ),
    "5.19 pings between five fragments": (
        [
            *(encoded(TEXT, b"{", fin=False), encoded(CONTINUATION, b'"type"', fin=False), encoded(PING, b"1")),
            *(encoded(CONTINUATION, b":", fin=False), encoded(CONTINUATION, b'"ping"', fin=False)),
            *(encoded(PING, b"2"), encoded(CONTINUATION, b"}")),
        ],
        [Frame(PONG, b"1"), Frame(PONG, b"2"), PONG_FRAME],
    ),
    "6.1 fragments without payload": (
        [
            encoded(TEXT, b"", fin=False),
            encoded(CONTINUATION, PING_FRAME, fin=False),
            encoded(CONTINUATION, b""),
        ],
        [PONG_FRAME],
    ),
    "6.2 letters cut in the middle": (
        [
            encoded(TEXT, b'{"type":"ping","x":"\xce', fin=False),
            encoded(CONTINUATION, b"\xba\xe1\xbd", fin=False),
            encoded(CONTINUATION, b'\xb9\xf4\x8f\xbf\xbf"}'),
        ],
        [PONG_FRAME],
    ),
}
FAILING: dict[str, tuple[list[bytes], int]] = {
    "2.5 a ping of 126 bytes": ([encoded(PING, b"x" * 126)], PROTOCOL_ERROR),
    **{
        f"3.{rsv} reserved bits {rsv:03b}": ([encoded(TEXT, PING_FRAME, rsv=rsv)], PROTOCOL_ERROR)
        for rsv in range(1, 8)
    },
    **{
        f"4 opcode {opcode}": ([encoded(opcode, b"x")], PROTOCOL_ERROR)
        for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)
    },
    "5.1 a ping in fragments": ([encoded(PING, b"x", fin=False), encoded(CONTINUATION, b"y")], PROTOCOL_ERROR),
    "5.9 a continuation of nothing": ([encoded(CONTINUATION, b"x")], PROTOCOL_ERROR),
    "5.18 a text within a text": ([encoded(TEXT, b"x", fin=False), encoded(TEXT, b"y")], PROTOCOL_ERROR),
    "6.3 no UTF-8": ([encoded(TEXT, b"\xce\xba\xe1\xbd\xb9\xed\xa0\x80")], INVALID_DATA),
    "6.4 no UTF-8 in a later fragment": (
        [encoded(TEXT, b"\xce\xba", fin=False), encoded(CONTINUATION, b"\xf4\x90\x80\x80")],
        INVALID_DATA,
    ),
    "6.6 an overlong slash": ([encoded(TEXT, b"\xc0\xaf")], INVALID_DATA),
    "7.3.2 a close of one byte": ([encoded(CLOSE, b"\x03")], PROTOCOL_ERROR),
    "7.3.6 a close of 126 bytes": ([close(reason=b"x" * 124)], PROTOCOL_ERROR),
    "7.5 a reason that is no UTF-8": ([close(reason=b"\xce\xba\xff")], INVALID_DATA),
    **{
        f"7.9 close code {code}": ([close(code)], PROTOCOL_ERROR)
        for code in (0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999, 5000, 65535)
    },
    "a frame without a mask": ([encoded(TEXT, PING_FRAME, mask=False)], PROTOCOL_ERROR),
}


def test_what_is_allowed_is_answered(open_raw: Callable[..., RawSocket]) -> None:
    for case, (frames, answers) in ALLOWED.items():
        with open_raw() as raw:
            raw.send(*frames)
            assert [raw.receive() for _ in answers] == answers, case
            raw.send(close())
            assert [frame.close_code for frame in raw.rest()] == [NORMAL], case


def test_allowed_frames_may_come_byte_by_byte(open_raw: Callable[..., RawSocket]) -> None:
    with open_raw(TCP_NODELAY=1) as raw:
        for byte in encoded(TEXT, PING_FRAME[:5], fin=False) + encoded(CONTINUATION, PING_FRAME[5:]):
            raw.send(bytes([byte]))
        assert raw.receive() == PONG_FRAME


def test_what_is_not_allowed_fails_the_connection_with_its_code(open_raw: Callable[..., RawSocket]) -> None:
    for case, (frames, code) in FAILING.items():
        with open_raw() as raw:
            raw.send(*frames, encoded(PING, b"late"))
            answer = raw.receive()
            while answer and answer.opcode == PONG:  # what was read at once is answered at once
                answer = raw.receive()
            assert answer is not None, case
            assert answer.close_code == code, case


def test_closing_is_answered_in_kind(open_raw: Callable[..., RawSocket]) -> None:
    cases: list[tuple[list[bytes], int | None]] = [
        ([encoded(CLOSE)], None),  # 7.3.1
        ([close(reason=b"x" * 123)], NORMAL),  # 7.3.5
        ([encoded(TEXT, b"{", fin=False), close(), encoded(CONTINUATION, b"}")], NORMAL),  # 7.1.5
        ([close(), encoded(PING, b"late"), close()], NORMAL),  # 7.1.2, 7.1.3
        *(([close(code)], code) for code in (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011)),  # 7.7
        *(([close(code)], code) for code in (3000, 3999, 4000, 4999)),
    ]
    for frames, code in cases:
        with open_raw() as raw:
            raw.send(*frames)
            assert [frame.close_code for frame in raw.rest()] == [code], frames


def test_ten_thousand_pings_are_answered(open_raw: Callable[..., RawSocket]) -> None:
    with open_raw() as raw:
        for _ in range(10):
            raw.send(*[encoded(TEXT, PING_FRAME)] * 1000)
            assert [raw.receive() for _ in range(1000)] == [PONG_FRAME] * 1000


def test_binary_frames_are_answered_with_an_error(open_raw: Callable[..., RawSocket]) -> None:
    with open_raw() as raw:
        raw.send(encoded(BINARY, PING_FRAME), encoded(TEXT, PING_FRAME))
        refusal = raw.receive()
        assert refusal is not None
        answer: dict[str, Any] = json.loads(refusal.payload)
        assert answer["error"]["code"] == "INVALID_REQUEST"
        assert raw.receive() == PONG_FRAME


def test_who_reads_nothing_costs_little_and_is_let_go(
    open_raw: Callable[..., RawSocket], server: LiveServer, model_server: Any, record: int, settings: Any
) -> None:
    settings.STREAM_STALL_TIMEOUT = 0.3
    long = " ".join(f"{number:099d}" for number in range(1900))
    model_server.tool_mode("off").reply(long, times=None)
    with open_raw(SO_RCVBUF=4096, TCP_MAXSEG=536) as raw:
        asked = question()
        raw.send(encoded(TEXT, json.dumps(asked).encode()))
        server.settle()  # the run is over, and the socket was let go
        held = [connection.transport.get_write_buffer_size() for connection in server.server.server_state.connections]
        frames = [json.loads(frame.payload) for frame in raw.rest() if frame.opcode == TEXT]
    assert max(held) < 2 * 65536  # what the transport holds before it says stop, and one frame
    assert frames[-1]["type"] == "token"
    with open_raw() as raw:
        resume = {"type": "resume", "session_id": asked["session_id"], "after": frames[-1]["seq"]}
        raw.send(encoded(TEXT, json.dumps(resume).encode()))
        while frames[-1]["type"] != "complete":
            frame = raw.receive()
            assert frame is not None
            frames.append(json.loads(frame.payload))
    assert [frame["seq"] for frame in frames] == list(range(1, len(frames) + 1))
    assert "".join(frame["token"] for frame in frames if frame["type"] == "token") == long
