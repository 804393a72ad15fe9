"""What `cleanup_sessions` does to conversations: dead runs are closed, live streams go on."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
import time_machine
from django.core.management import call_command

from chat.models import Contact, IdempotencyKey, Message, Run, Thread
from chat.services import cleanup
from healthmate.common import clock
from sessions_store import services as sessions
from tests.chat.test_streams import events_of
from tests.held_model import HeldModel

WORDS = ["Uno ", "dos ", "tres ", "cuatro."]
LEASES_AND_STATUSES = [  # seconds from now, status; whether it is closed
    (-1, "queued", True),
    (-1, "in_progress", True),
    (-100_000, "in_progress", True),
    (30, "queued", False),
    (30, "in_progress", False),
    (-1, "completed", False),
    (-1, "cancelled", False),
]


@pytest.fixture
def make_run() -> Callable[..., Run]:
    def make(status: str = "in_progress", lease: float = 30) -> Run:
        thread = Thread.objects.create()
        message = Message.objects.create(thread=thread, number=1, turn=1, direction="incoming", body="Hola")
        over = None if status in {"queued", "in_progress"} else clock.now()
        until = clock.now() + timedelta(seconds=lease)
        return Run.objects.create(thread=thread, message=message, status=status, lease_until=until, finished_at=over)

    return make


@pytest.mark.django_db
def test_runs_of_dead_processes_are_closed_and_no_others(make_run: Callable[..., Run]) -> None:
    made = [(make_run(status, lease), closed) for lease, status, closed in LEASES_AND_STATUSES]

    assert cleanup.lapsed_runs.preview().count == 3
    assert cleanup.lapsed_runs.run() == 3

    for run, closed in made:
        before = (run.status, run.error_code, run.finished_at)
        run.refresh_from_db()
        if closed:
            assert (run.status, run.error_code) == ("interrupted", "RUN_INTERRUPTED")
            assert run.finished_at
        else:
            assert (run.status, run.error_code, run.finished_at) == before


@pytest.mark.django_db
@pytest.mark.parametrize("days", [-2, 2])
def test_a_wrong_clock_ends_no_run_that_lives(make_run: Callable[..., Run], days: int) -> None:
    """On a machine whose clock is fast or slow, in whichever direction."""
    make_run(lease=30)
    with time_machine.travel(clock.now() + timedelta(days=days), tick=False):
        assert cleanup.lapsed_runs.run() == 0


@pytest.mark.django_db
def test_keys_that_may_be_repeated_stay(make_run: Callable[..., Run]) -> None:
    contact = Contact.objects.create(phone_number="chat_device")
    run = make_run("completed")
    for name in ("old", "young"):
        IdempotencyKey.objects.create(contact=contact, key=name, fingerprint="f", run=run)
    day = cleanup.KEEP_IDEMPOTENCY_KEYS
    IdempotencyKey.objects.filter(key="old").update(created_at=clock.now() - day - timedelta(seconds=1))
    IdempotencyKey.objects.filter(key="young").update(created_at=clock.now() - day + timedelta(seconds=60))

    assert cleanup.idempotency_keys.run() == 1

    assert IdempotencyKey.objects.get().key == "young"
    assert Run.objects.filter(id=run.id).exists()


@pytest.fixture
def model(settings: Any) -> Iterator[HeldModel]:
    """A model server that writes one word when it is let."""
    with HeldModel() as held:
        settings.OPENAI_BASE_URL, settings.OPENAI_API_KEY = held.base_url(), f"sk-{uuid4()}"
        settings.LLM_STALL_TIMEOUT = 30
        yield held.tool_mode("off").reply("".join(WORDS))


@pytest.mark.usefixtures("test_tools")
def test_a_live_stream_is_not_touched_whatever_the_clock_says(http: httpx.Client, model: HeldModel) -> None:
    with http.stream("POST", "/chat/stream", json={"content": "Hola"}, headers={"Idempotency-Key": "k"}) as response:
        body = response.iter_text()
        model.allow()
        first = next(body)
        device = response.headers["X-Device-ID"]
        sessions.set_session_lock(device, "general", session_ttl=20)
        call_command("cleanup_sessions")
        locked = sessions.get_session_lock(device)
        for ahead in (timedelta(seconds=25), timedelta(days=2)):  # the session is over; then whatever else has a time
            with time_machine.travel(clock.now() + ahead, tick=True):
                call_command("cleanup_sessions")
        run = Run.objects.get()
        model.allow(len(WORDS))
        rest = "".join(body)

    events = events_of(first + rest)
    assert (locked, sessions.get_session_lock(device), run.status) == ("general", None, "in_progress")
    assert "".join(event["content"] for event in events) == "".join(WORDS)
    assert events[-1]["is_final"]
    assert events[-1]["flags"] == []
    run.refresh_from_db()
    assert (run.status, run.error_code) == ("completed", "")
    assert Message.objects.get(direction="outgoing").body == "".join(WORDS)
