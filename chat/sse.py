"""Runs as server-sent events: the two wire vocabularies, and the sending, without Django's handler per stream.

An open stream holds no thread and no database connection, and keeps nothing of its own: it reads the run's feed by
index, so a slow client costs no memory. It is cut off after STREAM_STALL_TIMEOUT and can resume.
"""

import asyncio
import functools
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
from django.conf import settings
from django.http import StreamingHttpResponse

from chat.events import AnyRunEvent, RunCancelled, RunCompleted, RunFailed, RunStarted, TokenDelta
from chat.run_log import Encode, RunFeed
from healthmate.common.patience import Patience

logger = logging.getLogger(__name__)

Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]

MERGED = 256  # events in one chunk at most, so that who is far behind is sent no copy of all of it at once
HEARTBEAT = b":" + b" " * 2048 + b"\n\n"  # padded, since proxies hold back what is small
HEADERS = {
    "Content-Type": "text/event-stream",
    "Cache-Control": "no-cache, no-transform",
    "X-Accel-Buffering": "no",
}

_json = msgspec.json.Encoder().encode


# --- The vocabularies ---------------------------------------------------------------------------------


def session_events(event: AnyRunEvent) -> bytes:
    """Seed 4: `start`, `content`, `done` or `error`; what has no name there is not sent."""
    if isinstance(event, TokenDelta):
        return b'data: {"type":"content","content":%b,"seq":%d}\n\n' % (_json(event.text), event.seq)
    if isinstance(event, RunStarted):
        return _data({"type": "start", "session_id": event.thread_id, "run_id": event.run_id, "seq": event.seq})
    if isinstance(event, RunCompleted | RunCancelled):
        done = {"type": "done", "message_id": event.message_id, "full_content": event.text, "flags": event.flags}
        return _data({**done, "run_id": event.run_id, "seq": event.seq})
    if isinstance(event, RunFailed):
        error = {"type": "error", "error": event.message, "code": event.code, "retryable": event.retryable}
        partial = {"message_id": event.message_id, "full_content": event.text, "flags": event.flags}
        return _data({**error, **partial, "run_id": event.run_id, "seq": event.seq})
    return b""


def website_events(event: AnyRunEvent) -> bytes:
    """Seed 5: pieces of `content`, and a closing event with `is_final`; a failure is also said as a last piece."""
    if isinstance(event, TokenDelta):
        return b'data: {"content":%b,"timestamp":"%b","is_final":false,"seq":%d}\n\n' % (
            _json(event.text),
            _timestamp().encode(),
            event.seq,
        )
    if isinstance(event, RunFailed):
        said = f"\n\n{event.message}" if event.text else event.message
        piece = {"content": said, "timestamp": _timestamp(), "is_final": False, "seq": event.seq}
        error = {"code": event.code, "message": event.message, "retryable": event.retryable}
        return _data(piece) + _data(_closing(event) | {"error": error})
    if isinstance(event, RunCompleted | RunCancelled):
        return _data(_closing(event))
    return b""


def with_ids(encode: Encode, event: AnyRunEvent) -> bytes:
    """The same with an `id:` line, for clients that say they know server-sent events."""
    frame = encode(event)
    return b"id: %d\n%b" % (event.seq, frame) if frame else b""


session_events_with_ids = functools.partial(with_ids, session_events)
website_events_with_ids = functools.partial(with_ids, website_events)


def vocabulary(plain: Encode, numbered: Encode, accept: str) -> Encode:
    """`id:` lines only for those who ask for `text/event-stream`: the seeds' own loops know nothing but `data:`."""
    return numbered if "text/event-stream" in accept else plain


def _closing(event: RunCompleted | RunCancelled | RunFailed) -> dict[str, Any]:
    return {
        "content": "",
        "timestamp": _timestamp(),
        "is_final": True,
        "message_id": event.message_id,
        "run_id": event.run_id,
        "flags": event.flags,
        "seq": event.seq,
    }


def _timestamp() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


def _data(value: dict[str, Any]) -> bytes:
    return b"data: " + _json(value) + b"\n\n"


# --- Sending ------------------------------------------------------------------------------------------


@dataclass
class EventStream:
    """A run's events from number `after` on, for one client."""

    feed: RunFeed
    encode: Encode
    after: int = 0
    on_delivered: Callable[[], Awaitable[None]] | None = None  # the terminal event went out

    async def send(self, receive: Receive, send: Send) -> None:
        """Send to an ASGI client until the run's end, its leaving, or its falling too far behind."""
        client = Client()
        listener = asyncio.get_running_loop().create_task(_until_disconnected(receive))
        listener.add_done_callback(client.leave)
        patience = Patience(stall=settings.STREAM_STALL_TIMEOUT)
        try:
            async with aclosing(self.chunks(client)) as chunks:
                async for chunk in chunks:
                    with patience:
                        await send({"type": "http.response.body", "body": chunk, "more_body": True})
                if not client.left:
                    await send({"type": "http.response.body", "body": b"", "more_body": False})
        except TimeoutError:
            logger.info("a stream was cut off: its client took nothing for %g s", settings.STREAM_STALL_TIMEOUT)
        finally:
            patience.close()
            client.close()
            listener.cancel()

    async def chunks(self, client: "Client") -> AsyncGenerator[bytes]:
        """Yield what there is to send, merged where it came in a burst, and heartbeats between."""
        position = self.after
        self.feed.listen(client.wake)
        try:
            while not client.left:
                frames = self.feed.frames(self.encode)
                if position < len(frames):
                    new = frames[position : position + MERGED]
                    position += len(new)
                    if chunk := b"".join(new):
                        yield chunk
                elif self.feed.over:
                    if position > len(frames):  # by a count that the log no longer has: the end is told all the same
                        yield frames[-1]
                    break
                elif self.feed.lost:
                    return  # the client reconnects, and finds the run's end in the database
                elif not await client.wait():
                    yield HEARTBEAT
        finally:
            self.feed.unlisten(client.wake)
            client.close()
        if self.on_delivered and not client.left:
            await self.on_delivered()


class EventStreamResponse(StreamingHttpResponse):
    """A stream with its headers. ASGI servers are sent `stream` itself; through Django it flows as well."""

    def __init__(self, stream: EventStream) -> None:
        super().__init__(self._chunks(), headers=HEADERS)
        self.stream = stream

    async def _chunks(self) -> AsyncGenerator[bytes]:
        async for chunk in self.stream.chunks(Client()):
            yield chunk


class Client:
    """Wakes its stream when there is something to send, when a heartbeat is due, or when it leaves."""

    def __init__(self) -> None:
        self.left = False
        self._loop = asyncio.get_running_loop()
        self._future: asyncio.Future[bool] | None = None
        self._timer = self._loop.call_later(settings.STREAM_HEARTBEAT, self._beat)

    async def wait(self) -> bool:
        """True when woken, False when a heartbeat is due."""
        self._future = self._loop.create_future()
        return await self._future

    def wake(self) -> None:
        """There is something new."""
        if self._future is not None and not self._future.done():
            self._future.set_result(True)

    def leave(self, *_: object) -> None:
        """Nobody reads any more."""
        self.left = True
        self.wake()

    def close(self) -> None:
        """No more heartbeats."""
        self._timer.cancel()

    def _beat(self) -> None:
        if self._future is not None and not self._future.done():
            self._future.set_result(False)
        self._timer = self._loop.call_later(settings.STREAM_HEARTBEAT, self._beat)


async def _until_disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
