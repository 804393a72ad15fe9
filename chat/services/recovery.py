"""A run whose process is gone, or whose events this process's log does not know: the database tells how it ended.

What such a run had shown is in the log only; it is kept with the conversation as soon as somebody asks for it.
"""

import asyncio
import logging
from collections.abc import Coroutine, Iterable
from contextlib import suppress
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError
from django.utils.translation import override

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
    StatusChanged,
    TerminalEvent,
    TokenDelta,
)
from chat.models import Message, Run, Thread
from chat.owners import Owner
from chat.run_log import LIVE_SECONDS, RunFeed, UnknownRunError, current_run_log, follow
from chat.services import conversations
from chat.services.clinical import BUILDING_CONTEXT, GENERATING, VECTOR_SEARCH, stored_evidence
from chat.services.runs import keep_partial_answer
from healthmate.common import clock, errors
from healthmate.common.db import in_db
from healthmate.common.loop import own_task, per_loop

logger = logging.getLogger(__name__)

MARGIN_SECONDS = 0.5  # for the ending of a process that is still there
LOOK_SECONDS = 1.0  # how often a run that is not heard of is looked for in the database
CATCH_UP_SECONDS = 5.0


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


async def until_over(run_id: UUID) -> TerminalEvent:
    """How the run ended, once it has, whichever process answers it."""
    while True:
        with suppress(UnknownRunError):  # lost on the way: the database is asked then
            async for event in follow(await open_feed(run_id)):
                if isinstance(event, TerminalEvent):
                    return event


async def settle(*, owner: Owner, thread_id: UUID | None = None) -> None:
    """Close the owner's abandoned runs and keep what they had said: before a conversation is shown."""
    threads = selectors.threads_of(owner)
    runs = Run.objects.filter(thread__in=threads.filter(id=thread_id) if thread_id else threads)
    for run_id in await in_db(_abandoned, runs):
        if said := await _said(run_id):
            await in_db(keep_partial_answer, run_id=run_id, text=said)


def keep_all_words() -> None:
    """Keep what interrupted runs had said, as far as another process can know it, where no event loop runs."""
    silent = _without_their_words(Run.objects.all()) if settings.REDIS_URL else []
    said = asyncio.run(_said_of(silent)) if silent else {}
    for run_id, text in said.items():
        keep_partial_answer(run_id=run_id, text=text)


def _abandoned(runs: selectors.RunQuerySet) -> list[UUID]:
    conversations.interrupt_lapsed_runs(runs)
    return _without_their_words(runs)


def _without_their_words(runs: selectors.RunQuerySet) -> list[UUID]:
    """Those among `runs` that ended with their process and whose words, if there were any, only the log has."""
    known = clock.now() - timedelta(seconds=LIVE_SECONDS)
    silent = runs.filter(status=Run.Status.INTERRUPTED, finished_at__gte=known, lease_until__gte=known, answers=None)
    return list(silent.filter(started_at__isnull=False).values_list("id", flat=True))


async def _said_of(run_ids: Iterable[UUID]) -> dict[UUID, str]:
    try:
        return {run_id: said for run_id in run_ids if (said := await _said(run_id))}
    finally:
        await current_run_log().aclose()


async def _said(run_id: UUID) -> str:
    """What the run has shown, as far as the log knows."""
    try:
        feed = await current_run_log().feed(str(run_id))
        await _catch_up(run_id, feed)
    except (UnknownRunError, TimeoutError):
        return ""
    return _text(feed)


async def _catch_up(run_id: UUID, feed: RunFeed) -> None:
    """Wait for what the log has already. Raises UnknownRunError, TimeoutError."""
    async with asyncio.timeout(CATCH_UP_SECONDS):
        count = await current_run_log().count(str(run_id))
        if count:
            await feed.more(count - 1)


def _text(feed: RunFeed) -> str:
    return "".join(event.text for event in feed.events if isinstance(event, TokenDelta))


def _own(run_id: UUID, work: Coroutine[Any, Any, None]) -> None:
    tasks = _tasks()
    task = own_task(work)
    tasks[run_id] = task
    task.add_done_callback(lambda done: tasks.pop(run_id, None) if tasks.get(run_id) is done else None)


async def _recover(run_id: UUID, feed: RunFeed) -> None:
    """Tell what is stored once the run is over."""
    try:
        run = await _over(run_id)
    except (DatabaseError, Run.DoesNotExist) as error:
        logger.error("run %s cannot be looked up: %s", run_id, type(error).__name__)
        feed.add(_unknown(run_id, seq=1))
        return
    for event in _told(run, await _evidence(run)):
        feed.add(event)


async def _over(run_id: UUID) -> Run:
    while True:
        if run := await in_db(_if_over, run_id):
            return run
        await asyncio.sleep(LOOK_SECONDS)


async def _guard(run_id: UUID) -> None:
    """End the feed of another process's run when that process has died without ending it.

    As long as events come the process lives; a silent one is looked for in the database.
    """
    heard = 0
    while (feed := current_run_log().watched().get(str(run_id))) is not None:
        count = len(feed.events)
        del feed  # it is let go with its last reader
        if count == heard and await _ended(run_id):
            return
        heard = count
        await asyncio.sleep(LOOK_SECONDS)


