"""A run's life in the database: claimed, kept alive by its lease, closed exactly once."""

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from uuid import UUID, uuid4

from django.conf import settings
from django.db import transaction

from chat import intents, run_queries
from chat.context import history_items, instructions_for
from chat.events import Evidence
from chat.models import Assistant, Message, Run, Thread
from chat.run_queries import LEASE, OpenRun, PastCall
from chat.safety.red_flags import emergency_answer
from chat.services import clinical, session_locks
from chat.services.conversations import lock
from chat.services.model_io import InputItem
from healthmate.common import clock
from healthmate.common.db import in_db
from healthmate.common.errors import ErrorCode
from healthmate.common.steps import Steps, now, on_loop, together

MAX_TOKENS = 2**31 - 1


@dataclass(frozen=True, kw_only=True)
class ClaimedRun:
    """Everything that a run needs to begin, read in one go."""

    run_id: UUID
    thread_id: UUID
    kind: str
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
    evidence: Evidence | None = None


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


async def claim_next_run(*, thread_id: UUID, among: Collection[UUID], key: str) -> ClaimedRun | None:
    """Take the thread's oldest waiting run `among` the caller's own; None when none of them waits any more.

    `key` is what the owner's session lock is kept under. Raises ThreadBusyError while a run of another process is in
    progress or before it.
    """
    # Outside the transaction, which a lock table out of reach must not spoil.
    held = await session_locks.read_on_loop(key)
    claimed = await on_loop(_claiming(thread_id, among, held.active_agent if held else None))
    if claimed is not None and claimed.kind != Thread.Kind.CLINICAL:
        slug = claimed.assistant.slug if claimed.assistant else held.active_agent if held else intents.GENERAL
        await session_locks.keep(key, slug, held)
    return claimed


def _claiming(thread_id: UUID, among: Collection[UUID], active_agent: str | None) -> Steps[ClaimedRun | None]:
    thread, runs = yield from lock(None, thread_id)
    run = _next(runs, among)
    if thread is None or run is None:  # deleted or closed meanwhile
        return None
    emergency, assistant, items = None, None, []
    if thread.kind == Thread.Kind.CLINICAL:  # no red flags, no errands, no history
        assistant = yield from _active(clinical.ASSISTANT)
    elif not (emergency := emergency_answer(run.text, thread.language)):
        # The session lock's assistant goes on, unless the message plainly wants another (seed 5).
        slug = intents.detect_intent(run.text) or active_agent or intents.GENERAL
        assistant, messages = yield from together(
            run_queries.assistant_for(slug),
            run_queries.newest_messages(thread_id, turn=run.turn, count=settings.HISTORY_MESSAGES),
        )
        assistant = assistant or (yield from _active(intents.GENERAL))
        items = yield from _with_calls(messages, thread_id, run.turn)
    yield from run_queries.begin_run(run.id, thread_id=thread_id, assistant_id=assistant.id if assistant else None)
    return ClaimedRun(
        run_id=run.id,
        thread_id=thread_id,
        kind=thread.kind,
        language=thread.language,
        question=run.text,
        emergency=emergency,
        assistant=assistant,
        instructions=instructions_for(assistant, thread) if assistant else "",
        items=items,
    )


def _next(runs: Sequence[OpenRun], among: Collection[UUID]) -> OpenRun | None:
    """The first of the caller's waiting runs, if it is its turn. Raises ThreadBusyError."""
    mine = next((run for run in runs if run.id in among), None)
    busy = next((run for run in runs if run.status == Run.Status.IN_PROGRESS), runs[0] if mine else None)
    if busy and busy is not mine:
        raise ThreadBusyError(busy.id)
    return mine


async def close_run(*, run_id: UUID, ending: RunEnding) -> StoredEnding:
    """Store the answer, whole or partial, and the terminal status; what stands then is returned.

    A run that somebody else closed meanwhile, its lease having lapsed, stays as it is.
    """
    if ending.evidence is None:
        stored = await on_loop(_closing(run_id, ending), once=True)
    else:
        stored = await in_db(_close_with_evidence, run_id, ending, ending.evidence)
    return stored if stored is not None else await in_db(_what_stands, run_id)


@transaction.atomic
def _close_with_evidence(run_id: UUID, ending: RunEnding, evidence: Evidence) -> StoredEnding | None:
    stored = now(_closing(run_id, ending))
    if stored:
        clinical.keep_evidence(run_id=run_id, evidence=evidence)
    return stored


def _closing(run_id: UUID, ending: RunEnding) -> Steps[StoredEnding | None]:
    """None when the run was over already."""
    message_id = uuid4() if ending.text else None
    end = run_queries.end_run(
        run_id,
        message_id=message_id,
        status=ending.status.value,
        error_code=ending.error.code if ending.error else "",
        model=ending.model[:100],
        input_tokens=min(ending.input_tokens, MAX_TOKENS),
        output_tokens=min(ending.output_tokens, MAX_TOKENS),
        raised=next((flag for flag in Thread.Raised.values if flag in ending.flags), ""),
        body=ending.text,
        flags=json.dumps(list(ending.flags)),
    )
    # The thread's lock first, as everywhere: two orders would deadlock.
    _, is_stored = yield from together(run_queries.lock_thread_of_run(run_id), end)
    return StoredEnding(status=ending.status, message_id=message_id) if is_stored else None


def _what_stands(run_id: UUID) -> StoredEnding:
    run = Run.objects.get(id=run_id)
    answer = run.answers.last()
    return StoredEnding(status=Run.Status(run.status), message_id=answer.id if answer else None)


def renew_leases(*, run_ids: Collection[UUID]) -> None:
    """Say that this process still answers, or will answer, these runs."""
    Run.objects.filter(id__in=run_ids, status__in=(Run.Status.QUEUED, Run.Status.IN_PROGRESS)).update(
        lease_until=clock.now() + LEASE
    )


def _active(slug: str) -> Steps[Assistant]:
    """The assistant of that slug. Raises Assistant.DoesNotExist when staff have made it inactive."""
    assistant = yield from run_queries.assistant_for(slug)
    if assistant is None:
        raise Assistant.DoesNotExist(f"the assistant {slug} is not active: activate it in the admin")
    return assistant


def _with_calls(messages: Sequence[Message], thread_id: UUID, turn: int) -> Steps[list[InputItem]]:
    """The conversation as a model reads it: what was said, and which tools were called for it."""
    turns = {message.turn for message in messages} - {turn}
    calls: dict[int, list[PastCall]] = {}
    if turns:
        for call in (yield from run_queries.calls_since(thread_id, turn=min(turns))):
            if call.turn in turns:
                calls.setdefault(call.turn, []).append(call)
    return history_items(messages, calls)
