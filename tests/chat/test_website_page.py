"""What a page needs beside the streams: history, stop, start over, and a stream of one named answer."""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
import time_machine

from chat.models import Message, Run, Thread
from healthmate.common import clock

pytestmark = pytest.mark.usefixtures("test_tools")

ANSWER = " ".join(f"palabra{number}" for number in range(1, 31)) + "."
NOTHING = {"thread_id": None, "messages": [], "running": None}


@pytest.fixture
def make_device(server: Any) -> Iterator[Callable[[], httpx.Client]]:
    clients = []

    def make() -> httpx.Client:
        clients.append(httpx.Client(base_url=server.url, timeout=30))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def device(make_device: Callable[[], httpx.Client]) -> httpx.Client:
    return make_device()


@pytest.fixture
def model(model_server: Any, settings: Any) -> Any:
    settings.LLM_STALL_TIMEOUT = 10
    return model_server.tool_mode("off")


def events_of(text: str) -> list[dict[str, Any]]:
    return [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: ")]


def shown(device: httpx.Client) -> list[str]:
    return [message["content"] for message in device.get("/chat/history").json()["messages"]]


def test_a_new_device_has_nothing_and_gets_its_id(device: httpx.Client) -> None:
    response = device.get("/chat/history")

    assert (response.status_code, response.json()) == (200, NOTHING)
    assert response.headers["Cache-Control"] == "no-store"
    assert response.cookies["device_id"] == response.headers["X-Device-ID"]
    assert "set-cookie" not in device.get("/chat/history/").headers


def test_the_history_is_the_whole_conversation(model: Any, device: httpx.Client) -> None:
    model.reply("Hola.")
    answer = device.post("/chat/", json={"content": "Hi"}).json()

    question, said = Message.objects.order_by("number")
    as_shown = device.get("/chat/history").json()
    times = [message.pop("created_at") for message in as_shown["messages"]]

    assert times == sorted(times)
    assert as_shown == {
        "thread_id": answer["thread_id"],
        "messages": [
            {"id": str(question.id), "role": "user", "direction": "incoming", "content": "Hi", "media_url": None}
            | {"flags": []},
            {"id": str(said.id), "role": "assistant", "direction": "outgoing", "content": "Hola.", "media_url": None}
            | {"flags": []},
        ],
        "running": None,
    }


def test_the_running_answer_is_named_and_can_be_read_from_its_first_word(model: Any, device: httpx.Client) -> None:
    model.pace(20).reply(ANSWER)
    with device.stream("POST", "/chat/stream", json={"content": "Hi"}) as stream:
        run_id = stream.headers["X-Run-ID"]
        next(stream.iter_lines())
        history = device.get("/chat/history").json()

    assert history["running"] == {
        "run_id": run_id,
        "message_id": str(Message.objects.get(direction="incoming").id),
        "status": "in_progress",
    }
    assert [message["content"] for message in history["messages"]] == ["Hi"]
    read = device.get("/chat/stream", params={"run_id": run_id})
    assert read.headers["X-Run-ID"] == run_id
    assert "".join(event["content"] for event in events_of(read.text)) == ANSWER


def test_a_stream_goes_on_with_the_answer_that_is_named(model: Any, device: httpx.Client) -> None:
    model.reply("Uno dos tres cuatro.").reply("Cinco seis siete ocho.")
    runs = [device.post("/chat/", json={"content": text}).json()["run_id"] for text in ("Hi", "And?")]

    for run_id, text in zip(runs, ("Uno dos tres cuatro.", "Cinco seis siete ocho."), strict=True):
        events = events_of(device.get("/chat/stream", params={"run_id": run_id}).text)
        assert "".join(event["content"] for event in events) == text
        rest = events_of(device.get("/chat/stream", params={"run_id": run_id, "after": events[0]["seq"]}).text)
        assert [event["seq"] for event in rest] == [event["seq"] for event in events[1:]]


def test_anothers_answer_cannot_be_named(model: Any, make_device: Callable[[], httpx.Client]) -> None:
    model.reply("Hola.")
    owner, stranger = make_device(), make_device()
    run_id = owner.post("/chat/", json={"content": "Hi"}).json()["run_id"]
    stranger.get("/chat/history")

    assert stranger.get("/chat/stream", params={"run_id": run_id}).status_code == 204
    assert owner.get("/chat/stream", params={"run_id": str(uuid4())}).status_code == 204
    refused = owner.get("/chat/stream", params={"run_id": "nonsense"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "INVALID_REQUEST")


def test_stop_ends_only_ones_own_answer(model: Any, make_device: Callable[[], httpx.Client]) -> None:
    model.pace(20).reply(ANSWER)
    owner, stranger = make_device(), make_device()
    stranger.get("/chat/history")
    with owner.stream("POST", "/chat/stream", json={"content": "Hi"}) as stream:
        lines = stream.iter_lines()
        next(lines)
        assert stranger.post("/chat/stop").json() == {"stopped": False, "run_id": None}
        assert owner.post("/chat/stop").json() == {"stopped": True, "run_id": stream.headers["X-Run-ID"]}
        events = events_of("\n".join(lines))

    assert (events[-1]["is_final"], set(events[-1]["flags"])) == (True, {"cancelled", "partial"})
    assert owner.post("/chat/stop", json={}).json() == {"stopped": False, "run_id": None}
    question, partial = shown(owner)
    assert question == "Hi"
    assert ANSWER.startswith(partial)
    assert partial != ANSWER


def test_who_has_no_conversation_may_stop_and_reset_nothing(device: httpx.Client) -> None:
    assert device.post("/chat/stop").json() == {"stopped": False, "run_id": None}
    assert (device.post("/chat/reset").status_code, device.post("/chat/reset").content) == (204, b"")
    device.get("/chat/history")
    assert device.post("/chat/reset").status_code == 204
    assert not Thread.objects.exists()


def test_after_a_reset_nothing_earlier_is_shown_or_sent(model: Any, device: httpx.Client) -> None:
    model.reply("Uno.").reply("Dos.")
    before = device.post("/chat/", json={"content": "My secret"}).json()

    assert device.post("/chat/reset").status_code == 204
    assert shown(device) == []
    assert device.post("/chat/reset").status_code == 204
    after = device.post("/chat/", json={"content": "Hi"}).json()

    assert after["thread_id"] != before["thread_id"]
    assert shown(device) == ["Hi", "Dos."]
    assert "secret" not in str(model.last_request.body["input"])
    assert Thread.objects.count() == 2


def test_a_reset_stops_the_answer_and_outlives_what_it_still_does(model: Any, device: httpx.Client) -> None:
    model.pace(20).reply(ANSWER).reply("Dos.")
    with device.stream("POST", "/chat/stream", json={"content": "My secret"}) as stream:
        lines = stream.iter_lines()
        next(lines)
        assert device.post("/chat/reset").status_code == 204
        assert device.get("/chat/history").json()["messages"] == []
        assert "cancelled" in events_of("\n".join(lines))[-1]["flags"]
    assert Run.objects.get().status == "cancelled"
    model.pace(0)
    device.post("/chat/", json={"content": "Hi"})
    assert shown(device) == ["Hi", "Dos."]


def test_an_expired_session_is_not_shown(model: Any, device: httpx.Client, settings: Any) -> None:
    settings.DEFAULT_SESSION_TTL = 3600
    model.reply("Hola.")
    device.post("/chat/", json={"content": "Hi"})

    with time_machine.travel(clock.now() + timedelta(minutes=59), tick=True):
        assert shown(device) == ["Hi", "Hola."]
    with time_machine.travel(clock.now() + timedelta(minutes=61), tick=True):
        assert device.get("/chat/history").json() == NOTHING


def test_an_emergency_keeps_the_conversation_open(device: httpx.Client) -> None:
    first = device.post("/chat/", json={"content": "I have severe chest pain and cannot breathe"}).json()
    assert first["flags"] == ["emergency"]
    assert shown(device) == ["I have severe chest pain and cannot breathe", first["content"]]

    second = device.post("/chat/", json={"content": "It is still there"}).json()
    assert second["thread_id"] == first["thread_id"]


def test_a_bad_device_id_is_refused(device: httpx.Client) -> None:
    for method, path in (("GET", "history"), ("POST", "stop"), ("POST", "reset")):
        refused = device.request(method, f"/chat/{path}", headers={"X-Device-ID": "default_user"})
        assert (refused.status_code, refused.json()["error"]["code"]) == (400, "INVALID_DEVICE_ID")
