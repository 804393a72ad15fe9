"""Runs that their process left behind: what they had shown is kept, and whoever reads them is told."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from io import StringIO
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.db import connection

from chat.events import RunCancelled, RunCompleted, RunFailed, RunStarted, TerminalEvent, TokenDelta
from chat.models import Contact, Message, Run, Thread
from chat.owners import Owner
from chat.run_log import InProcessRunLog, RedisRunLog, current_run_log, follow
from chat.services.chat_service import ChatService
from chat.services.recovery import settle, until_over
from healthmate.common import clock
from healthmate.common.db import in_db
from tests.chat.test_run_log_redis import until
from tests.redis_server import RedisServer

OWNER = Owner(device_id=str(uuid4()))
SAID = ("Uno ", "dos ")
PARTIAL = ("Uno dos ", ["partial"])
ENGLISH = "The server was restarted while it answered. Your message is stored; please try again."


@pytest.fixture
def make_run(database: None) -> Callable[..., Run]:
    """A run of the owner's that a process, dead unless its lease says otherwise, has begun."""

    def make(*, lease: float = -1, **columns: Any) -> Run:
        contact, _ = Contact.objects.get_or_create(phone_number=OWNER.phone_number)
        thread = Thread.objects.create(contact=contact, language="en", last_number=1)
        message = Message.objects.create(thread=thread, number=1, turn=1, direction="incoming", body="Hello")
        times = {"started_at": clock.now(), "lease_until": clock.now() + timedelta(seconds=lease)}
        return Run.objects.create(thread=thread, message=message, **{"status": "in_progress", **times, **columns})

    return make


@pytest.fixture
async def dead_process(redis_server: RedisServer, settings: Any) -> AsyncIterator[Callable[..., Any]]:
    """Leave a run in Redis as a process does that is killed; this one has a log of its own."""
    settings.REDIS_URL = redis_server.url

    async def leave(run: Run, *said: str) -> None:
        log = RedisRunLog(redis_server.url)
        await write(log, run, *said)
        await log.aclose()

    yield leave
    await current_run_log().aclose()


async def write(log: InProcessRunLog, run: Run, *said: str) -> None:
    log.open(str(run.id))
    await log.append(RunStarted(run_id=str(run.id), seq=1, thread_id=str(run.thread_id)))
    for seq, text in enumerate(said, start=2):
        await log.append(TokenDelta(run_id=str(run.id), seq=seq, text=text))


def answers_of(run: Run) -> list[tuple[str, list[str]]]:
    return list(Message.objects.filter(run=run).values_list("body", "flags"))


async def end_of(run: Run) -> TerminalEvent:
    async with asyncio.timeout(20):
        return await until_over(run.id)


async def test_however_many_look_at_once_the_words_are_kept_once(
    make_run: Callable[..., Run], dead_process: Any
) -> None:
    run = await in_db(make_run)
    await dead_process(run, *SAID)

    ends = await asyncio.gather(end_of(run), *(settle(owner=OWNER) for _ in range(4)), end_of(run))

    answer = await in_db(Message.objects.get, run=run)
    told = RunFailed(
        run_id=str(run.id),
        seq=4,
        code="RUN_INTERRUPTED",
        message=ENGLISH,
        retryable=True,
        message_id=str(answer.id),
        text="Uno dos ",
        flags=["partial"],
    )
    assert [end for end in ends if end] == [told, told]
    assert (answer.body, answer.flags, answer.number, answer.turn) == (*PARTIAL, 2, 1)
    thread, messages = await ChatService().history(owner=OWNER, thread_id=run.thread_id)
    assert (thread.last_number, [message.body for message in messages]) == (2, ["Hello", "Uno dos "])


@pytest.mark.parametrize("closed_first", [False, True])
async def test_cleaning_up_keeps_the_words_whoever_closed_the_run(
    make_run: Callable[..., Run], dead_process: Any, closed_first: bool
) -> None:
    closed = {"status": "interrupted", "error_code": "RUN_INTERRUPTED", "finished_at": clock.now()}
    run = await in_db(make_run, **(closed if closed_first else {}))
    await dead_process(run, *SAID)

    await in_db(call_command, "cleanup_sessions", "--dry-run", stdout=StringIO())
    assert not await in_db(answers_of, run)
    for _ in range(2):
        await in_db(call_command, "cleanup_sessions", stdout=StringIO())

    assert await in_db(answers_of, run) == [PARTIAL]
    await in_db(run.refresh_from_db)
    assert (run.status, run.error_code) == ("interrupted", "RUN_INTERRUPTED")


