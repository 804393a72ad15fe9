"""How long a stream waits, chunk by chunk: an `asyncio.timeout` for each would be a tenth of what a token costs."""

import asyncio
import math
from types import TracebackType
from typing import Self


class Patience:
    """A context manager around each of a task's waits, which raise TimeoutError; one timer does for all of them.

    A wait may take `stall` seconds (the first one `first`, where given) and none goes on beyond `deadline`, by the
    event loop's clock. `close` ends the timer.
    """

    def __init__(self, *, stall: float, first: float | None = None, deadline: float = math.inf) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - for the type checker
        self._task, self._cancelling = task, task.cancelling()
        self._loop = asyncio.get_running_loop()
        self._stall, self._allowed, self._deadline = stall, stall if first is None else first, deadline
        self._since: float | None = None  # when the present wait began
        self._is_up = False
        self._timer = self._loop.call_later(self._look_again_in(), self._look)

    def __enter__(self) -> Self:
        """A wait begins."""
        self._since = self._loop.time()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """It is over. Raises TimeoutError when it was too long."""
        self._since, self._allowed = None, self._stall
        if self._is_up:
            self._is_up = False
            if self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
                raise TimeoutError from error

    def close(self) -> None:
        """No more waits."""
        self._timer.cancel()

    def _look_again_in(self) -> float:
        """Seconds; no later than a wait that began this very moment could be up."""
        return max(min(self._stall, self._deadline - self._loop.time()), 0.01)

    def _look(self) -> None:
        left = self._look_again_in()
        if self._since is not None:
            left = min(self._since + self._allowed, self._deadline) - self._loop.time()
        if left > 0:
            self._timer = self._loop.call_later(min(left, self._look_again_in()), self._look)
        else:
            self._is_up = True
            self._task.cancel()
