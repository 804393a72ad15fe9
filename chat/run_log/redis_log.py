"""A RunLog that several processes share: each keeps its own runs in memory and mirrors them to Redis.

A reader in the process that answers never touches Redis. For the others, every run is a stream whose entry ids are
the events' numbers. Whatever the number of runs and readers, a process has two tasks and two connections: the writer
sends what is new, of all runs at once; the reader waits for news of all followed runs in one blocking XREAD.

Redis going away costs nothing that is not in memory already: the writer remembers how far each run is mirrored and
catches up, from the first event on where Redis forgot them. Readers of other processes' runs are let down at once.
"""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any
from uuid import uuid4
from weakref import WeakValueDictionary

import msgspec
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from chat.events import AnyRunEvent
from chat.run_log.feeds import KEEP_SECONDS, LIVE_SECONDS, RunFeed, UnknownRunError
from chat.run_log.in_process import InProcessRunLog
from healthmate.common.loop import own_task

logger = logging.getLogger(__name__)

RUN_KEY = "healthmate:run:"
CLIENT_NAME = "healthmate-run-log"  # as `CLIENT LIST` shows it
CONTROL_KEY = "healthmate:control"  # wishes to stop a run, read by every process
WAKE_KEY = "healthmate:wake:"  # one per process: an entry there ends its reader's XREAD

MAX_EVENTS = 20_000  # of one stream; older ones are trimmed, and its readers told that the run is unknown
MAX_BATCH = 2000  # events in one call, so that Redis is not held up
MAX_STOPS = 1000
PACE_SECONDS = 0.005  # between two calls: under load many events share one
BLOCK_SECONDS = 30
TIMEOUT_SECONDS = 5.0
BACK_OFF_SECONDS = (0.1, 5.0)  # first and longest

# Appends to each stream what it has not got yet, never past a gap; answers the last number of each.
# ARGV: the streams' bound, then for each stream: seconds to live, number of its first event, how many, the events.
_MIRROR = """
local at, known = 2, {}
for k, key in ipairs(KEYS) do
  local ttl, first, count = ARGV[at], tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
  at = at + 3
  local newest, last = redis.call('XREVRANGE', key, '+', '-', 'COUNT', 1)[1], 0
  if newest then
    last = tonumber(string.match(newest[1], '^%d+'))
  else
    redis.call('XADD', key, '0-1', 'e', '')
  end
  for i = math.max(0, last - first + 1), count - 1 do
    if first + i > last + 1 then break end
    last = first + i
    redis.call('XADD', key, 'MAXLEN', '~', ARGV[1], last .. '-0', 'e', ARGV[at + i])
  end
  at = at + count
  redis.call('EXPIRE', key, ttl)
  known[k] = last
end
return known
"""

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(AnyRunEvent).decode

_Entry = tuple[bytes, list[bytes]]  # its id; names and values in turn


