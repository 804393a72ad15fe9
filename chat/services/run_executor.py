"""Runs as owned tasks: started by a request, independent of it, one at a time per thread."""

import asyncio
import logging
from typing import Any
from uuid import UUID

from django.conf import settings
from django.utils.translation import override

from chat.events import RunCancelled, RunCompleted, RunFailed, RunStarted, Usage
from chat.models import Run
from chat.run_log import RunLog, current_run_log, follow
from chat.services import run_store
from chat.services.conversations import LEASE
from chat.services.mirror import mirror
from chat.services.model_io import ModelError
from chat.services.openai_service import OpenAIService
from chat.services.recovery import open_feed
from chat.services.run_store import ClaimedRun, RunEnding, ThreadBusyError
from chat.services.turn import Turn
from healthmate.common import errors
from healthmate.common.db import in_db
from healthmate.common.errors import ErrorCode
from healthmate.common.loop import own_task, per_loop

logger = logging.getLogger(__name__)


class RunExecutor:
    """Owns the tasks of this process's runs. Each start is a ticket to answer the thread's oldest message."""

    def __init__(self, log: RunLog, service: OpenAIService) -> None:
        self._log = log
        self._service = service
        self._last: dict[UUID, asyncio.Task[None]] = {}  # the newest ticket of each thread
        self._turns: dict[UUID, asyncio.Task[None]] = {}  # the running ones, by run
        self._stopped: set[UUID] = set()
        self._leases: asyncio.Task[None] | None = None

    def start(self, run: Run) -> None:
        """Answer `run`'s thread once more, after whatever waits there already."""
        self._log.open(str(run.id))
        thread_id = run.thread_id
        task = own_task(self._ticket(run, self._last.get(thread_id)))
        self._last[thread_id] = task
        task.add_done_callback(lambda done: self._forget(thread_id, done))
        if self._leases is None or self._leases.done():
            self._leases = own_task(self._renew_leases())

    def stop(self, run_id: UUID) -> bool:
        """Stop a run of this process; True when it was running here."""
        task = self._turns.get(run_id)
        if task is None:
            return False
        self._stopped.add(run_id)
        return task.cancel()

    def _forget(self, thread_id: UUID, task: asyncio.Task[None]) -> None:
        if self._last.get(thread_id) is task:
            del self._last[thread_id]
        if not task.cancelled() and (error := task.exception()):
            logger.error("a run of thread %s ended badly", thread_id, exc_info=error)

    async def _renew_leases(self) -> None:
        while self._last:
            await asyncio.sleep(LEASE.total_seconds() / 3)
            await in_db(run_store.renew_leases, thread_ids=list(self._last))

    async def _ticket(self, run: Run, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await asyncio.wait([before])
        try:
            claimed = await self._claim(run.thread_id)
        except Exception:  # nothing has begun, and the run's readers must be told all the same
            logger.exception("run %s could not begin", run.id)
            await self._give_up(run, errors.PROCESSING_ERROR)
            return
        if claimed is None:  # closed meanwhile, its lease having lapsed: nobody else will tell its readers
            await self._give_up(run, errors.RUN_INTERRUPTED)
            return
        await self._own(claimed)

    async def _own(self, claimed: ClaimedRun) -> None:
        self._log.open(str(claimed.run_id))
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - for the type checker
        self._turns[claimed.run_id] = task
        turn = Turn(claimed, self._service, self._log)
        try:
            await self._execute(turn)
        finally:
            del self._turns[claimed.run_id]
            self._stopped.discard(claimed.run_id)
            if not turn.is_over:  # the database refused the ending: its lease will close the run
                await turn.emit(RunFailed, **_failure(errors.PROCESSING_ERROR, text=turn.text, flags=turn.flags))

    async def _give_up(self, run: Run, error: ErrorCode) -> None:
        await self._log.append(RunFailed(run_id=str(run.id), seq=1, **_failure(error)))
        ending = RunEnding(status=Run.Status.FAILED, error=error)
        await in_db(run_store.close_run, run_id=run.id, ending=ending)

    async def _claim(self, thread_id: UUID) -> ClaimedRun | None:
        while True:
            try:
                return await in_db(run_store.claim_next_run, thread_id=thread_id)
            except ThreadBusyError as busy:  # answered by another process
                async for _ in follow(await open_feed(busy.run_id)):
                    pass

    async def _execute(self, turn: Turn) -> None:
        await turn.emit(RunStarted, thread_id=str(turn.claimed.thread_id))
        try:
            async with asyncio.timeout(settings.TOTAL_REQUEST_TIMEOUT):
                await turn.answer()
        except asyncio.CancelledError:
            await self._close_cancelled(turn)
            raise
        except TimeoutError:
            await self._fail(turn, errors.REQUEST_TIMEOUT)
        except ModelError as error:
            await self._fail(turn, error.error)
        except Exception:  # whatever else went wrong, the run must end and its reader be told
            logger.exception("run %s failed", turn.claimed.run_id)
            await self._fail(turn, errors.PROCESSING_ERROR)
        else:
            await self._complete(turn)

    async def _complete(self, turn: Turn) -> None:
        message = await self._close(turn, Run.Status.COMPLETED)
        await turn.emit(
            RunCompleted,
            message_id=message,
            text=turn.text,
            usage=Usage(turn.input_tokens, turn.output_tokens),
            flags=turn.flags,
        )
        await mirror(self._service, thread_id=turn.claimed.thread_id, question=turn.claimed.question, answer=turn.text)

    async def _fail(self, turn: Turn, error: ErrorCode, *, status: Run.Status = Run.Status.FAILED) -> None:
        logger.warning("run %s %s: %s", turn.claimed.run_id, status, error.code)
        message = await self._close(turn, status, error)
        with override(turn.claimed.language):
            failure = _failure(error, message_id=message, text=turn.text, flags=turn.flags)
            await turn.emit(RunFailed, **failure)

    async def _close_cancelled(self, turn: Turn) -> None:
        """Stopped by somebody, or the process is going down."""
        if turn.claimed.run_id in self._stopped:
            turn.flags.append("cancelled")
            message = await self._close(turn, Run.Status.CANCELLED)
            await turn.emit(RunCancelled, message_id=message, text=turn.text, flags=turn.flags)
        else:
            await self._fail(turn, errors.RUN_INTERRUPTED, status=Run.Status.INTERRUPTED)

    async def _close(self, turn: Turn, status: Run.Status, error: ErrorCode | None = None) -> str | None:
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
        )
        message = await in_db(run_store.close_run, run_id=turn.claimed.run_id, ending=ending)
        return str(message.id) if message else None


def _failure(error: ErrorCode, **fields: Any) -> dict[str, Any]:
    return {"code": error.code, "message": str(error.message), "retryable": True, **fields}


@per_loop
def current_executor() -> RunExecutor:
    """The executor of this process's event loop."""
    return RunExecutor(current_run_log(), OpenAIService())
