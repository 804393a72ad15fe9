"""A run's feed when this process's log no longer knows the run: the database tells how it ended, or will."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any
from uuid import UUID

from django.db import DatabaseError

from chat import selectors
from chat.events import (
    AnswerEnded,
    AnswerStarted,
    AnyRunEvent,
    Evidence,
    RunCancelled,
    RunCompleted,
    RunFailed,
    RunStarted,
    TokenDelta,
)
from chat.models import Message, Run, Thread
from chat.run_log import RunFeed, UnknownRunError, current_run_log
from chat.services import conversations
from chat.services.clinical import stored_evidence
from healthmate.common import clock, errors
from healthmate.common.db import in_db
from healthmate.common.loop import own_task, per_loop

logger = logging.getLogger(__name__)

MARGIN_SECONDS = 0.5
LOOK_SECONDS = 2.0  # how often a run of a process that cannot be heard is looked for in the database


async def open_feed(run_id: UUID) -> RunFeed:
    """The run's events, live or as they are stored; every feed ends, an abandoned run's with RUN_INTERRUPTED."""
    log, name = current_run_log(), str(run_id)
    try:
        feed = await log.feed(name)
    except UnknownRunError:
        run = await in_db(selectors.run_with_answer, run_id)
        try:
            feed = await log.feed(name, expected=not run.is_over)
        except UnknownRunError:
            feed = RunFeed()
            _own(run_id, _recover(run_id, feed))
            return feed
    if name in log.watched() and run_id not in _tasks():
        _own(run_id, _guard(run_id))
    return feed


def _own(run_id: UUID, work: Coroutine[Any, Any, None]) -> None:
    tasks = _tasks()
    task = own_task(work)
    tasks[run_id] = task
    task.add_done_callback(lambda done: tasks.pop(run_id, None) if tasks.get(run_id) is done else None)


async def _recover(run_id: UUID, feed: RunFeed) -> None:
    """Tell what is stored once the run is over."""
    name = str(run_id)
    try:
        run = await _over(run_id)
    except (DatabaseError, Run.DoesNotExist) as error:
        logger.error("run %s cannot be looked up: %s", run_id, type(error).__name__)
        unknown = errors.PROCESSING_ERROR
        feed.add(RunFailed(run_id=name, seq=1, code=unknown.code, message=str(unknown.message), retryable=True))
        return
    for event in _told(run, await _evidence(run)):
        feed.add(event)


async def _guard(run_id: UUID) -> None:
    """End the feed of another process's run when that process has died without ending it."""
    run = await _over(run_id)
    await asyncio.sleep(MARGIN_SECONDS)  # its own ending may still be on the way
    feed = current_run_log().watched().get(str(run_id))
    if feed is not None and not feed.over:
        said = "".join(event.text for event in feed.events if isinstance(event, TokenDelta))
        evidence = await _evidence(run)
        await current_run_log().append(_ending(run, _answer(run), evidence, seq=len(feed.events) + 1, text=said))


async def _over(run_id: UUID) -> Run:
    """The run once it is over, which its lease sees to when its process is gone."""
    while True:
        run = await in_db(_closed_if_lapsed, run_id)
        if run.is_over:
            return run
        left = (run.lease_until - clock.now()).total_seconds() if run.lease_until else 0.0
        await asyncio.sleep(min(max(left, 0.0) + MARGIN_SECONDS, LOOK_SECONDS))


def _closed_if_lapsed(run_id: UUID) -> Run:
    conversations.interrupt_lapsed_runs(Run.objects.filter(id=run_id))
    return selectors.run_with_answer(run_id)


def _answer(run: Run) -> Message | None:
    return max(run.answers.all(), key=lambda message: message.number, default=None)  # prefetched


async def _evidence(run: Run) -> Evidence | None:
    return await in_db(stored_evidence, run) if run.thread.kind == Thread.Kind.CLINICAL else None


def _told(run: Run, evidence: Evidence | None) -> list[AnyRunEvent]:
    """The whole run in as few events as it takes."""
    name, answer = str(run.id), _answer(run)
    text = answer.body if answer else ""
    events: list[AnyRunEvent] = [RunStarted(run_id=name, seq=1, thread_id=str(run.thread_id))]
    if text and evidence:
        events.append(AnswerStarted(run_id=name, seq=2, at=evidence.at))
    if text:
        events.append(TokenDelta(run_id=name, seq=len(events) + 1, text=text))
    if evidence and run.status in {Run.Status.COMPLETED, Run.Status.CANCELLED}:
        events.append(AnswerEnded(run_id=name, seq=len(events) + 1, at=evidence.at))
    return [*events, _ending(run, answer, evidence, seq=len(events) + 1, text=text)]


def _ending(
    run: Run, answer: Message | None, evidence: Evidence | None, *, seq: int, text: str
) -> RunCompleted | RunFailed | RunCancelled:
    name = str(run.id)
    message_id, flags = (str(answer.id), list(answer.flags)) if answer else (None, ["partial"] if text else [])
    told: dict[str, Any] = {"run_id": name, "seq": seq, "text": text, "flags": flags, "evidence": evidence}
    if run.status == Run.Status.COMPLETED:
        return RunCompleted(message_id=message_id or "", **told)
    if run.status == Run.Status.CANCELLED:
        return RunCancelled(message_id=message_id, **told)
    error = errors.BY_CODE.get(run.error_code, errors.PROCESSING_ERROR)
    return RunFailed(
        run_id=name,
        seq=seq,
        code=error.code,
        message=str(error.message),
        retryable=True,
        message_id=message_id,
        text=text,
        flags=flags,
    )


@per_loop
def _tasks() -> dict[UUID, asyncio.Task[None]]:
    return {}
