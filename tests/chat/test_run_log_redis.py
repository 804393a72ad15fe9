"""Two workers and a real Redis: the reader is on the one, the run on the other."""

import asyncio
import gc
from uuid import uuid4

import pytest

from chat.events import RunCancelled, RunFailed, RunStarted, TokenDelta
from chat.run_log import KEEP_SECONDS, RedisRunLog, UnknownRunError, follow, redis_log
from tests.chat.test_run_log import events_of

PROTOCOLS = pytest.mark.parametrize("protocol", [2, 3])


@pytest.fixture
async def worker():
    logs = []

    def make(url):
        logs.append(RedisRunLog(url))
        return logs[-1]

    yield make
    for log in logs:
        await log.aclose()


async def read(feed, *, after=0):
    async with asyncio.timeout(20):
        return [event async for event in follow(feed, after=after)]


async def write(log, events):
    for event in events:
        await log.append(event)
        await asyncio.sleep(0)


def key(run_id):
    return f"healthmate:run:{run_id}"


async def until(condition):
    """Wait for what Redis or another task brings about; the timeout tells when it does not."""
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.to_thread(lambda: None)


@PROTOCOLS
async def test_a_reader_elsewhere_gets_every_event_once_from_any_offset(worker, redis_server, protocol):
    url = f"{redis_server.url}?protocol={protocol}"
    here, there = worker(url), worker(url)
    run_id = str(uuid4())
    written = list(events_of(run_id, deltas=60))
    here.open(run_id)
    cuts = range(len(written) + 1)
    before = [asyncio.create_task(read(await there.feed(run_id, expected=True), after=after)) for after in cuts]
    await write(here, written[:30])
    meanwhile = [asyncio.create_task(read(await there.feed(run_id), after=after)) for after in cuts]
    await write(here, written[30:])
    wanted = [written[after:] for after in cuts]
    assert await asyncio.gather(*before) == wanted
    assert await asyncio.gather(*meanwhile) == wanted
    assert await asyncio.gather(*[read(await worker(url).feed(run_id), after=len(written) - 1)]) == [written[-1:]]


async def test_a_reader_that_is_cut_at_every_point_and_comes_back_on_another_worker(worker, redis_server):
    workers = [worker(redis_server.url) for _ in range(3)]
    run_id = str(uuid4())
    written = list(events_of(run_id, deltas=200))
    workers[0].open(run_id)
    writing = asyncio.create_task(write(workers[0], written))
    got = []
    while not (got and got[-1] is not None and got[-1].seq == len(written)):
        feed = await workers[len(got) % 3].feed(run_id, expected=True)
        async with asyncio.timeout(20):
            async for event in follow(feed, after=len(got)):
                got.append(event)
                break
    await writing
    assert got == written


async def test_a_reader_may_come_before_the_first_event(worker, redis_server):
    here, there = worker(redis_server.url), worker(redis_server.url)
    run_id = str(uuid4())
    written = list(events_of(run_id))
    early = asyncio.create_task(read(await there.feed(run_id, expected=True)))
    await asyncio.sleep(0)
    here.open(run_id)
    await until(lambda: redis_server.ask("EXISTS", key(run_id)))
    opened = asyncio.create_task(read(await worker(redis_server.url).feed(run_id)))
    await write(here, written)
    assert await early == await opened == written


async def test_a_finished_run_can_be_replayed_until_it_expires(worker, redis_server):
    here, there = worker(redis_server.url), worker(redis_server.url)
    run_id = str(uuid4())
    written = list(events_of(run_id))
    here.open(run_id)
    await write(here, written)
    await until(lambda: redis_server.ask("XLEN", key(run_id)) == len(written) + 1)
    assert 0 < redis_server.ask("TTL", key(run_id)) <= KEEP_SECONDS
    assert await read(await there.feed(run_id)) == written
    redis_server.ask("EXPIRE", key(run_id), 0)
    gc.collect()
    with pytest.raises(UnknownRunError):
        await there.feed(run_id)


async def test_nothing_stays_in_redis_for_ever(worker, redis_server):
    here, there = worker(redis_server.url), worker(redis_server.url)
    runs = [str(uuid4()) for _ in range(3)]
    for run_id in runs:
        here.open(run_id)
    await write(here, events_of(runs[0]))
    await here.append(RunStarted(run_id=runs[1], seq=1, thread_id="t"))
    await until(lambda: redis_server.ask("EXISTS", *map(key, runs)) == 3)
    feed = await there.feed(runs[1])
    await feed.more(0)
    there.request_stop(runs[1])
    await until(lambda: redis_server.ask("EXISTS", redis_log.CONTROL_KEY))
    keys = redis_server.ask("KEYS", "*")
    assert len(keys) == 5  # three runs, the control stream, and what woke one reader
    assert all(0 < redis_server.ask("TTL", name) <= redis_log.LIVE_SECONDS for name in keys)


