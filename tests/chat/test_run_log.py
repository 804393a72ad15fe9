"""What every RunLog promises, whether in one process's memory or shared through Redis."""

import asyncio
from uuid import uuid4

import pytest

from chat.events import Evidence, RunCompleted, RunFailed, RunStarted, TokenDelta
from chat.run_log import InProcessRunLog, RedisRunLog, UnknownRunError, current_run_log, follow


def events_of(run_id, *, deltas=5):
    """A whole run: `deltas` + 2 events."""
    texts = [f"piece {number} ñ\n" for number in range(deltas)]
    yield RunStarted(run_id=run_id, seq=1, thread_id="thread")
    for seq, text in enumerate(texts, start=2):
        yield TokenDelta(run_id=run_id, seq=seq, text=text)
    evidence = Evidence(at="2026-11-21T17:00:00Z")
    yield RunCompleted(run_id=run_id, seq=deltas + 2, message_id="m", text="".join(texts), evidence=evidence)


@pytest.fixture(params=["memory", "redis"])
async def log(request):
    in_memory = request.param == "memory"
    log = InProcessRunLog() if in_memory else RedisRunLog(request.getfixturevalue("redis_server").url)
    yield log
    await log.aclose()


async def test_every_reader_gets_what_comes_after_its_offset(log):
    run_id = str(uuid4())
    written = list(events_of(run_id))
    log.open(run_id)
    feed = await log.feed(run_id)
    early = [asyncio.create_task(read(feed, after=after)) for after in range(len(written) + 1)]
    for event in written:
        await log.append(event)
        await asyncio.sleep(0)
    late = [await read(await log.feed(run_id), after=after) for after in range(len(written) + 1)]
    assert [await task for task in early] == late == [written[after:] for after in range(len(written) + 1)]


async def test_what_does_not_follow_is_not_taken(log, caplog):
    run_id = str(uuid4())
    first, second, *rest = events_of(run_id)
    log.open(run_id)
    for event in (first, first, rest[0], second, *rest, rest[-1]):
        await log.append(event)
    assert (await log.feed(run_id)).events == [first, second, *rest]
    assert len(caplog.records) == 3


async def test_nobody_knows_a_run_that_never_was(log):
    with pytest.raises(UnknownRunError):
        await log.feed(str(uuid4()))


async def test_a_stop_reaches_the_run_of_the_same_process_at_once(log):
    stopped = []
    log.on_stop(stopped.append)
    log.request_stop("run")
    assert stopped == ["run"]


async def test_only_runs_of_other_processes_are_watched(log):
    run_id = str(uuid4())
    log.open(run_id)
    await log.append(RunStarted(run_id=run_id, seq=1, thread_id="thread"))
    assert dict(log.watched()) == {}


async def test_closing_twice_does_no_harm(log):
    log.open(str(uuid4()))
    await log.aclose()
    await log.aclose()


async def test_a_failure_ends_a_run_too(log):
    run_id = str(uuid4())
    log.open(run_id)
    failed = RunFailed(run_id=run_id, seq=1, code="LLM_ERROR", message="No.", retryable=True)
    await log.append(failed)
    assert await read(await log.feed(run_id)) == [failed]


async def test_the_settings_choose_the_log(settings, redis_server):
    settings.REDIS_URL = redis_server.url
    log = current_run_log()
    assert isinstance(log, RedisRunLog)
    assert current_run_log() is log
    await log.aclose()


async def test_without_redis_the_log_is_in_memory():
    assert isinstance(current_run_log(), InProcessRunLog)
    assert not isinstance(current_run_log(), RedisRunLog)


async def read(feed, *, after=0):
    async with asyncio.timeout(10):
        return [event async for event in follow(feed, after=after)]