async def _ended(run_id: UUID) -> bool:
    """Whether the run is over; its feed is then, too."""
    try:
        run = await in_db(_if_over, run_id)
        if run:
            await _end_feed(run)
        return run is not None
    except Run.DoesNotExist:  # deleted with its conversation
        feed = current_run_log().watched().get(str(run_id))
        if feed is not None:
            await current_run_log().append(_unknown(run_id, seq=len(feed.events) + 1))
        return True
    except DatabaseError as error:
        logger.error("run %s cannot be looked up: %s", run_id, type(error).__name__)
    except TimeoutError:
        logger.warning("run %s is over, and the log does not tell yet what it said", run_id)
    return False


async def _end_feed(run: Run) -> None:
    log = current_run_log()
    feed = log.watched().get(str(run.id))
    if feed is None:
        return
    with suppress(UnknownRunError):  # forgotten by the log: what came before is all there is
        await _catch_up(run.id, feed)
    with suppress(UnknownRunError, TimeoutError):
        async with asyncio.timeout(MARGIN_SECONDS):
            async for _ in follow(feed, after=len(feed.events)):
                pass
    if feed.over or feed.lost:
        return
    said = _text(feed)
    if said and run.status == Run.Status.INTERRUPTED and not _answer(run):
        await in_db(keep_partial_answer, run_id=run.id, text=said)
        run = await in_db(selectors.run_with_answer, run.id)
    answer = _answer(run)
    if answer and len(answer.body) > len(said) and answer.body.startswith(said):  # stored, and not told to its end
        rest = answer.body.removeprefix(said)
        await log.append(TokenDelta(run_id=str(run.id), seq=len(feed.events) + 1, text=rest))
        said = answer.body
    await log.append(_ending(run, answer, await _evidence(run), seq=len(feed.events) + 1, text=said))


def _if_over(run_id: UUID) -> Run | None:
    """The run, with its answer, if it is over: since its lease has lapsed, at the latest. Raises Run.DoesNotExist."""
    run = Run.objects.get(id=run_id)
    if run.is_over or conversations.interrupt_lapsed_runs(Run.objects.filter(id=run_id)):
        return selectors.run_with_answer(run_id)
    return None


def _answer(run: Run) -> Message | None:
    return max(run.answers.all(), key=lambda message: message.number, default=None)  # prefetched


async def _evidence(run: Run) -> Evidence | None:
    return await in_db(stored_evidence, run) if run.thread.kind == Thread.Kind.CLINICAL else None


def _told(run: Run, evidence: Evidence | None) -> list[AnyRunEvent]:
    """The whole run in as few events as it takes."""
    name, answer = str(run.id), _answer(run)
    text = answer.body if answer else ""
    events: list[AnyRunEvent] = [RunStarted(run_id=name, seq=1, thread_id=str(run.thread_id))]
    if text and evidence:  # with the numbers that they had
        statuses = (VECTOR_SEARCH, BUILDING_CONTEXT, GENERATING)
        events += [StatusChanged(run_id=name, seq=seq, status=status) for seq, status in enumerate(statuses, start=2)]
        events.append(AnswerStarted(run_id=name, seq=len(events) + 1, at=evidence.at))
    if text:
        events.append(TokenDelta(run_id=name, seq=len(events) + 1, text=text))
    if evidence and run.status in {Run.Status.COMPLETED, Run.Status.CANCELLED}:
        events.append(AnswerEnded(run_id=name, seq=len(events) + 1, at=evidence.at))
    return [*events, _ending(run, answer, evidence, seq=len(events) + 1, text=text)]


def _ending(run: Run, answer: Message | None, evidence: Evidence | None, *, seq: int, text: str) -> TerminalEvent:
    name = str(run.id)
    message_id, flags = (str(answer.id), list(answer.flags)) if answer else (None, ["partial"] if text else [])
    told: dict[str, Any] = {"run_id": name, "seq": seq, "text": text, "flags": flags, "evidence": evidence}
    if run.status == Run.Status.COMPLETED:
        return RunCompleted(message_id=message_id or "", **told)
    if run.status == Run.Status.CANCELLED:
        return RunCancelled(message_id=message_id, **told | {"flags": flags or ["cancelled"]})
    error = errors.BY_CODE.get(run.error_code, errors.PROCESSING_ERROR)
    with override(run.thread.language):
        message = str(error.message)
    return RunFailed(
        run_id=name,
        seq=seq,
        code=error.code,
        message=message,
        retryable=True,
        message_id=message_id,
        text=text,
        flags=flags,
    )


def _unknown(run_id: UUID, *, seq: int) -> RunFailed:
    error = errors.PROCESSING_ERROR
    return RunFailed(run_id=str(run_id), seq=seq, code=error.code, message=str(error.message), retryable=True)


@per_loop
def _tasks() -> dict[UUID, asyncio.Task[None]]:
    return {}