async def test_a_stop_reaches_the_worker_that_answers_and_each_hears_it_once(worker, redis_server):
    here, there, third = (worker(redis_server.url) for _ in range(3))
    heard = {"here": [], "there": [], "third": []}
    for name, log in (("here", here), ("there", there), ("third", third)):
        log.on_stop(heard[name].append)
    run_id = str(uuid4())
    here.open(run_id)
    await until(lambda: all_listen(redis_server, 3))
    there.request_stop(run_id)
    there.request_stop("another")
    await until(lambda: len(heard["here"]) == len(heard["third"]) == 2)
    assert list(heard.values()) == [[run_id, "another"]] * 3


async def test_a_worker_that_starts_hears_no_old_stops(worker, redis_server):
    worker(redis_server.url).request_stop("old")
    await until(lambda: redis_server.ask("EXISTS", redis_log.CONTROL_KEY))
    heard = []
    there = worker(redis_server.url)
    there.on_stop(heard.append)
    await until(lambda: all_listen(redis_server, 2))
    worker(redis_server.url).request_stop("new")
    await until(lambda: heard)
    assert heard == ["new"]


async def test_two_hundred_readers_of_as_many_runs_share_two_connections(worker, redis_server):
    here, there = worker(redis_server.url), worker(redis_server.url)
    runs = {str(uuid4()): [] for _ in range(200)}
    for run_id in runs:
        runs[run_id] = list(events_of(run_id, deltas=20))
        here.open(run_id)
    readers = [asyncio.create_task(read(await there.feed(run_id, expected=True))) for run_id in runs]
    for number in range(22):
        for written in runs.values():
            await here.append(written[number])
        await asyncio.sleep(0)
        if number == 11:
            assert len(clients(redis_server)) <= 4
    assert await asyncio.gather(*readers) == list(runs.values())
    assert len(clients(redis_server)) <= 4


async def test_a_feed_is_let_go_with_its_last_reader(worker, redis_server):
    here, there = worker(redis_server.url), worker(redis_server.url)
    run_id = str(uuid4())
    here.open(run_id)
    await here.append(RunStarted(run_id=run_id, seq=1, thread_id="t"))
    await until(lambda: redis_server.ask("EXISTS", key(run_id)))
    feed = await there.feed(run_id)
    await feed.more(0)
    assert await there.feed(run_id) is feed
    assert list(there.watched()) == [run_id]
    del feed
    gc.collect()
    assert list(there.watched()) == []


async def test_a_trimmed_run_is_unknown_and_no_gap_is_shown(worker, redis_server, monkeypatch):
    monkeypatch.setattr(redis_log, "MAX_EVENTS", 100)
    here, there = worker(redis_server.url), worker(redis_server.url)
    run_id = str(uuid4())
    written = list(events_of(run_id, deltas=1000))
    here.open(run_id)
    await write(here, written)
    await until(lambda: 0 < redis_server.ask("TTL", key(run_id)) <= KEEP_SECONDS)
    assert redis_server.ask("XLEN", key(run_id)) < 400  # Redis trims whole nodes of 100
    with pytest.raises(UnknownRunError):
        await there.feed(run_id)
    blind = await there.feed(run_id, expected=True)
    with pytest.raises(UnknownRunError):
        await read(blind)
    assert blind.lost
    assert blind.events == []
    assert await read(await here.feed(run_id)) == written


async def test_an_event_of_another_version_ends_the_reader(worker, redis_server):
    there = worker(redis_server.url)
    run_id = str(uuid4())
    redis_server.ask("XADD", key(run_id), "1-0", "e", b'{"type":"run.dreamt","run_id":"r","seq":1}')
    with pytest.raises(UnknownRunError):
        await read(await there.feed(run_id))


async def test_another_worker_may_end_what_a_dead_one_left(worker, redis_server):
    here, there, third = (worker(redis_server.url) for _ in range(3))
    run_id = str(uuid4())
    started, delta, *_ = events_of(run_id)
    here.open(run_id)
    await write(here, [started, delta])
    await until(lambda: redis_server.ask("XLEN", key(run_id)) == 3)
    readers = [asyncio.create_task(read(await log.feed(run_id))) for log in (there, third)]
    feed = there.watched()[run_id]
    await feed.more(1)
    end = RunFailed(run_id=run_id, seq=len(feed.events) + 1, code="RUN_INTERRUPTED", message="!", retryable=True)
    await there.append(end)
    assert await asyncio.gather(*readers) == [[started, delta, end]] * 2


async def test_what_was_written_last_is_handed_over_at_closing(worker, redis_server):
    here, there = worker(redis_server.url), worker(redis_server.url)
    run_id = str(uuid4())
    here.open(run_id)
    reading = asyncio.create_task(read(await there.feed(run_id, expected=True)))
    end = RunCancelled(run_id=run_id, seq=1)
    await here.append(end)
    await here.aclose()
    assert await reading == [end]


