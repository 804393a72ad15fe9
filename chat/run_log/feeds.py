"""One run's events in this process, and what a RunLog promises (design, section 2)."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Protocol

from chat.events import AnyRunEvent, RunCancelled, RunCompleted, RunFailed

KEEP_SECONDS = 300.0  # how long a finished run can still be replayed
LIVE_SECONDS = 3600  # how long a run that nobody ended can be, where it outlives its process
TERMINAL = (RunCompleted, RunFailed, RunCancelled)

Encode = Callable[[AnyRunEvent], bytes]


class UnknownRunError(LookupError):
    """The log has no such run, or no longer: the database tells how it ended."""


class RunFeed:
    """One run's events in this process, event number n at place n - 1, and the readers that wait for more.

    `over`: the terminal event is there. `lost`: nothing more will come here, since the log cannot reach the run.
    """

    def __init__(self) -> None:
        self.events: list[AnyRunEvent] = []
        self.over = False
        self.lost = False
        self._frames: dict[Encode, list[bytes]] = {}
        self._waiting: list[asyncio.Future[None]] = []
        self._listeners: list[Callable[[], None]] = []

    def listen(self, wake: Callable[[], None]) -> None:
        """Call `wake` at every event from now on, and when the feed is lost: for readers that wait for more."""
        self._listeners.append(wake)

    def unlisten(self, wake: Callable[[], None]) -> None:
        """Call it no more. What was encoded for readers of a finished run is let go with the last of them."""
        self._listeners.remove(wake)
        if self.over and not self._listeners:
            self._frames.clear()

    def add(self, event: AnyRunEvent) -> None:
        """Take the next event and wake whoever waits."""
        self.events.append(event)
        self.over = isinstance(event, TERMINAL)
        self._wake()

    def lose(self) -> None:
        """Tell whoever waits that nothing more will come."""
        self.lost = True
        self._wake()

    def frames(self, encode: Encode) -> Sequence[bytes]:
        """The events so far as `encode` puts them on the wire; each is encoded once, however many read."""
        frames = self._frames.setdefault(encode, [])
        frames.extend(map(encode, self.events[len(frames) :]))
        return frames

    async def more(self, position: int) -> None:
        """Return when there are more than `position` events or the run is over. Raises UnknownRunError when lost."""
        while position >= len(self.events) and not self.over:
            if self.lost:
                raise UnknownRunError
            reader = asyncio.get_running_loop().create_future()
            self._waiting.append(reader)
            await reader

    def _wake(self) -> None:
        for wake in self._listeners:
            wake()
        waiting, self._waiting = self._waiting, []
        for reader in waiting:
            if not reader.done():
                reader.set_result(None)


class RunLog(Protocol):
    """Where a run's events are kept while it lives, and some minutes after; how its runs are told to stop."""

    def open(self, run_id: str) -> None:
        """Expect events of a run of this process; readers may come before the first."""

    async def append(self, event: AnyRunEvent) -> None:
        """Add the next event; a terminal one closes the run. What is not the next one is not taken."""

    async def feed(self, run_id: str, *, expected: bool = False) -> RunFeed:
        """The run's events, kept up to date for as long as somebody holds them. Raises UnknownRunError.

        `expected`: the database says that the run is not over, so its first sign may still be on its way.
        """

    async def count(self, run_id: str) -> int:
        """How many events of the run there are, whichever process wrote them. Raises UnknownRunError."""

    def watched(self) -> Mapping[str, RunFeed]:
        """The feeds held here of runs that another process answers: it may die and leave them without an end."""

    def on_stop(self, stop: Callable[[str], None]) -> None:
        """Call `stop` with the id of a run that somebody wants stopped; the run may be another process's."""

    def request_stop(self, run_id: str) -> None:
        """Have the run stopped by whichever process answers it."""

    async def aclose(self) -> None:
        """Hand over what is still to be written, end the log's own tasks and close its connections."""


async def follow(feed: RunFeed, *, after: int = 0) -> AsyncIterator[AnyRunEvent]:
    """Yield the events after number `after`, as they come, up to the terminal one. Raises UnknownRunError."""
    position = after
    while not (feed.over and position >= len(feed.events)):
        await feed.more(position)
        for event in feed.events[position:]:
            position += 1
            yield event