async def test_a_live_run_is_left_alone(make_run: Callable[..., Run], dead_process: Any) -> None:
    run = await in_db(make_run, lease=30)
    await dead_process(run, *SAID)

    await settle(owner=OWNER)

    await in_db(run.refresh_from_db)
    assert (run.status, await in_db(answers_of, run)) == ("in_progress", [])


async def test_nobody_settles_the_runs_of_others(make_run: Callable[..., Run], dead_process: Any) -> None:
    run = await in_db(make_run)
    await dead_process(run, *SAID)

    await settle(owner=Owner(device_id=str(uuid4())))
    await settle(owner=OWNER, thread_id=uuid4())

    await in_db(run.refresh_from_db)
    assert run.status == "in_progress"


async def test_a_run_that_said_nothing_leaves_no_answer(make_run: Callable[..., Run], dead_process: Any) -> None:
    run = await in_db(make_run)
    await dead_process(run)

    end = await end_of(run)

    assert (end.code, end.text, end.flags, end.message_id) == ("RUN_INTERRUPTED", "", [], None)
    assert await in_db(answers_of, run) == []


async def test_a_run_that_redis_has_forgotten_ends_too(
    make_run: Callable[..., Run], dead_process: Any, redis_server: RedisServer
) -> None:
    run = await in_db(make_run)
    await dead_process(run, *SAID)
    redis_server.ask("FLUSHALL")

    end = await end_of(run)

    assert (end.code, end.text) == ("RUN_INTERRUPTED", "")


async def test_a_reader_is_told_of_a_stored_end_that_its_process_could_not_tell(
    make_run: Callable[..., Run], dead_process: Any
) -> None:
    run = await in_db(make_run, status="cancelled", finished_at=clock.now())
    await dead_process(run, *SAID)

    assert await end_of(run) == RunCancelled(run_id=str(run.id), seq=4, text="Uno dos ", flags=["partial"])


async def test_a_reader_gets_the_rest_of_an_answer_that_was_stored_and_not_told_to_its_end(
    make_run: Callable[..., Run], dead_process: Any
) -> None:
    run = await in_db(make_run, status="completed", finished_at=clock.now())
    whole = {"body": "Uno dos tres.", "direction": "outgoing", "number": 2, "turn": 1, "thread_id": run.thread_id}
    answer = await in_db(Message.objects.create, run=run, **whole)
    await dead_process(run, *SAID)

    feed = await ChatService().feed(run.id)
    async with asyncio.timeout(20):
        events = [event async for event in follow(feed, after=2)]

    assert events == [
        TokenDelta(run_id=str(run.id), seq=3, text="dos "),
        TokenDelta(run_id=str(run.id), seq=4, text="tres."),
        RunCompleted(run_id=str(run.id), seq=5, message_id=str(answer.id), text="Uno dos tres."),
    ]


async def test_a_reader_of_a_deleted_conversation_is_let_go(make_run: Callable[..., Run], dead_process: Any) -> None:
    run = await in_db(make_run, lease=30)
    await dead_process(run, *SAID)
    reading = asyncio.create_task(end_of(run))
    await until(lambda: len(feed.events) == 3 if (feed := current_run_log().watched().get(str(run.id))) else False)

    await in_db(Thread.objects.all().delete)

    assert (await reading).code == "PROCESSING_ERROR"


async def test_a_reader_waits_for_a_database_that_is_away_for_a_while(
    make_run: Callable[..., Run], dead_process: Any, caplog: pytest.LogCaptureFixture
) -> None:
    run = await in_db(make_run, lease=30)
    await dead_process(run, *SAID)
    reading = asyncio.create_task(end_of(run))
    await until(lambda: current_run_log().watched())

    await in_db(rename_table, "chat_run", "chat_run_away")
    try:
        await until(lambda: "cannot be looked up" in caplog.text)
    finally:
        await in_db(rename_table, "chat_run_away", "chat_run")
    await in_db(Run.objects.update, lease_until=clock.now() - timedelta(seconds=1))

    assert (await reading).code == "RUN_INTERRUPTED"
    assert await in_db(answers_of, run) == [PARTIAL]


async def test_what_this_process_showed_and_could_not_store_is_kept_by_the_next_who_looks(
    make_run: Callable[..., Run],
) -> None:
    """The log of one process alone: it told the end, and the database did not hear of it in time."""
    run = await in_db(make_run)
    log = current_run_log()
    await write(log, run, *SAID)
    await log.append(RunFailed(run_id=str(run.id), seq=4, code="PROCESSING_ERROR", message="", retryable=True))

    await settle(owner=OWNER, thread_id=run.thread_id)

    await in_db(run.refresh_from_db)
    assert (run.status, await in_db(answers_of, run)) == ("interrupted", [PARTIAL])


def rename_table(name: str, other: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {name} RENAME TO {other}")
