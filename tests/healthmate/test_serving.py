"""`manage.py serve` as a service manager runs it: a process of its own, ended by SIGTERM while people read."""

import json
import resource
import signal
import socket
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import httpx
import psutil
import pytest

from chat.models import Message, Run
from tests.held_model import HeldModel
from tests.redis_server import RedisServer
from tests.serving import Serving, serve

__all__ = ["serve"]

WORDS = ["Uno ", "dos ", "tres ", "cuatro ", "cinco."]
HANDSHAKE = """GET /ws/chat?token=secret HTTP/1.1\r
Host: localhost\r
Connection: Upgrade\r
Upgrade: websocket\r
Sec-WebSocket-Version: 13\r
Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r
\r
"""


@pytest.fixture
def model() -> Iterator[HeldModel]:
    with HeldModel() as held:
        yield held.tool_mode("off").reply("".join(WORDS))


@pytest.fixture
def model_settings(model: HeldModel) -> dict[str, str]:
    return {"OPENAI_BASE_URL": model.base_url(), "OPENAI_API_KEY": f"sk-{uuid4()}"}


def events_of(lines: Iterator[str]) -> Iterator[dict[str, Any]]:
    return (json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: "))


def refused(url: str) -> bool:
    try:
        socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), 5).close()
    except ConnectionError as error:  # a reset: the socket is being closed
        return isinstance(error, ConnectionRefusedError)
    return False


@pytest.mark.parametrize("workers", [1, 2])
def test_a_running_answer_is_finished_before_the_server_ends(
    serve: Callable[..., Serving],
    model: HeldModel,
    model_settings: dict[str, str],
    redis_server: RedisServer,
    workers: int,
) -> None:
    server = serve(WORKERS=str(workers), REDIS_URL=redis_server.url if workers > 1 else "", **model_settings)
    with httpx.stream("POST", f"{server.url}/chat/stream", json={"content": "Hola"}, timeout=30) as response:
        events = events_of(response.iter_lines())
        model.allow()
        first = next(events)
        server.process.terminate()
        for _ in range(workers):
            server.wait_for("Shutting down")
        while not refused(server.url):  # the sockets are being closed
            pass
        model.allow(len(WORDS))
        *rest, last = events

    assert [event["content"] for event in (first, *rest)] == WORDS
    assert (last["is_final"], last["flags"]) == (True, [])
    assert server.end() == 0
    assert Run.objects.get().status == "completed"


def test_an_answer_that_outlasts_the_grace_is_marked_and_its_reader_told(
    serve: Callable[..., Serving], model: HeldModel, model_settings: dict[str, str]
) -> None:
    server = serve(SHUTDOWN_GRACE="0.2", **model_settings)
    with httpx.stream("POST", f"{server.url}/chat/stream", json={"content": "Hola"}, timeout=30) as response:
        events = events_of(response.iter_lines())
        model.allow()
        next(events)
        server.process.terminate()
        *_, last = events

    assert (last["is_final"], last["flags"], last["error"]["code"]) == (True, ["partial"], "RUN_INTERRUPTED")
    assert server.end() == 0
    assert Run.objects.get().status == "interrupted"
    assert Message.objects.values_list("body", "flags").get(direction="outgoing") == (WORDS[0], ["partial"])


def test_a_server_at_rest_serves_logs_no_secret_and_ends_at_once(serve: Callable[..., Serving]) -> None:
    server = serve()
    page = httpx.get(server.url, headers={"X-Forwarded-For": "203.0.113.9"})
    style = httpx.get(f"{server.url}/static/chat/page.css")
    health = httpx.get(f"{server.url}/health?token=secret")
    with socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2]))) as websocket:
        websocket.sendall(HANDSHAKE.encode())
        websocket.recv(1000)
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    open_files = psutil.Process(server.process.pid).rlimit(psutil.RLIMIT_NOFILE)
    server.process.send_signal(signal.SIGINT)

    assert (page.status_code, style.status_code, health.status_code) == (200, 200, 200)
    assert "Server" not in page.headers
    assert open_files == (most, most)
    assert server.end() == 0
    assert "127.0.0.1" in server.log
    assert '"GET /health HTTP/1.1" 200' in server.log
    assert "secret" not in server.log
    assert "203.0.113.9" not in server.log


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ({"WORKERS": "2"}, "WORKERS is 2 but REDIS_URL is not set."),
        ({"DEBUG": "1"}, "DEBUG is on"),
    ],
)
def test_what_cannot_work_is_refused_with_a_sentence(
    serve: Callable[..., Serving], setting: dict[str, str], sentence: str
) -> None:
    server = serve(**setting)

    assert server.end() == 1
    assert sentence in server.log
