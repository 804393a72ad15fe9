"""Ending answers before they are whole, whichever process writes them."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

from chat import selectors
from chat.events import RunCancelled
from chat.models import Run
from chat.owners import Owner
from chat.run_log import current_run_log
from chat.services.recovery import until_over
from chat.services.run_executor import current_executor
from chat.services.runs import cancel_waiting
from healthmate.common.db import in_db

STOP_SECONDS = 5.0  # for the process that answers to hear of it and to store what was written
OPEN = (Run.Status.QUEUED, Run.Status.IN_PROGRESS)


@dataclass(frozen=True, kw_only=True)
class StopOutcome:
    """`stopped`: the run ended because of a stop, this one or one before it.

    False with a `run_id`: it ended by itself, or goes on for now.
    """

    stopped: bool
    run_id: UUID | None = None


async def stop(*, owner: Owner, thread_id: UUID, run_id: UUID | None = None) -> StopOutcome:
    """End the run that is named, else the one in progress, else the next, and keep what it has written.

    Returns once it is over, or after STOP_SECONDS. Raises ApiError THREAD_NOT_FOUND.
    """
    run = await in_db(_to_stop, owner, thread_id, run_id)
    if run is None:
        return StopOutcome(stopped=False)
    if run.is_over:
        return StopOutcome(stopped=run.status == Run.Status.CANCELLED, run_id=run.id)
    if await _request(run):
        return StopOutcome(stopped=True, run_id=run.id)
    with suppress(TimeoutError, Run.DoesNotExist):
        async with asyncio.timeout(STOP_SECONDS):
            return StopOutcome(stopped=isinstance(await until_over(run.id), RunCancelled), run_id=run.id)
    return StopOutcome(stopped=False, run_id=run.id)


async def stop_all(*, owner: Owner, thread_id: UUID) -> None:
    """End every run of a conversation that is about to be left. Raises ApiError THREAD_NOT_FOUND."""
    runs = await in_db(_open_runs, owner, thread_id)
    for run in reversed(runs):  # none begins when the one before it ends
        await _request(run)
    with suppress(TimeoutError, Run.DoesNotExist):
        async with asyncio.timeout(STOP_SECONDS):
            for run in runs:
                await until_over(run.id)


async def _request(run: Run) -> bool:
    """Whether it is over already, since it had not begun."""
    cancelled = run.status == Run.Status.QUEUED and await in_db(cancel_waiting, run_id=run.id)
    current_executor()  # listens, where the run is this process's
    current_run_log().request_stop(str(run.id))
    return cancelled


def _open_runs(owner: Owner, thread_id: UUID) -> list[Run]:
    """In the order in which they are answered."""
    thread = selectors.thread_of(owner, thread_id)
    return list(thread.runs.filter(status__in=OPEN).order_by("message__number", "created_at"))


def _to_stop(owner: Owner, thread_id: UUID, run_id: UUID | None) -> Run | None:
    if run_id:
        return selectors.last_run(owner, thread_id, run_id)
    runs = _open_runs(owner, thread_id)
    return min(runs, key=lambda run: run.status != Run.Status.IN_PROGRESS, default=None)
