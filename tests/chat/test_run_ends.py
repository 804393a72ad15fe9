"""How runs live and end when something is in the way: a slow tool, a client that leaves, a database that is away."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import httpx
import pytest
from django.db import connection, transaction

from chat.models import Assistant, Contact, Message, Run, Thread, ToolCall
from chat.owners import Owner
from chat.run_queries import LEASE
from chat.services.chat_service import ChatService
from chat.services.conversations import Incoming
from chat.services.shutdown import shut_down
from healthmate.common import clock
from healthmate.common.db import in_db
from healthmate.common.errors import ApiError
from healthmate.common.tools import ToolArguments, ToolContext, ToolResult, tool
from tests.chat.conftest import Talk
from tests.conftest import LiveServer
from tests.held_model import HeldModel

LIMIT = 1.5  # seconds
WORDS = ["Uno ", "dos ", "tres."]


class NoArguments(ToolArguments):
    pass


def outlast(run_id: UUID) -> None:
    begun = Run.objects.get(id=run_id).started_at
    threading.Event().wait((begun + timedelta(seconds=LIMIT + 0.2) - clock.now()).total_seconds())


@tool(arguments=NoArguments, writes=True)
def enrol_late(arguments: NoArguments, context: ToolContext) -> ToolResult:
    """Store something, but only when the run's time is over."""
    outlast(context.run_id)
    Thread.objects.filter(id=context.thread_id).update(title="Enrolled")
    return ToolResult(ok=True, data={}, did="registered", receipt="RECEIPT-1")


@tool(arguments=NoArguments, writes=True)
def fail_late(arguments: NoArguments, context: ToolContext) -> ToolResult:
    """The same, and break afterwards."""
    outlast(context.run_id)
    Thread.objects.filter(id=context.thread_id).update(title="Enrolled")
    raise RuntimeError


@pytest.fixture
def late_tools(settings: Any, database: None) -> None:
    """Assistants that offer the tools above."""
    settings.CHAT_TOOLS = [f"{__name__}.{name}" for name in ("enrol_late", "fail_late")]
    settings.TOTAL_REQUEST_TIMEOUT = LIMIT
    Assistant.objects.update(tools=["enrol_late", "fail_late"])


@pytest.fixture
def model(settings: Any) -> Iterator[HeldModel]:
    """A model server that writes one word when it is let."""
    with HeldModel() as held:
        settings.OPENAI_BASE_URL, settings.OPENAI_API_KEY = held.base_url(), f"sk-{uuid4()}"
        settings.LLM_STALL_TIMEOUT = 30
        yield held.tool_mode("off").reply("".join(WORDS))


def events_of(lines: Iterator[str]) -> Iterator[dict[str, Any]]:
    return (json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: "))


def wait_until(condition: Callable[[], Any]) -> None:
    """Wait for what the server brings about; the suite's timeout tells when it does not."""
    while not condition():
        threading.Event().wait(0.01)


# --- A tool that outlasts the run's time ------------------------------------------------------------------


@pytest.mark.usefixtures("late_tools")
def test_what_a_tool_committed_after_the_time_limit_is_told(model_server: Any, talk: Talk) -> None:
    model_server.call_tool("enrol_late").reply("I have registered you.")

    refused = talk.post("Enrol me")

    error, call = refused.json()["error"], ToolCall.objects.get()
    assert (refused.status_code, error["code"]) == (504, "REQUEST_TIMEOUT")
    assert (error["details"]["content"], error["details"]["flags"]) == ("RECEIPT-1", ["partial"])
    assert error["details"]["tool_calls"] == [{"name": "enrol_late", "ok": True}]
    assert (call.ok, Thread.objects.get().title) == (True, "Enrolled")
    assert (Run.objects.get().status, Run.objects.get().error_code) == ("failed", "REQUEST_TIMEOUT")
    assert [message["content"] for message in talk.history()] == ["Enrol me", "RECEIPT-1"]
    assert len(model_server.requests) == 1


@pytest.mark.usefixtures("late_tools")
def test_nothing_is_told_or_kept_of_a_tool_that_broke_after_the_time_limit(model_server: Any, talk: Talk) -> None:
    model_server.call_tool("fail_late").reply("I have registered you.")

    error = talk.post("Enrol me").json()["error"]

    assert (error["code"], "content" in error["details"]) == ("REQUEST_TIMEOUT", False)
    assert error["details"]["tool_calls"] == [{"name": "fail_late", "ok": False, "code": "TOOL_FAILED"}]
    assert Thread.objects.get().title == "Enrol me"
    assert [message["content"] for message in talk.history()] == ["Enrol me"]


# --- A client that leaves ---------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/chat/", "/chat/stream"])
@pytest.mark.usefixtures("test_tools")
def test_a_message_whose_client_left_while_it_was_stored_is_answered(
    server: LiveServer, http: httpx.Client, path: str
) -> None:
    device = str(uuid4())
    contact = Contact.objects.create(phone_number=f"chat_{device}")
    http.headers["X-Device-ID"] = device
    body = b'{"content": "hello"}'
    request = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nX-Device-ID: {device}\r\n"
    with transaction.atomic():
        Contact.objects.select_for_update().get(pk=contact.pk)  # the message cannot be stored yet
        connected = len(server.server.server_state.connections)
        with socket.create_connection(("127.0.0.1", urlsplit(server.url).port)) as client:
            client.sendall(f"{request}Content-Length: {len(body)}\r\n\r\n".encode() + body)
            wait_until(somebody_waits_for_a_lock)
        wait_until(lambda: len(server.server.server_state.connections) <= connected)
        assert not Message.objects.exists()
    wait_until(lambda: Run.objects.filter(status="completed").exists())

    question, answer = http.get("/chat/history").json()["messages"]
    assert (question["content"], answer["role"], answer["flags"]) == ("hello", "assistant", ["scripted"])
    assert Run.objects.count() == 1


def somebody_waits_for_a_lock() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)")
        return cursor.fetchone()[0]


