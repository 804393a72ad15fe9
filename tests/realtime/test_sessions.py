"""Sessions: stopped, lost and found again, many at once; every frame belongs to its own, and none is lost."""

import asyncio
import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any
from uuid import uuid4

import pytest
import websockets

from chat.models import Run
from healthmate.accounts.models import User
from healthmate.common.db import in_db
from patients.models import AccessEvent
from tests.conftest import LiveServer
from tests.held_model import HeldModel
from tests.realtime.conftest import Socket, checked, question
from tests.redis_server import RedisServer
from tests.serving import Serving, serve

__all__ = ["serve"]

WORDS = ["Toma ", "metformina ", "[1] ", "y ", "losartán ", "[2]."]
ANSWER = "".join(WORDS)


@pytest.fixture
def model() -> Iterator[HeldModel]:
    with HeldModel() as held:
        yield held.tool_mode("off").reply(ANSWER, times=None)


@pytest.fixture
def answered(model: HeldModel, settings: Any) -> HeldModel:
    """The server under test asks the held model."""
    settings.OPENAI_BASE_URL, settings.OPENAI_API_KEY = model.base_url(), f"sk-{uuid4()}"
    settings.LLM_STALL_TIMEOUT = 30
    return model


def until_token(socket: Socket, count: int) -> list[dict[str, Any]]:
    """The frames of a session up to its token number `count`."""
    frames: list[dict[str, Any]] = []
    while sum(frame["type"] == "token" for frame in frames) < count:
        frames.append(socket.receive())
    return frames


def text_of(frames: list[dict[str, Any]]) -> str:
    return "".join(frame["token"] for frame in frames if frame["type"] == "token")


def test_an_answer_is_stopped_and_what_was_written_is_kept(socket: Socket, answered: HeldModel, record: int) -> None:
    asked = question()
    socket.send(asked)
    answered.allow(2)
    frames = until_token(socket, 2)
    socket.send({"type": "cancel", "session_id": asked["session_id"]})
    frames += socket.rest()

    end, complete = frames[-2:]
    assert (end["type"], complete["type"]) == ("stream_end", "complete")
    assert [frame["seq"] for frame in frames] == list(range(1, len(frames) + 1))
    assert complete["answer"] == {
        "text": text_of(frames),
        "confidence": 0.0,
        "model_used": "",
        "citations": [],
    }
    assert text_of(frames) == "Toma metformina"
    assert (complete["patient_info"]["patient_id"], complete["flags"]) == (record, ["cancelled", "partial"])
    run = Run.objects.get()
    assert (run.status, run.answers.get().body) == ("cancelled", text_of(frames))
    socket.send({"type": "cancel", "session_id": asked["session_id"]})
    assert socket.receive()["error"]["code"] == "INVALID_REQUEST"
    answered.allow(100)
    socket.send(asked)
    assert text_of(socket.rest()) == ANSWER


def test_an_answer_is_stopped_before_it_begins(socket: Socket, answered: HeldModel, record: int) -> None:
    asked = question()
    socket.send(asked)
    socket.send({"type": "cancel", "session_id": asked["session_id"]})

    *_, end, complete = frames = socket.rest()

    assert (end["type"], complete["answer"]["text"], complete["flags"]) == ("stream_end", "", ["cancelled"])
    assert [frame["seq"] for frame in frames] == list(range(1, len(frames) + 1))
    assert Run.objects.get().status == "cancelled"


def test_one_answer_of_a_session_at_a_time(
    socket: Socket, open_socket: Callable[..., Socket], token_of: Any, clinician: User, answered: HeldModel, record: int
) -> None:
    other = open_socket(f"?token={token_of(clinician)}")
    other.receive()
    asked = question()
    socket.send(asked)
    answered.allow(1)
    until_token(socket, 1)
    for who in (socket, other):
        who.send(asked)
        refusal = who.receive()
        assert (refusal["error"]["code"], refusal["session_id"]) == ("RUN_ACTIVE", asked["session_id"])
        assert "seq" not in refusal
    socket.send({"type": "resume", "session_id": asked["session_id"]})
    assert socket.receive()["error"]["code"] == "RUN_ACTIVE"
    other.send({"type": "cancel", "session_id": asked["session_id"]})
    assert other.rest()[-1]["flags"] == socket.rest()[-1]["flags"] == ["cancelled", "partial"]
    assert Run.objects.count() == 1


def test_a_socket_that_drops_costs_nothing(
    socket: Socket, open_socket: Callable[..., Socket], token_of: Any, clinician: User, answered: HeldModel, record: int
) -> None:
    asked = question()
    socket.send(asked)
    answered.allow(2)
    frames = until_token(socket, 2)
    socket.connection.socket.close()
    answered.allow(len(WORDS))
    for frame in ({"after": frames[-1]["seq"]}, {"after": 10_000}, {}):
        again = open_socket(f"?token={token_of(clinician)}")
        again.receive()
        again.send({"type": "resume", "session_id": asked["session_id"], **frame})
        rest = again.rest()
        if frame == {}:
            whole = rest
        elif frame["after"] < 10_000:
            frames += rest
        else:
            assert [last["type"] for last in rest] == ["complete"]  # by a count that nobody has: the end all the same
    assert frames == whole
    assert [frame["seq"] for frame in frames] == list(range(1, len(frames) + 1))
    assert text_of(frames) == frames[-1]["answer"]["text"] == ANSWER
    assert sorted(str(event.details.get("again")) for event in AccessEvent.objects.all()) == ["None", *["True"] * 3]


