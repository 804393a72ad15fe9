"""A run's feed when this process's log no longer knows the run: the database tells how it ended, or will."""

import asyncio
from uuid import UUID

from chat import selectors
from chat.events import RunCancelled, RunCompleted, RunFailed, RunStarted, TokenDelta
from chat.models import Message, Run
from chat.run_log import RunFeed, UnknownRunError, current_run_log
from chat.services import conversations
from healthmate.common import clock, errors
from healthmate.common.db import in_db
from healthmate.common.loop import own_task, per_loop

MARGIN_SECONDS = 0.5


async def open_feed(run_id: UUID) -> RunFeed:
    """The run's events, live or as they are stored; every feed ends, an abandoned run's with RUN_INTERRUPTED."""
    try:
        return await current_run_log().feed(str(run_id))
    except UnknownRunError:
        feed = RunFeed()
        tasks = _tasks()
        task = own_task(_recover(run_id, feed))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        return feed


async def _recover(run_id: UUID, feed: RunFeed) -> None:
    """Wait until the run is over, which its lease sees to when its process is gone, and tell what is stored."""
    run = await in_db(selectors.run_with_answer, run_id)
    while not run.is_over:
        left = (run.lease_until - clock.now()).total_seconds() if run.lease_until else 0
        await asyncio.sleep(max(left, 0) + MARGIN_SECONDS)
        await in_db(_close_if_lapsed, run_id)
        run = await in_db(selectors.run_with_answer, run_id)
    answer = next((message for message in run.answers.all()), None)
    for event in _events(run, answer):
        feed.add(event)


def _close_if_lapsed(run_id: UUID) -> None:
    conversations.interrupt_lapsed_runs(Run.objects.filter(id=run_id))


def _events(
    run: Run, answer: Message | None
) -> list[RunStarted | TokenDelta | RunCompleted | RunFailed | RunCancelled]:
    name, text = str(run.id), answer.body if answer else ""
    events: list[RunStarted | TokenDelta | RunCompleted | RunFailed | RunCancelled] = [
        RunStarted(run_id=name, seq=1, thread_id=str(run.thread_id))
    ]
    if text:
        events.append(TokenDelta(run_id=name, seq=2, text=text))
    seq, message_id, flags = len(events) + 1, str(answer.id) if answer else None, list(answer.flags) if answer else []
    if run.status == Run.Status.COMPLETED:
        events.append(RunCompleted(run_id=name, seq=seq, message_id=message_id or "", text=text, flags=flags))
    elif run.status == Run.Status.CANCELLED:
        events.append(RunCancelled(run_id=name, seq=seq, message_id=message_id, text=text, flags=flags))
    else:
        error = errors.BY_CODE.get(run.error_code, errors.PROCESSING_ERROR)
        events.append(
            RunFailed(
                run_id=name,
                seq=seq,
                code=error.code,
                message=str(error.message),
                retryable=True,
                message_id=message_id,
                text=text,
                flags=flags,
            )
        )
    return events


@per_loop
def _tasks() -> set[asyncio.Task[None]]:
    return set()
