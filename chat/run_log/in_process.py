"""A RunLog in one process's memory."""

import asyncio
import logging
from collections.abc import Callable, Mapping

from chat.events import AnyRunEvent
from chat.run_log.feeds import KEEP_SECONDS, TERMINAL, RunFeed, UnknownRunError

logger = logging.getLogger(__name__)


class InProcessRunLog:
    """A RunLog in this process's memory; enough for one worker."""

    def __init__(self) -> None:
        self._feeds: dict[str, RunFeed] = {}
        self._stop: Callable[[str], None] | None = None

    def open(self, run_id: str) -> None:
        """See RunLog."""
        self._feeds.setdefault(run_id, RunFeed())

    async def append(self, event: AnyRunEvent) -> None:
        """See RunLog."""
        self._take(self._feeds[event.run_id], event)

    async def feed(self, run_id: str, *, expected: bool = False) -> RunFeed:
        """See RunLog."""
        if run_id not in self._feeds:
            raise UnknownRunError(run_id)
        return self._feeds[run_id]

    async def count(self, run_id: str) -> int:
        """See RunLog."""
        return len((await self.feed(run_id)).events)

    def watched(self) -> Mapping[str, RunFeed]:
        """None: nobody else answers."""
        return {}

    def on_stop(self, stop: Callable[[str], None]) -> None:
        """See RunLog."""
        self._stop = stop

    def request_stop(self, run_id: str) -> None:
        """See RunLog."""
        if self._stop is not None:
            self._stop(run_id)

    async def aclose(self) -> None:
        """See RunLog; nothing is owned here."""

    def _take(self, feed: RunFeed, event: AnyRunEvent) -> bool:
        if feed.over or event.seq != len(feed.events) + 1:
            logger.warning("run %s: event %d does not follow %d", event.run_id, event.seq, len(feed.events))
            return False
        feed.add(event)
        if isinstance(event, TERMINAL):
            asyncio.get_running_loop().call_later(KEEP_SECONDS, self._forget, event.run_id)
        return True

    def _forget(self, run_id: str) -> None:
        self._feeds.pop(run_id, None)
