"""How long a chunk of a stream is waited for: `asyncio.timeout` for each would be a tenth of what a token costs."""

import asyncio
from types import TracebackType
from typing import Self


class Patience:
    """Ends a wait at the deadline, or `stall` seconds after it began unless it is the first; one timer for all waits.

    Use it as a context manager around each wait, in one task; the waits raise TimeoutError. `close` ends the timer.
    Times are the event loop's, in seconds.
    """

    def __init__(self, deadline: float, *, stall: float) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - for the type checker
        self._task, self._cancelling = task, task.cancelling()
        self._loop = asyncio.get_running_loop()
        self._deadline, self._stall = deadline, stall
        self._since: float | None = None  # when the present wait began
        self._first = True
        self._is_up = False
        self._timer = self._loop.call_at(deadline, self._look)

    def __enter__(self) -> Self:
        """A wait begins."""
        self._since = self._loop.time()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """It is over. Raises TimeoutError when it was too long."""
        self._since = None
        if self._first:
            self._first = False
            self._again_in(self._stall)
        if self._is_up:
            self._is_up = False
            if self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
                raise TimeoutError from error

    def close(self) -> None:
        """No more waits."""
        self._timer.cancel()

    def _limit(self, since: float) -> float:
        return self._deadline if self._first else min(self._deadline, since + self._stall)

    def _look(self) -> None:
        now = self._loop.time()
        if self._since is None:
            self._again_in(min(self._stall, max(self._deadline - now, 0.1)))
        elif (left := self._limit(self._since) - now) > 0:
            self._again_in(left)
        else:
            self._is_up = True
            self._task.cancel()

    def _again_in(self, seconds: float) -> None:
        self._timer.cancel()
        self._timer = self._loop.call_later(seconds, self._look)