class RedisRunLog(InProcessRunLog):
    """See RunLog. Belongs to the event loop it is first used in."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._name = uuid4().hex
        self._commands = _client(url, seconds=TIMEOUT_SECONDS)
        self._blocking = _client(url, seconds=BLOCK_SECONDS + TIMEOUT_SECONDS)
        self._script = self._commands.register_script(_MIRROR)
        self._tasks: list[asyncio.Task[None]] = []
        self._away = False
        self._closed = False
        self._delay = BACK_OFF_SECONDS[0]
        # what the writer has to do
        self._work = asyncio.Event()
        self._mirrored: dict[str, int] = {}  # how many events of each run of ours Redis has
        self._behind: dict[str, None] = {}  # the runs that it has not got whole, in order
        self._stops: deque[str] = deque(maxlen=MAX_STOPS)
        self._wake_reader = False
        # what the reader has to do
        self._foreign: WeakValueDictionary[str, RunFeed] = WeakValueDictionary()  # let go with the last reader
        self._positions = {CONTROL_KEY: "", WAKE_KEY + self._name: "0-0"}

    # --- RunLog ---------------------------------------------------------------------------------------

    def open(self, run_id: str) -> None:
        """See RunLog."""
        self._start()
        if run_id not in self._feeds:
            self._feeds[run_id] = self._release(run_id) or RunFeed()
            self._mirrored[run_id] = len(self._feeds[run_id].events)
            self._mirror(run_id)  # so that other processes know of it

    async def append(self, event: AnyRunEvent) -> None:
        """See RunLog."""
        run_id = event.run_id
        if run_id not in self._feeds:
            self._adopt(run_id)
        if self._take(self._feeds[run_id], event):
            self._mirror(run_id)

    async def feed(self, run_id: str, *, expected: bool = False) -> RunFeed:
        """See RunLog."""
        self._start()
        held = self._held(run_id)
        if held is None and (not expected or self._away or self._closed):
            await self._check_whole(run_id)
            held = self._held(run_id)  # somebody else may have asked meanwhile
        if held is None:
            held = self._foreign[run_id] = RunFeed()
            self._news_for_reader()
        return held

    async def count(self, run_id: str) -> int:
        """See RunLog."""
        if run_id in self._feeds:
            return await super().count(run_id)
        newest = await self._ask("XREVRANGE", RUN_KEY + run_id, "+", "-", "COUNT", 1)
        if not newest:
            raise UnknownRunError(run_id)
        return _number(newest[0])

    def watched(self) -> Mapping[str, RunFeed]:
        """See RunLog."""
        return {run_id: feed for run_id, feed in self._foreign.items() if not feed.over}

    def on_stop(self, stop: Callable[[str], None]) -> None:
        """See RunLog."""
        self._start()
        super().on_stop(stop)

    def request_stop(self, run_id: str) -> None:
        """See RunLog."""
        self._start()
        super().request_stop(run_id)
        self._stops.append(run_id)
        self._work.set()

    async def aclose(self) -> None:
        """See RunLog."""
        self._closed = True
        await _end(self._tasks)
        with contextlib.suppress(RedisError, OSError, TimeoutError):
            async with asyncio.timeout(TIMEOUT_SECONDS):
                while self._tasks and (self._behind or self._stops):
                    await self._write()
        self._let_down()
        await self._commands.aclose()
        await self._blocking.aclose()

    # --- Which runs -----------------------------------------------------------------------------------

    def _held(self, run_id: str) -> RunFeed | None:
        return self._feeds.get(run_id) or self._foreign.get(run_id)

    def _release(self, run_id: str) -> RunFeed | None:
        """Follow another process's run no more; returns its feed if somebody holds it."""
        feed = self._foreign.get(run_id)
        if feed is not None:
            del self._foreign[run_id]
        return feed

    def _adopt(self, run_id: str) -> None:
        """Go on with a run that another process began and left."""
        feed = self._release(run_id)
        if feed is None:
            raise UnknownRunError(run_id)
        self._feeds[run_id] = feed
        self._mirrored[run_id] = len(feed.events)

    def _forget(self, run_id: str) -> None:
        super()._forget(run_id)
        self._mirrored.pop(run_id, None)
        self._behind.pop(run_id, None)

    async def _check_whole(self, run_id: str) -> None:
        """Raises UnknownRunError unless Redis has the run from its first event on."""
        oldest = await self._ask("XRANGE", RUN_KEY + run_id, "-", "+", "COUNT", 1)
        if not oldest or _number(oldest[0]) > 1:
            raise UnknownRunError(run_id)

    async def _ask(self, *command: str | int) -> Any:
        """What Redis answers. Raises UnknownRunError when it cannot."""
        if self._closed:
            raise UnknownRunError
        try:
            return await self._commands.execute_command(*command)
        except (RedisError, OSError) as error:
            raise UnknownRunError from error

    # --- Connections ----------------------------------------------------------------------------------

    def _start(self) -> None:
        if not self._tasks:
            self._tasks = [own_task(self._keep(self._write_on)), own_task(self._keep(self._read_on))]
            for task in self._tasks:
                task.add_done_callback(_report)

    async def _keep(self, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await work()
            except (RedisError, OSError) as error:
                self._went_away(error)
            await asyncio.sleep(self._delay)
            self._delay = min(2 * self._delay, BACK_OFF_SECONDS[1])
            if self._behind or self._stops:
                self._work.set()

    def _went_away(self, error: Exception) -> None:
        if not self._away:
            logger.warning("Redis is away (%s): runs of other processes cannot be followed", type(error).__name__)
        self._away = True

    def _came_back(self) -> None:
        self._delay = BACK_OFF_SECONDS[0]
        if self._away:
            logger.warning("Redis is back")
            self._away = False
            self._behind.update(dict.fromkeys(self._feeds))  # it may have forgotten them
            self._news_for_reader()

    # --- Writing --------------------------------------------------------------------------------------

    def _mirror(self, run_id: str) -> None:
        self._behind[run_id] = None
        self._work.set()

    def _news_for_reader(self) -> None:
        self._wake_reader = True
        self._work.set()

    async def _write_on(self) -> None:
        while True:
            await self._work.wait()
            await self._write()
            self._came_back()
            await asyncio.sleep(PACE_SECONDS)

    async def _write(self) -> None:
        self._work.clear()
        if self._wake_reader:
            self._wake_reader = False
            await self._add(WAKE_KEY + self._name, 1, {"wake": ""})
        while self._stops:
            await self._add(CONTROL_KEY, MAX_STOPS, {"run": self._stops[0], "from": self._name})
            self._stops.popleft()
        if self._behind:
            await self._mirror_batch()

    async def _add(self, key: str, bound: int, fields: dict[str, str]) -> None:
        async with self._commands.pipeline() as both:
            both.xadd(key, fields, maxlen=bound)
            both.expire(key, LIVE_SECONDS)
            await both.execute()

    async def _mirror_batch(self) -> None:
        arguments: list[int | bytes] = [MAX_EVENTS]
        keys, room = [], MAX_BATCH
        for run_id in self._behind:
            feed, first = self._feeds[run_id], self._mirrored[run_id]
            events = feed.events[first : first + room]
            room -= len(events)
            keys.append(run_id)
            arguments += [int(KEEP_SECONDS if feed.over else LIVE_SECONDS), first + 1, len(events)]
            arguments += [_encode(event) for event in events]
            if room <= 0:
                break
        known = await self._script(keys=[RUN_KEY + run_id for run_id in keys], args=arguments)
        for run_id, number in zip(keys, known, strict=True):
            if run_id in self._feeds:
                self._mirrored[run_id] = number
                if number >= len(self._feeds[run_id].events):
                    del self._behind[run_id]
        if self._behind:
            self._work.set()

    # --- Reading --------------------------------------------------------------------------------------

    async def _read_on(self) -> None:
        try:
            newest = await self._blocking.execute_command("XREVRANGE", CONTROL_KEY, "+", "-", "COUNT", 1)
            if not self._positions[CONTROL_KEY]:  # what was asked for before this process began is not for it
                self._positions[CONTROL_KEY] = newest[0][0].decode() if newest else "0-0"
            self._came_back()
            while True:
                await self._read()
        except (RedisError, OSError):
            self._let_down()
            raise

    async def _read(self) -> None:
        positions = self._positions | {RUN_KEY + run_id: _position(feed) for run_id, feed in self.watched().items()}
        options = ("COUNT", MAX_BATCH, "BLOCK", BLOCK_SECONDS * 1000, "STREAMS")
        news = await self._blocking.execute_command("XREAD", *options, *positions, *positions.values())
        for key, entries in _pairs(news):
            name = key.decode()
            if name in self._positions:
                self._positions[name] = entries[-1][0].decode()
            if name == CONTROL_KEY:
                self._hear_stops(entries)
            elif name.startswith(RUN_KEY):
                self._hear_events(name.removeprefix(RUN_KEY), entries)

    def _hear_stops(self, entries: Iterable[_Entry]) -> None:
        for _, (_, run_id, _, sender) in entries:
            if sender.decode() != self._name and self._stop is not None:
                self._stop(run_id.decode())

    def _hear_events(self, run_id: str, entries: Iterable[_Entry]) -> None:
        feed = self._foreign.get(run_id)
        if feed is None:  # nobody reads it any more, or it goes on here
            return
        for entry in entries:
            number = _number(entry)
            if number <= len(feed.events):
                continue
            try:
                event = _decode(entry[1][1])
            except msgspec.DecodeError:  # of another version
                event = None
            if event is None or number > len(feed.events) + 1:  # the latter: trimmed before it could be read
                self._release(run_id)
                feed.lose()
                return
            feed.add(event)

    def _let_down(self) -> None:
        """End the readers of other processes' runs: the database tells them more."""
        feeds = list(self._foreign.values())
        self._foreign.clear()
        for feed in feeds:
            if not feed.over:
                feed.lose()


def _client(url: str, *, seconds: float) -> Any:  # redis-py leaves `execute_command` untyped
    """A client with one connection, whose answers are as Redis gives them."""
    pool = BlockingConnectionPool.from_url(url, max_connections=1, timeout=TIMEOUT_SECONDS)
    pool.connection_kwargs |= {
        "client_name": CLIENT_NAME,
        "socket_timeout": seconds,
        "retry": Retry(NoBackoff(), 0),
    }
    client: Any = Redis.from_pool(pool)
    for command in ("XREAD", "XRANGE", "XREVRANGE"):
        client.set_response_callback(command, lambda answer, **options: answer)
    return client


def _pairs(news: Any) -> Iterable[tuple[bytes, list[_Entry]]]:
    """XREAD's answer in either protocol: nothing, pairs or a map."""
    pairs: Iterable[tuple[bytes, list[_Entry]]] = news.items() if isinstance(news, dict) else news or ()
    return pairs


def _number(entry: _Entry) -> int:
    return int(entry[0].partition(b"-")[0])


def _position(feed: RunFeed) -> str:
    return f"{len(feed.events)}-0" if feed.events else "0-1"  # the entry 0-1 only says that the run exists


async def _end(tasks: Iterable[asyncio.Task[None]]) -> None:
    """Cancel and wait; more than once, since `asyncio.wait_for`, which redis-py uses, can swallow a cancellation."""
    pending = {task for task in tasks if not task.done()}
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=0.1)


def _report(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()):
        logger.error("the run log's connection to Redis ended", exc_info=error)