def test_a_session_is_its_owners(
    socket: Socket, open_socket: Callable[..., Socket], token_of: Any, make_user: Any, record: int
) -> None:
    asked = question()
    socket.send(asked)
    socket.rest()
    other = open_socket(f"?token={token_of(make_user('otro@clinic.example'))}")
    other.receive()
    for kind in ("resume", "cancel"):
        other.send({"type": kind, "session_id": asked["session_id"]})
        assert other.receive()["error"]["code"] == "INVALID_REQUEST"
    other.send(asked)  # a session of their own, by the same name
    assert other.rest()[-1]["type"] == "complete"


def test_twenty_sessions_on_one_socket(socket: Socket, answered: HeldModel, record: int) -> None:
    asked = [question() for _ in range(20)]
    for frame in asked:
        socket.send(frame)
    answered.wait_until_held(20)
    answered.allow(20 * len(WORDS))
    sessions: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    order = []
    while sum(frames[-1]["type"] == "complete" for frames in sessions.values()) < 20:
        frame = socket.receive()
        sessions[frame["session_id"]].append(frame)
        order.append(frame["session_id"])

    assert set(sessions) == {frame["session_id"] for frame in asked}
    assert sum(one != other for one, other in pairwise(order)) > 20  # they were interleaved
    for frames in sessions.values():
        assert [frame["seq"] for frame in frames] == list(range(1, len(frames) + 1))
        assert text_of(frames) == frames[-1]["answer"]["text"] == ANSWER


async def test_two_hundred_sockets(server: LiveServer, clinician: User, token_of: Any, record: int) -> None:
    address = f"{server.ws_url}/ws/chat?token={await in_db(token_of, clinician)}"
    gate = asyncio.Semaphore(40)  # handshakes at once

    async def ask() -> None:
        async with gate:
            socket = await websockets.connect(address, compression=None, open_timeout=30).__aenter__()
        try:
            asked = question()
            checked(await socket.recv())
            await socket.send(json.dumps(asked))
            frames = [json.loads(await socket.recv())]
            while frames[-1]["type"] not in {"complete", "error"}:
                frames.append(json.loads(await socket.recv()))
        finally:
            await socket.close()
        assert {frame["session_id"] for frame in frames} == {asked["session_id"]}
        assert [frame["seq"] for frame in frames] == list(range(1, len(frames) + 1))
        assert text_of(frames) == frames[-1]["answer"]["text"]

    await asyncio.gather(*(ask() for _ in range(200)))


def test_a_session_goes_on_over_another_worker(
    serve: Callable[..., Serving],
    model: HeldModel,
    redis_server: RedisServer,
    clinician: User,
    token_of: Any,
    record: int,
) -> None:
    options = {"OPENAI_BASE_URL": model.base_url(), "OPENAI_API_KEY": "sk-x", "REDIS_URL": redis_server.url}
    here, there = serve(**options), serve(**options)
    query = f"/ws/chat?token={token_of(clinician)}"
    asked = question()
    with websockets.sync.client.connect(here.url.replace("http", "ws") + query) as connection:
        socket = Socket(connection)
        socket.receive()
        socket.send(asked)
        model.allow(2)
        frames = until_token(socket, 2)
    with websockets.sync.client.connect(there.url.replace("http", "ws") + query) as connection:
        socket = Socket(connection)
        socket.receive()
        socket.send(asked)
        assert socket.receive()["error"]["code"] == "RUN_ACTIVE"
        socket.send({"type": "resume", "session_id": asked["session_id"], "after": frames[-1]["seq"]})
        model.allow(1)
        frames += until_token(socket, 1)
        socket.send({"type": "cancel", "session_id": asked["session_id"]})
        frames += socket.rest()
        assert [frame["seq"] for frame in frames] == list(range(1, len(frames) + 1))
        assert (text_of(frames), frames[-1]["flags"]) == ("Toma metformina [1]", ["cancelled", "partial"])
        redis_server.ask("FLUSHALL")
        here.process.terminate()
        assert here.end() == 0
    with websockets.sync.client.connect(there.url.replace("http", "ws") + query) as connection:
        socket = Socket(connection)
        socket.receive()
        socket.send({"type": "resume", "session_id": asked["session_id"], "after": 3})
        *_, token, end, complete = socket.rest()
        assert (token["token"], end["type"]) == ("Toma metformina [1]", "stream_end")
        assert complete["answer"] == frames[-1]["answer"]
        assert complete["patient_info"] == frames[-1]["patient_info"]
        assert complete["metadata"] == frames[-1]["metadata"]
