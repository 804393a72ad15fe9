"""What belongs to an event loop: one instance of something, tasks that outlive the request that starts them."""

import asyncio
import contextvars
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

T = TypeVar("T")


def per_loop(make: Callable[[], T]) -> Callable[[], T]:
    """Cache what `make` returns for as long as the running loop lives."""
    made: WeakKeyDictionary[asyncio.AbstractEventLoop, T] = WeakKeyDictionary()

    @wraps(make)
    def current() -> T:
        loop = asyncio.get_running_loop()
        if loop not in made:
            made[loop] = make()
        return made[loop]

    return current


def own_task(work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """A task in a context of its own: nothing of the request that started it reaches into it. The caller keeps it."""
    return asyncio.get_running_loop().create_task(work, context=contextvars.Context())
