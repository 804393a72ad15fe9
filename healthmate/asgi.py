"""The ASGI application: what a server starts, or refuses to start with a sentence that tells the mend."""

import asyncio
import os
from typing import Any

from django.core import checks
from django.core.asgi import get_asgi_application
from django.core.handlers.asgi import ASGIHandler
from django.core.management.base import SystemCheckError
from django.urls import Resolver404, resolve

from healthmate.database import release_embedded

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "healthmate.settings")


def checked_application() -> ASGIHandler:
    """Django, if its system checks pass: servers do not run them. Raises SystemCheckError."""
    application = get_asgi_application()
    problems = [found for found in checks.run_checks() if found.is_serious() and not found.is_silenced()]
    if problems:
        raise SystemCheckError("\n\n".join(["HealthMate cannot start.", *map(str, problems)]))
    return application


class Application:
    """Streams are served here, without a handler of Django's for each; everything else is Django's."""

    def __init__(self, django: ASGIHandler) -> None:
        self._django = django

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """The ASGI entry."""
        if scope["type"] == "lifespan":
            await _live(receive, send)
            return
        if scope["type"] == "http" and scope["method"] in {"GET", "POST"}:
            view, kwargs = _stream_view(scope["path"])
            if view is not None:
                await view.serve(scope, receive, send, **kwargs)
                return
        await self._django(scope, receive, send)


async def _live(receive: Any, send: Any) -> None:
    """Start, and at the end let runs finish, close what is open and give the embedded database back."""
    from chat.services.shutdown import shut_down  # noqa: PLC0415 (apps are not loaded before)

    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        else:
            await shut_down()
            await asyncio.to_thread(release_embedded)
            await send({"type": "lifespan.shutdown.complete"})
            return


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
