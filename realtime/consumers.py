"""One clinician's socket: questions in, the frames of several sessions out, interleaved.

A session here only reads its run's feed by index, so a slow client costs no memory; the run goes on without it.
"""

import asyncio
import contextlib
import logging
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, assert_never
from uuid import UUID

from channels.consumer import get_handler_name
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, override

from chat.language import detect_language
from chat.run_log import RunFeed, UnknownRunError
from chat.services.chat_service import ChatService
from chat.services.clinical import STILL_ANSWERED, Question
from healthmate.common import clock, errors
from healthmate.common.db import in_db
from healthmate.common.envelope import to_api_error
from healthmate.common.errors import ApiError
from healthmate.common.loop import own_task
from realtime import access, protocol, slots
from realtime.access import Clinician
from realtime.middleware import Opening
from realtime.protocol import BadFrameError, Cancel, Connected, Ping, Query, Resume, SessionFrames

logger = logging.getLogger(__name__)

NOT_RUNNING = gettext_lazy("This session is not being answered.")
TEXT_ONLY = gettext_lazy("Frames are text, not binary.")
TOO_BIG = gettext_lazy("A frame of 64 KiB or more is not read.")
CLOSE_CODES = {
    errors.UNAUTHORIZED.code: protocol.UNAUTHORIZED,
    errors.INVALID_TOKEN.code: protocol.UNAUTHORIZED,
    errors.FORBIDDEN.code: protocol.FORBIDDEN,
    errors.RATE_LIMITED.code: protocol.RATE_LIMITED,
}
ENDS_SOCKET = {errors.UNAUTHORIZED.code, errors.INVALID_TOKEN.code, errors.FORBIDDEN.code}
INTERNAL_ERROR = 1011  # RFC 6455, 7.4.1


@dataclass
class Reading:
    """A session that is being read on this socket."""

    run_id: UUID
    frames: SessionFrames
    after: int = 0
    to_be_stopped: bool = False


class ClinicianConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]
    """`/ws/chat`; owns the tasks that read its sessions, and none of the runs."""

    channel_layer_alias = "none"  # what is to be sent comes from runs' feeds, never from other consumers

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """The ASGI entry; whatever ends the socket, nothing of it stays behind."""
        self._opening: Opening = scope["opening"]
        self._readings: dict[str, Reading] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._sending = asyncio.Lock()
        self._is_closed = False
        self._stalled: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        serving = asyncio.ensure_future(super().__call__(scope, receive, send))
        try:
            await asyncio.wait({serving, self._stalled}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._is_closed = True
            await self._leave(serving)

    async def _leave(self, serving: asyncio.Future[None]) -> None:
        tasks = {serving, *self._tasks}
        for task in tasks:
            task.cancel()
        try:
            await asyncio.wait(tasks)
            if not serving.cancelled() and (error := serving.exception()) and not isinstance(error, OSError):
                raise error
        finally:
            if (clinician := self._opening.clinician) and clinician.slot:
                await in_db(clinician.slot.free)

    # --- Opening and closing --------------------------------------------------------------------------

    async def connect(self) -> None:
        """Welcome the clinician, or say why not and close."""
        await self.accept(self._opening.subprotocol)
        if self._opening.refusal is not None:
            await self._refuse(self._opening.refusal)
            return
        self._own(self._until_expiry())
        if self.clinician.slot:
            self._own(self._keep(self.clinician.slot))
        with override(self._opening.language):
            message = _("✅ Connected to the medical chat")
        await self._send(protocol.encode(Connected(user_id=str(self.clinician.user_id), message=message)))

    @property
    def clinician(self) -> Clinician:
        """Who holds this socket."""
        assert self._opening.clinician is not None  # noqa: S101 - for the type checker
        return self._opening.clinician

    async def _refuse(self, error: ApiError, code: int | None = None) -> None:
        """Say what is wrong, and close."""
        await self._send_error(error)
        async with self._sending:
            if not self._is_closed:
                self._is_closed = True
                await self._unless_stalled(self.close(code or CLOSE_CODES.get(error.error.code, INTERNAL_ERROR)))

    async def _until_expiry(self) -> None:
        await asyncio.sleep(max(0.0, (self.clinician.expires_at - clock.now()).total_seconds()))
        await self._refuse(ApiError(errors.INVALID_TOKEN))

    async def _keep(self, slot: slots.Slot) -> None:
        while True:
            await asyncio.sleep(slots.SECONDS / 3)
            await in_db(slot.renew)

    # --- Frames of the client -------------------------------------------------------------------------

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Answer a frame; one that is not valid costs an error frame, never the socket, unless it is too big."""
        if self._is_closed:
            return
        if len(bytes_data or (text_data or "").encode()) >= settings.MAX_FRAME_BYTES:
            await self._refuse(ApiError(errors.INVALID_REQUEST, message=TOO_BIG), protocol.TOO_BIG)
            return
        session_id = None
        try:
            if text_data is None:
                raise ApiError(errors.INVALID_REQUEST, message=TEXT_ONLY)
            with override(self._opening.language):
                frame = protocol.decode(text_data)
            session_id = getattr(frame, "session_id", None)
            await self._answer(frame)
        except BadFrameError as bad:
            await self._send_error(bad.error, bad.session_id)
        except OSError:  # the client is gone
            raise
        except Exception as problem:  # whatever went wrong, the client is told
            error = to_api_error(problem)
            if error.error.code in ENDS_SOCKET:
                await self._refuse(error)
            else:
                await self._send_error(error, session_id)

    async def _answer(self, frame: protocol.ClientFrame) -> None:
        match frame:
            case Ping():
                await self._send(protocol.PONG)
            case Query():
                await self._query(frame)
            case Cancel():
                await self._cancel(frame)
            case Resume():
                await self._resume(frame)
            case _:
                assert_never(frame)

    async def _query(self, frame: Query) -> None:
        if frame.session_id in self._readings:
            raise ApiError(errors.RUN_ACTIVE, message=STILL_ANSWERED)
        language = detect_language(frame.question, default=self._opening.language)
        question = Question(
            session_id=frame.session_id,
            document_type_id=frame.document_type_id,
            document_number=frame.document_number,
            text=frame.question,
            language=language,
        )
        accepting = in_db(access.accept_question, clinician=self.clinician, question=question)
        run = await ChatService().run_of(accepting, self.clinician.owner)
        self._read(run.id, SessionFrames(frame.session_id, language))

    async def _resume(self, frame: Resume) -> None:
        if frame.session_id in self._readings:
            raise ApiError(errors.RUN_ACTIVE, message=STILL_ANSWERED)
        run = await in_db(access.session_to_read, clinician=self.clinician, session_id=frame.session_id)
        self._read(run.id, SessionFrames(frame.session_id, run.thread.language), after=frame.after)

    async def _cancel(self, frame: Cancel) -> None:
        reading = self._readings.get(frame.session_id)
        if reading is None:
            run = await in_db(access.session_to_stop, clinician=self.clinician, session_id=frame.session_id)
            if run.is_over:
                raise ApiError(errors.INVALID_REQUEST, message=NOT_RUNNING)
            shown = len((await ChatService().feed(run.id)).events)
            reading = self._read(run.id, SessionFrames(frame.session_id, run.thread.language), after=shown)
        reading.to_be_stopped = True
        ChatService().stop_run(reading.run_id)

    # --- Sessions -------------------------------------------------------------------------------------

    def _read(self, run_id: UUID, frames: SessionFrames, *, after: int = 0) -> Reading:
        reading = self._readings[frames.session_id] = Reading(run_id=run_id, frames=frames, after=after)
        self._own(self._follow(reading))
        return reading

    async def _follow(self, reading: Reading) -> None:
        """Send a session's frames to its end; a feed that is lost is found again in the database."""
        session_id = reading.frames.session_id
        try:
            while session_id in self._readings:
                with contextlib.suppress(UnknownRunError):
                    await self._show(await ChatService().feed(reading.run_id), reading)
        except OSError:  # the client is gone
            pass
        except Exception as problem:  # whatever went wrong, the client is told
            await self._send_error(to_api_error(problem), session_id)
        finally:
            self._readings.pop(session_id, None)

    async def _show(self, feed: RunFeed, reading: Reading) -> None:
        """Send frames as they come, up to the last. Raises UnknownRunError when the feed is lost before."""
        news = asyncio.Event()
        feed.listen(news.set)
        try:
            while True:
                news.clear()
                frames = feed.frames(reading.frames)
                if reading.after < len(frames):
                    await self._show_next(feed, reading, frames)
                elif feed.over:
                    break
                elif feed.lost:
                    raise UnknownRunError
                else:
                    await news.wait()
            if self._readings.pop(reading.frames.session_id, None) and frames:
                await self._send(frames[-1])  # by a count that the log no longer has: the end is told all the same
        finally:
            feed.unlisten(news.set)

    async def _show_next(self, feed: RunFeed, reading: Reading, frames: Sequence[bytes]) -> None:
        frame = frames[reading.after]
        reading.after += 1
        if reading.to_be_stopped:  # what was still waiting for its turn did not hear it
            reading.to_be_stopped = False
            ChatService().stop_run(reading.run_id)
        if feed.over and reading.after == len(frames):
            self._readings.pop(reading.frames.session_id, None)  # who reads the last frame may ask again
        if frame:
            await self._send(frame)

    # --- Frames to the client -------------------------------------------------------------------------

    async def _send_error(self, error: ApiError, session_id: str | None = None) -> None:
        with override(self._opening.language):
            frame = protocol.error_frame(error, session_id)
        await self._send(frame)

    async def _send(self, frame: bytes) -> None:
        """Send a frame, one at a time; who takes nothing for STREAM_STALL_TIMEOUT is let go."""
        async with self._sending:
            if not self._is_closed:
                await self._unless_stalled(self.send(text_data=frame.decode()))

    async def _unless_stalled(self, sending: Coroutine[Any, Any, None]) -> None:
        try:
            async with asyncio.timeout(settings.STREAM_STALL_TIMEOUT):
                await sending
        except TimeoutError:
            logger.info("a socket was cut off: its client took nothing for %g s", settings.STREAM_STALL_TIMEOUT)
            self._is_closed = True
            self._stalled.set_result(None)

    async def dispatch(self, message: dict[str, Any]) -> None:
        """Channels' own would hop to a thread at every frame, to close connections that nobody opens here."""
        await getattr(self, get_handler_name(message))(message)

    def _own(self, work: Coroutine[Any, Any, None]) -> None:
        task = own_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if (
            not task.cancelled() and (error := task.exception()) and not isinstance(error, OSError)
        ):  # the client is gone
            logger.error("a task of a socket ended badly", exc_info=error)
