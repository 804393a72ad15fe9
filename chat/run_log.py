"""RunLog: the numbered events of runs, for any number of readers from any offset (design, section 2)."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Protocol

from chat.events import AnyRunEvent, RunCancelled, RunCompleted, RunFailed
from healthmate.common.loop import per_loop

KEEP_SECONDS = 300.0  # how long a finished run can still be replayed
TERMINAL = (RunCompleted, RunFailed, RunCancelled)

Encode = Callable[[AnyRunEvent], bytes]


class UnknownRunError(LookupError):
    """The log has no such run, or no longer: the database tells how it ended."""


class RunFeed:
    """One run's events in this process, event number n at place n - 1, and the readers that wait for more."""

    def __init__(self) -> None:
        self.events: list[AnyRunEvent] = []
        self.over = False
        self._frames: dict[Encode, list[bytes]] = {}
        self._waiting: list[asyncio.Future[None]] = []
        self._listeners: list[Callable[[], None]] = []

    def listen(self, wake: Callable[[], None]) -> None:
        """Call `wake` at every event from now on: for readers that also wait for something else."""
        self._listeners.append(wake)

    def unlisten(self, wake: Callable[[], None]) -> None:
        """Call it no more."""
        self._listeners.remove(wake)

    def add(self, event: AnyRunEvent) -> None:
        """Take the next event and wake whoever waits."""
        self.events.append(event)
        self.over = isinstance(event, TERMINAL)
        for wake in self._listeners:
            wake()
        waiting, self._waiting = self._waiting, []
        for reader in waiting:
            if not reader.done():
                reader.set_result(None)

    def frames(self, encode: Encode) -> Sequence[bytes]:
        """The events so far as `encode` puts them on the wire; each is encoded once, however many read."""
        frames = self._frames.setdefault(encode, [])
        frames.extend(map(encode, self.events[len(frames) :]))
        return frames

    async def more(self, position: int) -> None:
        """Return when there are more than `position` events."""
        while position >= len(self.events):
            reader = asyncio.get_running_loop().create_future()
            self._waiting.append(reader)
            await reader


class RunLog(Protocol):
    """Where a run's events are kept while it lives, and some minutes after."""

    def open(self, run_id: str) -> None:
        """Expect events of a run of this process; readers may come before the first."""

    async def append(self, event: AnyRunEvent) -> None:
        """Add the next event; a terminal one closes the run."""

    async def feed(self, run_id: str) -> RunFeed:
        """The run's events, kept up to date for as long as the log knows the run. Raises UnknownRunError."""


class InProcessRunLog:
    """A RunLog in this process's memory; enough for one worker."""

    def __init__(self) -> None:
        self._feeds: dict[str, RunFeed] = {}

    def open(self, run_id: str) -> None:
        """See RunLog."""
        self._feeds.setdefault(run_id, RunFeed())

    async def append(self, event: AnyRunEvent) -> None:
        """See RunLog."""
        feed = self._feeds[event.run_id]
        feed.add(event)
        if feed.over:
            asyncio.get_running_loop().call_later(KEEP_SECONDS, self._feeds.pop, event.run_id, None)

    async def feed(self, run_id: str) -> RunFeed:
        """See RunLog."""
        if run_id not in self._feeds:
            raise UnknownRunError(run_id)
        return self._feeds[run_id]


async def follow(feed: RunFeed, *, after: int = 0) -> AsyncIterator[AnyRunEvent]:
    """Yield the events after number `after`, as they come, up to the terminal one."""
    position = after
    while not (feed.over and position >= len(feed.events)):
        await feed.more(position)
        for event in feed.events[position:]:
            position += 1
            yield event


@per_loop
def current_run_log() -> RunLog:
    """The log that this process writes to and reads from."""
    return InProcessRunLog()