async def test_closing_ends_the_readers_of_other_workers_runs(worker, redis_server):
    there = worker(redis_server.url)
    feed = await there.feed(str(uuid4()), expected=True)
    reading = asyncio.create_task(read(feed))
    await asyncio.sleep(0)
    await there.aclose()
    with pytest.raises(UnknownRunError):
        await reading
    with pytest.raises(UnknownRunError):
        await there.feed(str(uuid4()), expected=True)
    assert clients(redis_server) == []


async def test_redis_dies_and_comes_back_empty(worker, mortal_redis, caplog):
    here, there = worker(mortal_redis.url), worker(mortal_redis.url)
    run_id = str(uuid4())
    written = list(events_of(run_id, deltas=40))
    here.open(run_id)
    local = asyncio.create_task(read(await here.feed(run_id)))
    await write(here, written[:10])
    await until(lambda: mortal_redis.ask("XLEN", key(run_id)) == 11)
    feed = await there.feed(run_id)
    await feed.more(9)
    reading = asyncio.create_task(read(feed))

    mortal_redis.kill()
    with pytest.raises(UnknownRunError):
        await reading
    with pytest.raises(UnknownRunError):
        await there.feed(run_id)
    await write(here, written[10:30])
    await until(lambda: [r.getMessage().startswith("Redis is away") for r in caplog.records] == [True, True])

    mortal_redis.start()
    await until(lambda: mortal_redis.ask("XLEN", key(run_id)) == 31)
    again = asyncio.create_task(read(await there.feed(run_id), after=9))
    await write(here, written[30:])
    assert await again == written[9:]
    assert await local == written
    await until(lambda: len(caplog.records) == 4)
    assert [r.getMessage().split(" (")[0] for r in caplog.records] == ["Redis is away"] * 2 + ["Redis is back"] * 2


async def test_generation_goes_on_where_redis_never_was(worker, mortal_redis, caplog):
    mortal_redis.kill()
    here = worker(mortal_redis.url)
    for _ in range(20):
        run_id = str(uuid4())
        written = list(events_of(run_id, deltas=100))
        here.open(run_id)
        await write(here, written)
        assert await read(await here.feed(run_id)) == written
    here.request_stop("somebody's")
    await until(lambda: caplog.records)
    assert len(caplog.records) == 1


async def test_a_stop_that_was_asked_for_while_redis_was_away_is_heard_afterwards(worker, mortal_redis):
    here, there = worker(mortal_redis.url), worker(mortal_redis.url)
    heard = []
    here.on_stop(heard.append)
    there.open("x")
    await until(lambda: all_listen(mortal_redis, 2))
    mortal_redis.kill()
    await until(lambda: there._away and here._away)
    there.request_stop("run")
    mortal_redis.start()
    await until(lambda: heard)
    assert heard == ["run"]


async def test_what_redis_had_no_room_for_is_written_when_it_has(worker, mortal_redis, caplog):
    here, there = worker(mortal_redis.url), worker(mortal_redis.url)
    run_id = str(uuid4())
    written = list(events_of(run_id))
    here.open(run_id)
    await until(lambda: mortal_redis.ask("EXISTS", key(run_id)))
    reading = asyncio.create_task(read(await there.feed(run_id)))
    await until(lambda: all_listen(mortal_redis, 2))
    mortal_redis.ask("CONFIG SET", "maxmemory", 1)
    await write(here, written)
    await until(lambda: caplog.records)
    mortal_redis.ask("CONFIG SET", "maxmemory", 0)
    assert await reading == written
    await until(lambda: len(caplog.records) == 2)


async def test_a_finished_run_leaves_no_trace_in_memory(worker, redis_server, monkeypatch):
    monkeypatch.setattr("chat.run_log.in_process.KEEP_SECONDS", 0.01)
    here = worker(redis_server.url)
    for _ in range(50):
        run_id = str(uuid4())
        here.open(run_id)
        await write(here, events_of(run_id))
    await until(lambda: not here._feeds)
    assert [len(here._mirrored), len(here._behind)] == [0, 0]


async def test_text_of_any_kind_comes_through(worker, redis_server):
    here, there = worker(redis_server.url), worker(redis_server.url)
    run_id = str(uuid4())
    here.open(run_id)
    texts = ["", "\r\n\r\n", "ñ 🫀 \u2028", '"\\', "x" * 100_000, "\x00"]
    deltas = [TokenDelta(run_id=run_id, seq=seq, text=text) for seq, text in enumerate(texts, start=1)]
    await write(here, [*deltas, RunCancelled(run_id=run_id, seq=len(texts) + 1, text="".join(texts))])
    feed = await there.feed(run_id, expected=True)
    assert [event.text for event in await read(feed)] == [*texts, "".join(texts)]


def clients(server):
    """The connections of the workers."""
    return [client for client in server.ask("CLIENT LIST") if client["name"] == redis_log.CLIENT_NAME]


def all_listen(server, count):
    return sum(client["cmd"] == "xread" for client in clients(server)) == count
