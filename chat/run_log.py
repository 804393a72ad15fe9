"""RunLog: the numbered events of runs, for any number of readers from any offset (design, section 2)."""

import asyncio
from collections.abc import AsyncIterator
from typing import Protocol

from chat.events import AnyRunEvent, RunCancelled, RunCompleted, RunFailed
from healthmate.common.loop import per_loop

KEEP_SECONDS = 300.0  # how long a finished run can still be replayed


class UnknownRunError(LookupError):
    """The log has no such run, or no longer: the database tells how it ended."""


class RunLog(Protocol):
    """Where a run's events are kept while it lives, and some minutes after."""

    def open(self, run_id: str) -> None:
        """Expect events of a run; readers may come before the first."""

    async def append(self, event: AnyRunEvent) -> None:
        """Add the next event; a terminal one closes the run."""

    def subscribe(self, run_id: str, *, after: int = 0) -> AsyncIterator[AnyRunEvent]:
        """Yield the events after number `after`, as they come, up to the terminal one.

        Raises UnknownRunError.
        """


class _Events:
    """One run's events and the readers that wait for the next."""

    def __init__(self) -> None:
        self.items: list[AnyRunEvent] = []
        self._waiting: list[asyncio.Future[None]] = []

    def add(self, event: AnyRunEvent) -> None:
        self.items.append(event)
        waiting, self._waiting = self._waiting, []
        for reader in waiting:
            if not reader.done():
                reader.set_result(None)

    async def more(self) -> None:
        reader = asyncio.get_running_loop().create_future()
        self._waiting.append(reader)
        await reader


class InProcessRunLog:
    """A RunLog in this process's memory; enough for one worker."""

    def __init__(self) -> None:
        self._runs: dict[str, _Events] = {}

    def open(self, run_id: str) -> None:
        """See RunLog."""
        self._runs.setdefault(run_id, _Events())

    async def append(self, event: AnyRunEvent) -> None:
        """See RunLog."""
        self._runs[event.run_id].add(event)
        if isinstance(event, RunCompleted | RunFailed | RunCancelled):
            asyncio.get_running_loop().call_later(KEEP_SECONDS, self._runs.pop, event.run_id, None)

    async def subscribe(self, run_id: str, *, after: int = 0) -> AsyncIterator[AnyRunEvent]:
        """See RunLog."""
        events = self._runs.get(run_id)
        if events is None:
            raise UnknownRunError(run_id)
        position = after
        while True:
            for event in events.items[position:]:
                position += 1
                yield event
                if isinstance(event, RunCompleted | RunFailed | RunCancelled):
                    return
            if position >= len(events.items):
                await events.more()


@per_loop
def current_run_log() -> RunLog:
    """The log that this process writes to and reads from."""
    return InProcessRunLog()
