"""llmock that gives each piece of its answers only when a test lets it: what arrives when needs no clock then."""

import asyncio
import threading
from typing import Any

from llmock.pytest_plugin import LLMock
from llmock.testing import LLMockServer


class HeldModel(LLMock):
    """A model server of its own, with llmock's words to script it; `allow` lets pieces go."""

    def __init__(self) -> None:
        super().__init__(LLMockServer())
        self._server.app.add_middleware(_Hold, owner=self)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pieces = asyncio.Semaphore(0)
        self._held = 0
        self._changed = threading.Condition()

    def __enter__(self) -> "HeldModel":
        self._server.start()
        return self

    def __exit__(self, *exc: object) -> None:
        if self._loop is not None:
            self.allow(10_000)
        self._server.stop()

    def allow(self, pieces: int = 1) -> None:
        """Let so many more pieces of text go, once somebody has asked for an answer."""
        with self._changed:
            assert self._changed.wait_for(lambda: self._loop, 30), "nobody asked the model server"
        assert self._loop is not None
        for _ in range(pieces):
            self._loop.call_soon_threadsafe(self._pieces.release)

    def wait_until_held(self, streams: int) -> None:
        """Return when so many answers wait for their next piece."""
        with self._changed:
            assert self._changed.wait_for(lambda: self._held == streams, 60), f"{self._held} streams are held"

    async def piece(self) -> None:
        """Wait until one more piece may go."""
        self._loop = asyncio.get_running_loop()
        self._count(1)
        try:
            await self._pieces.acquire()
        finally:
            self._count(-1)

    def _count(self, change: int) -> None:
        with self._changed:
            self._held += change
            self._changed.notify_all()


class _Hold:
    """ASGI middleware: llmock sends one message per event."""

    def __init__(self, app: Any, owner: HeldModel) -> None:
        self._app, self._owner = app, owner

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def held(message: Any) -> None:
            if b"response.output_text.delta" in message.get("body", b""):
                await self._owner.piece()
            await send(message)

        await self._app(scope, receive, held)
