"""A run's life in the database: claimed, kept alive by its lease, closed exactly once."""

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from uuid import UUID, uuid4

from django.conf import settings
from django.db import transaction

from chat import intents, run_queries
from chat.context import history_items, instructions_for
from chat.models import Assistant, Run, Thread
from chat.run_queries import LEASE, OpenRun, PastCall
from chat.safety.red_flags import emergency_answer
from chat.services import session_locks
from chat.services.conversations import open_runs
from chat.services.model_io import InputItem
from healthmate.common import clock
from healthmate.common.errors import ErrorCode

MAX_TOKENS = 2**31 - 1


@dataclass(frozen=True, kw_only=True)
class ClaimedRun:
    """Everything that a run needs to begin, read in one go."""

    run_id: UUID
    thread_id: UUID
    language: str
    question: str
    emergency: str | None  # what to say at once, whoever would have answered
    assistant: Assistant | None  # none in an emergency
    instructions: str = ""
    items: list[InputItem] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class RunEnding:
    """How a run ended; `text` may be partial."""

    status: Run.Status
    text: str = ""
    error: ErrorCode | None = None
    model: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    flags: Iterable[str] = ()


@dataclass(frozen=True)
class StoredEnding:
    """What stands in the database once a run is over."""

    status: Run.Status
    message_id: UUID | None


class ThreadBusyError(Exception):
    """Another process is answering this thread, with this run."""

    def __init__(self, run_id: UUID) -> None:
        super().__init__(run_id)
        self.run_id = run_id


def claim_next_run(*, thread_id: UUID, among: Collection[UUID]) -> ClaimedRun | None:
    """Take the thread's oldest waiting run `among` the caller's own; None when none of them waits any more.

    Raises ThreadBusyError while a run of another process is in progress or before it.
    """
    # Outside the transaction, which a lock table out of reach must not spoil.
    key = (run_queries.address_of(thread_id) or "system").removeprefix("chat_")
    lock = session_locks.read(key)
    claimed = _claim(thread_id, among, lock.active_agent if lock else None)
    if claimed is not None:
        slug = claimed.assistant.slug if claimed.assistant else lock.active_agent if lock else intents.GENERAL
        session_locks.keep(key, slug, lock)
    return claimed


@transaction.atomic
def _claim(thread_id: UUID, among: Collection[UUID], active_agent: str | None) -> ClaimedRun | None:
    thread = run_queries.lock_thread(None, thread_id)
    if thread is None:  # deleted meanwhile
        return None
    run = _next(thread_id, among)
    if run is None:
        return None
    emergency = emergency_answer(run.text, thread.language)
    assistant = None if emergency else _pick_assistant(run.text, active_agent)
    run_queries.begin_run(run.id, thread_id=thread_id, assistant_id=assistant.id if assistant else None)
    return ClaimedRun(
        run_id=run.id,
        thread_id=thread_id,
        language=thread.language,
        question=run.text,
        emergency=emergency,
        assistant=assistant,
        instructions=instructions_for(assistant, thread) if assistant else "",
        items=_history(thread_id, run.turn) if assistant else [],
    )


def _next(thread_id: UUID, among: Collection[UUID]) -> OpenRun | None:
    """The first of the caller's waiting runs, if it is its turn. Raises ThreadBusyError."""
    runs = open_runs(thread_id)
    mine = next((run for run in runs if run.id in among), None)
    busy = next((run for run in runs if run.status == Run.Status.IN_PROGRESS), runs[0] if mine else None)
    if busy and busy is not mine:
        raise ThreadBusyError(busy.id)
    return mine


@transaction.atomic
def close_run(*, run_id: UUID, ending: RunEnding) -> StoredEnding:
    """Store the answer, whole or partial, and the terminal status; what stands then is returned.

    A run that somebody else closed meanwhile, its lease having lapsed, stays as it is.
    """
    run_queries.lock_thread_of_run(run_id)
    message_id = uuid4() if ending.text else None
    stored = run_queries.end_run(
        run_id,
        message_id=message_id,
        status=ending.status,
        error_code=ending.error.code if ending.error else "",
        model=ending.model[:100],
        input_tokens=min(ending.input_tokens, MAX_TOKENS),
        output_tokens=min(ending.output_tokens, MAX_TOKENS),
        raised=next((flag for flag in Thread.Raised.values if flag in ending.flags), ""),
        body=ending.text,
        flags=json.dumps(list(ending.flags)),
    )
    if stored:
        return StoredEnding(status=ending.status, message_id=message_id)
    run = Run.objects.get(id=run_id)
    answer = run.answers.last()
    return StoredEnding(status=Run.Status(run.status), message_id=answer.id if answer else None)


def renew_leases(*, run_ids: Collection[UUID]) -> None:
    """Say that this process still answers, or will answer, these runs."""
    Run.objects.filter(id__in=run_ids, status__in=(Run.Status.QUEUED, Run.Status.IN_PROGRESS)).update(
        lease_until=clock.now() + LEASE
    )


def _pick_assistant(text: str, active_agent: str | None) -> Assistant:
    """The session lock's assistant goes on, unless the message plainly wants another (seed 5).

    Raises Assistant.DoesNotExist when staff have left none active.
    """
    slug = intents.detect_intent(text) or active_agent or intents.GENERAL
    assistant = run_queries.assistant_for(slug) or run_queries.assistant_for(intents.GENERAL)
    if assistant is None:
        raise Assistant.DoesNotExist("no active assistant serves patients: activate one in the admin")
    return assistant


def _history(thread_id: UUID, turn: int) -> list[InputItem]:
    messages = run_queries.newest_messages(thread_id, turn=turn, count=settings.HISTORY_MESSAGES)
    turns = {message.turn for message in messages} - {turn}
    calls: dict[int, list[PastCall]] = {}
    if turns:
        for call in run_queries.calls_since(thread_id, turn=min(turns)):
            if call.turn in turns:
                calls.setdefault(call.turn, []).append(call)
    return history_items(messages, calls)
