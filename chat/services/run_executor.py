"""Runs as owned tasks: started by a request, independent of it, one at a time per thread."""

import asyncio
import contextlib
import logging
from collections.abc import Coroutine
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError, OperationalError
from django.utils.translation import override

from chat.events import AnswerEnded, Evidence, RunCancelled, RunCompleted, RunFailed, RunStarted, Usage
from chat.models import Run, Thread
from chat.run_log import RunLog, UnknownRunError, current_run_log, follow
from chat.run_queries import LEASE
from chat.services import run_store
from chat.services.base_turn import BaseTurn
from chat.services.clinical import timestamp
from chat.services.clinical_turn import ClinicalTurn
from chat.services.mirror import mirror
from chat.services.model_io import ModelError
from chat.services.openai_service import OpenAIService
from chat.services.recovery import open_feed
from chat.services.run_store import ClaimedRun, RunEnding, StoredEnding, ThreadBusyError
from chat.services.turn import Turn
from healthmate.common import errors
from healthmate.common.db import in_db
from healthmate.common.errors import ApiError, ErrorCode
from healthmate.common.loop import own_task, per_loop

logger = logging.getLogger(__name__)

BUSY_SECONDS = 1.0
MARK_SECONDS = 10.0  # for the ends of those that the grace period cut short
SERVER_SIDE = 500  # the status from which on an error is ours, and may pass
STORE_ATTEMPTS = 8  # one, two, four ... seconds apart
READERS_WAIT_SECONDS = 5.0  # for a database that is away
RETRY_SECONDS = 0.5


