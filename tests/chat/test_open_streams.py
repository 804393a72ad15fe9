"""What open streams cost: nothing while they wait, little when nobody reads, and never a token."""

import json
import re
import socket
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import psutil
import pytest
from django.db import connection

from chat.sse import HEARTBEAT
from tests.conftest import LiveServer
from tests.held_model import HeldModel
from tests.serving import Serving, serve

__all__ = ["serve"]

WORDS = ["Uno ", "dos ", "tres."]
LONG = " ".join(f"{number:099d}" for number in range(1900))  # more than the kernel and the server keep for a client


@pytest.fixture
def model() -> Iterator[HeldModel]:
    with HeldModel() as held:
        yield held.tool_mode("off")


@pytest.fixture
def answered(model: HeldModel, settings: Any, test_tools: list[str]) -> HeldModel:
    """The server under test asks the held model."""
    settings.OPENAI_BASE_URL, settings.OPENAI_API_KEY = model.base_url(), f"sk-{uuid4()}"
    settings.LLM_STALL_TIMEOUT = 30
    return model


def post(url: str, **options: int) -> socket.socket:
    """A socket over which a device without an id has sent a message; `options` are TCP's, of the client's side."""
    address = urlsplit(url)
    client = socket.socket()
    client.settimeout(30)
    for name, value in options.items():
        level = socket.SOL_SOCKET if name.startswith("SO_") else socket.IPPROTO_TCP
        client.setsockopt(level, getattr(socket, name), value)
    client.connect((address.hostname, address.port))
    body = json.dumps({"content": "Hola"})
    client.sendall(
        f"POST /chat/stream HTTP/1.1\r\nHost: {address.netloc}\r\nAccept: text/event-stream\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
    )
    return client


def read_until(client: socket.socket, mark: bytes = b"") -> bytes:
    """What comes up to `mark`, else up to the connection's end, however it ends."""
    said = b""
    while not (mark and mark in said):
        try:
            data = client.recv(65536)
        except ConnectionResetError:
            return said
        if not data:
            return said
        said += data
    return said


def test_padded_comments_keep_a_silent_stream_open(server: LiveServer, answered: HeldModel, settings: Any) -> None:
    settings.STREAM_HEARTBEAT = 0.05
    answered.reply("".join(WORDS))
    body = b""
    with httpx.stream("POST", f"{server.url}/chat/stream", json={"content": "Hola"}, timeout=30) as response:
        for data in response.iter_raw():
            body += data
            if body.count(HEARTBEAT) == 2:
                answered.allow(len(WORDS))

    silence, *rest = body.partition(b"data: ")
    events = [json.loads(block.removeprefix(b"data: ")) for block in b"".join(rest).split(b"\n\n") if b"data" in block]
    assert silence == HEARTBEAT * (len(silence) // len(HEARTBEAT))
    assert len(HEARTBEAT) > 2000
    assert HEARTBEAT.startswith(b":")
    assert [event["content"] for event in events] == [*WORDS, ""]


def test_a_stream_that_waits_holds_no_thread_and_no_connection(serve: Callable[..., Serving], model: HeldModel) -> None:
    streams, pool = 60, 4
    model.reply("".join(WORDS), times=None)
    server = serve(
        OPENAI_BASE_URL=model.base_url(),
        OPENAI_API_KEY="sk-x",
        DATABASE_POOL_SIZE=str(pool),
        RATE_ADDRESS="off",
        PGAPPNAME="waiting",
    )
    process = psutil.Process(server.process.pid)
    clients = [post(server.url) for _ in range(streams // 2)]
    model.wait_until_held(streams // 2)
    threads = process.num_threads()
    clients += [post(server.url) for _ in range(streams // 2)]
    model.wait_until_held(streams)

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*), count(*) FILTER (WHERE state <> 'idle') FROM pg_stat_activity"
            " WHERE application_name = 'waiting'"
        )
        connections, busy = cursor.fetchone()
    assert process.num_threads() <= threads
    assert (connections < streams, busy) == (True, 0)
    model.allow(streams * len(WORDS))
    for client in clients:
        assert b'"is_final":true' in read_until(client, b"0\r\n\r\n")
        client.close()


def test_who_reads_nothing_is_cut_off_costs_little_and_can_resume(
    server: LiveServer, answered: HeldModel, settings: Any
) -> None:
    settings.STREAM_STALL_TIMEOUT = 0.2
    answered.reply(LONG)
    with post(server.url, SO_RCVBUF=4096, TCP_MAXSEG=536) as client:
        answered.allow(LONG.count(" ") + 1)
        server.settle()  # the run is over, and the stream was cut off

        held = [connection.transport.get_write_buffer_size() for connection in server.server.server_state.connections]
        head, _, body = read_until(client).partition(b"\r\n\r\n")

    device = re.search(rb"x-device-id: (\S+)", head)[1].decode()
    blocks = re.sub(rb"(^|\r\n)[0-9a-f]+\r\n", b"", body).split(b"\n\n")[:-1]
    last = int(blocks[-1].partition(b"\n")[0].removeprefix(b"id: "))
    headers = {"Accept": "text/event-stream", "Last-Event-ID": str(last), "X-Device-ID": device}
    rest = httpx.get(f"{server.url}/chat/stream", headers=headers, timeout=30).content
    events = [json.loads(block.partition(b"data: ")[2]) for block in [*blocks, *rest.split(b"\n\n")[:-1]]]

    assert held
    assert max(held) < 2 * 65536  # what the transport holds before it says stop, and one chunk
    assert last < len(events)
    assert not body.endswith(b"0\r\n\r\n")
    assert "".join(event["content"] for event in events) == LONG
    assert [event["seq"] for event in events] == list(range(2, len(events) + 2))
    assert events[-1]["is_final"]


def test_who_reads_nothing_holds_no_socket_of_the_server(serve: Callable[..., Serving], model: HeldModel) -> None:
    model.reply(LONG)
    server = serve(OPENAI_BASE_URL=model.base_url(), OPENAI_API_KEY="sk-x", STREAM_STALL_TIMEOUT="0.2")
    process = psutil.Process(server.process.pid)
    with post(server.url, SO_RCVBUF=4096, TCP_MAXSEG=536) as client:
        model.allow(LONG.count(" ") + 1)
        model.wait_until_held(0)
        while any(end.raddr == client.getsockname() for end in process.net_connections()):
            pass
        server.process.terminate()
        assert server.end() == 0
