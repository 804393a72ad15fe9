"""The ASGI application: what a server starts, or refuses to start with a sentence that tells the mend."""

import asyncio
import functools
import gc
import os
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

from django.core import checks
from django.core.asgi import get_asgi_application
from django.core.handlers.asgi import ASGIHandler
from django.core.management.base import SystemCheckError
from django.urls import Resolver404, resolve

from healthmate.common.loop import own_task
from healthmate.database import release_embedded
from healthmate.workers import share_counts

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "healthmate.settings")
COLLECT_AFTER = (10_000, 10, 50)  # new objects, then collections of the younger generation


def checked_application() -> ASGIHandler:
    """Django, if its system checks pass: servers do not run them. Raises SystemCheckError."""
    share_counts()
    application = get_asgi_application()
    problems = [found for found in checks.run_checks() if found.is_serious() and not found.is_silenced()]
    if problems:
        raise SystemCheckError("\n\n".join(["HealthMate cannot start.", *map(str, problems)]))
    return application


class Application:
    """Streams and WebSockets are served here, without a handler of Django's for each; everything else is Django's."""

    def __init__(self, django: ASGIHandler) -> None:
        from realtime.routing import application as sockets  # noqa: PLC0415 (apps are not loaded before)

        self._django = django
        self._sockets = sockets

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """The ASGI entry."""
        if scope["type"] == "lifespan":
            await _live(receive, send)
            return
        if scope["type"] == "websocket":
            await self._sockets(scope, receive, send)
            return
        if scope["type"] == "http" and scope["method"] in {"GET", "POST"}:
            view, kwargs = _stream_view(scope["path"])
            if view is not None:
                await view.serve(scope, receive, send, **kwargs)
                return
        await self._django(scope, receive, send)


async def _live(receive: Any, send: Any) -> None:
    """Start, and at the end let runs finish, close what is open and give the embedded database back."""
    from chat.services.start import warm_up  # noqa: PLC0415 (apps are not loaded before)

    end = _End()
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            end.begin_at_signals()
            await warm_up()
            _spare_the_collector()
            await send({"type": "lifespan.startup.complete"})
        else:
            await end.begin()
            await asyncio.to_thread(release_embedded)
            await send({"type": "lifespan.shutdown.complete"})
            return


def _spare_the_collector() -> None:
    """What is loaded by now stays, and is not to be looked through again: that stops every stream for as long.

    With 1,000 streams the collector's usual thresholds cost a fifth of the processor, up to 0.6 s at a time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)


class _End:
    """The process's end. Runs have their grace from the signal on: a server says that it ends once its last reader has
    gone, and readers stay until their runs end.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> asyncio.Task[None]:
        """Shut down, if that has not begun yet."""
        from chat.services.shutdown import shut_down  # noqa: PLC0415 (apps are not loaded before)

        self._task = self._task or own_task(shut_down())
        return self._task

    def begin_at_signals(self) -> None:
        """Begin at SIGTERM and SIGINT, before the server's own handler does what it does."""
        if threading.current_thread() is not threading.main_thread():
            return  # no signals here
        for number in (signal.SIGTERM, signal.SIGINT):
            if callable(server := signal.getsignal(number)):
                signal.signal(number, functools.partial(self._heard, server))

    def _heard(self, server: Callable[[int, FrameType | None], Any], number: int, frame: FrameType | None) -> None:
        self._loop.call_soon_threadsafe(self.begin)
        server(number, frame)


def _stream_view(path: str) -> tuple[Any, dict[str, Any]]:
    """The StreamView of an address, and what the address names; None for every other address."""
    from chat.stream_views import StreamView  # noqa: PLC0415 (apps are not loaded before)

    try:
        match = resolve(path)
    except Resolver404:
        return None, {}
    view = getattr(match.func, "view_class", getattr(match.func, "cls", None))
    return (view, match.kwargs) if isinstance(view, type) and issubclass(view, StreamView) else (None, {})


application = Application(checked_application())