class RunExecutor:
    """Owns the tasks of this process's runs.

    Each start is a ticket to answer the oldest of the process's waiting messages in that thread, so that answers come
    in the order of the messages, in whichever order the requests that stored them get here.
    """

    def __init__(self, log: RunLog, service: OpenAIService) -> None:
        self._log = log
        self._service = service
        self._tickets: set[asyncio.Task[None]] = set()
        self._last: dict[UUID, asyncio.Task[None]] = {}  # the newest ticket of each thread
        self._waiting: dict[UUID, set[UUID]] = {}  # runs of each thread that have not begun
        self._left: dict[UUID, set[UUID]] = {}  # those of them that somebody stopped
        self._running: dict[UUID, asyncio.Task[None]] = {}
        self._stopped: set[UUID] = set()
        self._unstored: set[UUID] = set()  # over, while the database is away
        self._afterwards: set[asyncio.Task[None]] = set()  # what goes on when runs are over
        self._leases: asyncio.Task[None] | None = None
        self._closed = False
        log.on_stop(self._stop)

    def start(self, run: Run, *, session_key: str) -> None:
        """Answer `run`, after whatever waits in its thread already."""
        self._log.open(str(run.id))
        if self._closed:
            self._later(self._give_up(run.id, Run.Status.INTERRUPTED, errors.RUN_INTERRUPTED))
            return
        thread_id = run.thread_id
        self._waiting.setdefault(thread_id, set()).add(run.id)
        task = own_task(self._ticket(run, session_key, self._last.get(thread_id)))
        self._last[thread_id] = task
        self._tickets.add(task)
        task.add_done_callback(lambda done: self._forget(thread_id, done))
        if self._leases is None or self._leases.done():
            self._leases = own_task(self._renew_leases())

    def _stop(self, run_id: str) -> None:
        """Somebody, in this process or another, wants this run to end; it may be one of this process's."""
        wanted = UUID(run_id)
        if task := self._running.get(wanted):
            if wanted not in self._stopped:
                self._stopped.add(wanted)
                task.cancel()
            return
        for thread_id, waiting in self._waiting.items():
            if wanted in waiting:  # also while it is being claimed
                waiting.discard(wanted)
                self._left.setdefault(thread_id, set()).add(wanted)
                self._later(self._give_up(wanted, Run.Status.CANCELLED))
                return

    async def idle(self) -> None:
        """Return when nothing goes on any more."""
        while pending := {*self._tickets, *self._afterwards}:
            await asyncio.wait(pending)

    async def shut_down(self, *, grace: float) -> None:
        """Wait `grace` seconds for the runs to finish, then stop them; each ends in the log and the database.

        What is started from then on is marked at once.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace):
                await self.idle()
        self._closed = True
        for task in self._tickets:
            task.cancel()
        try:
            async with asyncio.timeout(MARK_SECONDS):
                await self.idle()
        except TimeoutError:
            logger.error("not all runs could be marked: their leases will lapse")
        for task in [*self._tickets, *self._afterwards]:
            task.cancel()
        if self._leases is not None:
            self._leases.cancel()

    def _forget(self, thread_id: UUID, task: asyncio.Task[None]) -> None:
        self._tickets.discard(task)
        if self._last.get(thread_id) is task:
            del self._last[thread_id]
            self._left.pop(thread_id, None)
            for run_id in self._waiting.pop(thread_id, ()):  # only when the process is going down
                self._later(self._give_up(run_id, Run.Status.INTERRUPTED, errors.RUN_INTERRUPTED))
        if not task.cancelled() and (error := task.exception()):
            logger.error("a run of thread %s ended badly", thread_id, exc_info=error)

    async def _renew_leases(self) -> None:
        while self._last or self._unstored:
            await asyncio.sleep(LEASE.total_seconds() / 3)
            mine = set().union(*self._waiting.values(), self._running, self._unstored)
            try:
                await in_db(run_store.renew_leases, run_ids=mine)
            except DatabaseError as error:
                logger.warning("leases could not be renewed: %s", type(error).__name__)

    async def _ticket(self, run: Run, session_key: str, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await asyncio.wait([before])
        waiting = self._waiting[run.thread_id]
        try:
            claimed = await self._claim(run.thread_id, waiting, session_key)
        except Exception:  # nothing has begun, and the run's readers must be told all the same
            logger.exception("run %s could not begin", run.id)
            waiting.discard(run.id)
            await self._give_up(run.id, Run.Status.FAILED, errors.PROCESSING_ERROR)
            return
        if claimed is None:  # closed meanwhile, by a stop or by lapsed leases: nobody else will tell their readers
            while waiting:
                await self._give_up(waiting.pop(), Run.Status.INTERRUPTED, errors.RUN_INTERRUPTED)
            return
        waiting.discard(claimed.run_id)
        if claimed.run_id not in self._left.get(run.thread_id, ()):
            await self._own(claimed)

    async def _claim(self, thread_id: UUID, waiting: set[UUID], session_key: str) -> ClaimedRun | None:
        give_up = asyncio.get_running_loop().time() + READERS_WAIT_SECONDS
        while True:
            try:
                return await run_store.claim_next_run(thread_id=thread_id, among=frozenset(waiting), key=session_key)
            except OperationalError as error:
                if asyncio.get_running_loop().time() > give_up:
                    raise
                logger.warning("a run of thread %s cannot begin yet: %s", thread_id, type(error).__name__)
                await asyncio.sleep(RETRY_SECONDS)
            except ThreadBusyError as busy:  # answered by another process
                feed = await open_feed(busy.run_id)
                if feed.over:  # and its ending is yet to be stored
                    await asyncio.sleep(BUSY_SECONDS)
                with contextlib.suppress(UnknownRunError):  # lost on the way: the database is asked again
                    async for _ in follow(feed):
                        pass

    async def _give_up(self, run_id: UUID, status: Run.Status, error: ErrorCode | None = None) -> None:
        """End a run that has not begun; its readers are told what stands then."""
        stored = await self._store(run_id, RunEnding(status=status, error=error))
        if (stored.status if stored else status) == Run.Status.CANCELLED:
            name, evidence = str(run_id), Evidence(at=timestamp())
            await self._log.append(AnswerEnded(run_id=name, seq=1, at=evidence.at))
            await self._log.append(RunCancelled(run_id=name, seq=2, flags=["cancelled"], evidence=evidence))
        else:
            await self._log.append(RunFailed(run_id=str(run_id), seq=1, **_failure(error or errors.RUN_INTERRUPTED)))

    async def _own(self, claimed: ClaimedRun) -> None:
        self._log.open(str(claimed.run_id))
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - for the type checker
        self._running[claimed.run_id] = task
        turn = _turn_of(claimed)(claimed, self._service, self._log)
        try:
            await self._execute(turn)
        finally:
            self._running.pop(claimed.run_id, None)
            self._stopped.discard(claimed.run_id)
            if not turn.is_over:
                await turn.emit(RunFailed, **_failure(errors.PROCESSING_ERROR, text=turn.text, flags=turn.flags))

    async def _execute(self, turn: BaseTurn) -> None:
        """Make the answer, then end the run: neither a stop nor the process's going down cuts the ending short."""
        await turn.emit(RunStarted, thread_id=str(turn.claimed.thread_id))
        status, error = Run.Status.COMPLETED, None
        cancelled: asyncio.CancelledError | None = None
        try:
            async with asyncio.timeout(settings.TOTAL_REQUEST_TIMEOUT):
                await turn.answer()
        except asyncio.CancelledError as stop:
            cancelled, (status, error) = stop, self._why_cancelled(turn)
        except TimeoutError:
            status, error = Run.Status.FAILED, errors.REQUEST_TIMEOUT
        except (ModelError, ApiError) as failure:
            status, error = Run.Status.FAILED, failure.error
        except Exception:  # whatever else went wrong, the run must end and its reader be told
            logger.exception("run %s failed", turn.claimed.run_id)
            status, error = Run.Status.FAILED, errors.PROCESSING_ERROR
        self._running.pop(turn.claimed.run_id, None)  # from here on there is nothing left to stop
        ending = asyncio.ensure_future(self._end(turn, status, error))
        try:
            await asyncio.shield(ending)
        finally:
            await ending
        if cancelled is not None:
            raise cancelled

    def _why_cancelled(self, turn: BaseTurn) -> tuple[Run.Status, ErrorCode | None]:
        if turn.claimed.run_id in self._stopped:
            turn.flags.append("cancelled")
            return Run.Status.CANCELLED, None
        return Run.Status.INTERRUPTED, errors.RUN_INTERRUPTED

    async def _end(self, turn: BaseTurn, status: Run.Status, error: ErrorCode | None) -> None:
        """Store the ending and tell the readers what really stands."""
        await turn.wrap_up(status)
        if status != Run.Status.COMPLETED and turn.text and "partial" not in turn.flags:
            turn.flags.append("partial")
        ending = RunEnding(
            status=status,
            text=turn.text,
            error=error,
            model=turn.model,
            input_tokens=turn.input_tokens,
            output_tokens=turn.output_tokens,
            flags=turn.flags,
            evidence=turn.evidence,
        )
        stored = await self._store(turn.claimed.run_id, ending)
        if stored is not None and stored.status != status:
            status, error = stored.status, errors.RUN_INTERRUPTED
        message = str(stored.message_id) if stored and stored.message_id else None
        told: dict[str, Any] = {"message_id": message, "text": turn.text, "flags": turn.flags}
        if status == Run.Status.COMPLETED and message:
            usage = Usage(turn.input_tokens, turn.output_tokens)
            await turn.emit(RunCompleted, **told, evidence=turn.evidence, usage=usage)
            self._mirror(turn)
        elif status == Run.Status.CANCELLED:
            await turn.emit(RunCancelled, **told, evidence=turn.evidence)
        else:
            error = error or errors.PROCESSING_ERROR
            if turn.claimed.run_id in self._unstored:  # it will be in the history: nobody need ask again
                told["retryable"] = False
            logger.warning("run %s %s: %s", turn.claimed.run_id, status, error.code)
            with override(turn.claimed.language):
                await turn.emit(RunFailed, **_failure(error, **told))

    def _mirror(self, turn: BaseTurn) -> None:
        claimed = turn.claimed
        if claimed.kind == Thread.Kind.CLINICAL:
            return  # a record stays here
        self._later(mirror(self._service, thread_id=claimed.thread_id, question=claimed.question, answer=turn.text))

    async def _store(self, run_id: UUID, ending: RunEnding) -> StoredEnding | None:
        """Store an ending; while the database is away for longer than readers should wait, later."""
        try:
            async with asyncio.timeout(READERS_WAIT_SECONDS):
                return await self._stored(run_id, ending)
        except Run.DoesNotExist:  # deleted with its conversation
            return None
        except TimeoutError:
            logger.error("the ending of run %s is not stored yet", run_id)
            self._unstored.add(run_id)
            self._later(self._store_later(run_id, ending))
            return None

    async def _stored(self, run_id: UUID, ending: RunEnding) -> StoredEnding:
        while True:
            try:
                return await run_store.close_run(run_id=run_id, ending=ending)
            except DatabaseError as error:
                logger.warning("the ending of run %s cannot be stored: %s", run_id, type(error).__name__)
                await asyncio.sleep(RETRY_SECONDS)

    async def _store_later(self, run_id: UUID, ending: RunEnding) -> None:
        try:
            for attempt in range(STORE_ATTEMPTS):
                await asyncio.sleep(2**attempt)
                try:
                    await run_store.close_run(run_id=run_id, ending=ending)
                except DatabaseError as error:
                    logger.warning("the ending of run %s is still not stored: %s", run_id, type(error).__name__)
                else:
                    return
        finally:
            self._unstored.discard(run_id)

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        task = own_task(work)
        self._afterwards.add(task)
        task.add_done_callback(self._afterwards.discard)


def _failure(error: ErrorCode, **fields: Any) -> dict[str, Any]:
    return {"code": error.code, "message": str(error.message), "retryable": error.status >= SERVER_SIDE, **fields}


def _turn_of(claimed: ClaimedRun) -> type[BaseTurn]:
    return ClinicalTurn if claimed.kind == Thread.Kind.CLINICAL else Turn


@per_loop
def current_executor() -> RunExecutor:
    """The executor of this process's event loop."""
    return RunExecutor(current_run_log(), OpenAIService())