# --- A database that is away ------------------------------------------------------------------------------


@pytest.mark.usefixtures("test_tools")
def test_an_answer_that_cannot_be_stored_is_told_so_and_stored_as_soon_as_it_can(
    server: LiveServer, http: httpx.Client, model: HeldModel
) -> None:
    http.headers["X-Device-ID"] = device = str(uuid4())
    with asking(server, device) as events:
        model.allow()
        first = next(events)
        rename_table("chat_run", "chat_run_away")
        try:
            model.allow(len(WORDS))
            *rest, last = events
        finally:
            rename_table("chat_run_away", "chat_run")
    wait_until(lambda: Run.objects.filter(status="completed").exists())

    *pieces, complaint = (first, *rest)
    assert [piece["content"] for piece in pieces] == WORDS
    assert complaint["content"].strip() == last["error"]["message"]
    assert (last["error"]["code"], last["message_id"], last["flags"]) == ("PROCESSING_ERROR", None, [])
    messages = http.get("/chat/history").json()["messages"]
    assert [(message["content"], message["flags"]) for message in messages] == [("Hola", []), ("".join(WORDS), [])]


def rename_table(name: str, other: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {name} RENAME TO {other}")


# --- Leases -----------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("test_tools", "closed_clients")
async def test_a_process_renews_the_leases_of_its_own_runs_and_of_no_others(
    model: HeldModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chat.services.run_executor.LEASE", timedelta(seconds=0.3))
    dead, soon = await in_db(make_dead_run), clock.now() + LEASE / 2
    service, owner = ChatService(), Owner(device_id=str(uuid4()))
    runs = [await service.send(owner=owner, thread_id=None, incoming=Incoming(content="Hola")) for _ in range(2)]
    feed = await service.feed(runs[0].id)
    await feed.more(0)
    await in_db(Run.objects.update, lease_until=soon)

    while await in_db(Run.objects.filter(lease_until__gt=soon).count) < len(runs):
        pass
    await in_db(dead.refresh_from_db)
    assert (dead.status, dead.lease_until) == ("in_progress", soon)
    model.allow(2 * len(WORDS) + 30)
    for run in runs:
        assert (await service.process_message(run)).content
    await shut_down()


def make_dead_run() -> Run:
    thread = Thread.objects.create()
    message = Message.objects.create(thread=thread, number=1, turn=1, direction="incoming", body="Hola")
    return Run.objects.create(thread=thread, message=message, status="in_progress", lease_until=clock.now())


@contextmanager
def asking(server: LiveServer, device: str = "") -> Iterator[Iterator[dict[str, Any]]]:
    """A device's question, and the events of its answer."""
    url, headers = f"{server.url}/chat/stream", {"X-Device-ID": device or str(uuid4())}
    with httpx.stream("POST", url, json={"content": "Hola"}, headers=headers, timeout=30) as response:
        yield events_of(response.iter_lines())


# --- The end of a process ---------------------------------------------------------------------------------


@pytest.mark.usefixtures("test_tools", "closed_clients")
async def test_a_message_that_comes_when_its_process_has_shut_down_is_marked_at_once() -> None:
    await shut_down()

    service, owner = ChatService(), Owner(device_id=str(uuid4()))
    run = await service.send(owner=owner, thread_id=None, incoming=Incoming(content="Hola"))
    with pytest.raises(ApiError) as told:
        await service.process_message(run)

    await in_db(run.refresh_from_db)
    assert (told.value.error.code, run.status, run.error_code) == ("RUN_INTERRUPTED", "interrupted", "RUN_INTERRUPTED")
    assert await in_db(Message.objects.values_list("body", flat=True).get) == "Hola"
