"""A run's life in the database: claimed, kept alive by its lease, closed exactly once."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.conf import settings
from django.db import transaction

from chat import intents, selectors
from chat.context import history_items, instructions_for
from chat.models import Assistant, Message, Run, Thread, ToolCall
from chat.services.conversations import LEASE, add_answer, interrupt_lapsed_runs, keep_session, session_lock
from chat.services.model_io import InputItem
from healthmate.common import clock
from healthmate.common.errors import ErrorCode


@dataclass(frozen=True, kw_only=True)
class ClaimedRun:
    """Everything that a run needs to begin, read in one go."""

    run_id: UUID
    thread_id: UUID
    language: str
    question: str
    assistant: Assistant
    instructions: str
    items: list[InputItem]


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


class ThreadBusyError(Exception):
    """Another process is answering this thread, with this run."""

    def __init__(self, run_id: UUID) -> None:
        super().__init__(run_id)
        self.run_id = run_id


@transaction.atomic
def claim_next_run(*, thread_id: UUID) -> ClaimedRun | None:
    """Take the thread's oldest waiting run; None when there is none. Raises ThreadBusyError."""
    thread = Thread.objects.select_related("contact").select_for_update(of=("self",)).get(id=thread_id)
    runs = Run.objects.filter(thread=thread)
    interrupt_lapsed_runs(runs)
    if busy := runs.filter(status=Run.Status.IN_PROGRESS).first():
        raise ThreadBusyError(busy.id)
    run = runs.filter(status=Run.Status.QUEUED).select_related("message").order_by("message__number").first()
    if run is None:
        return None
    assistant = _pick_assistant(thread, run.message.text)
    run.assistant, run.status, run.started_at = assistant, Run.Status.IN_PROGRESS, clock.now()
    run.lease_until = clock.now() + LEASE
    run.save(update_fields=["assistant", "status", "started_at", "lease_until"])
    if thread.assistant_id != assistant.id:
        thread.assistant = assistant
        thread.save(update_fields=["assistant", "updated_at"])
    return ClaimedRun(
        run_id=run.id,
        thread_id=thread.id,
        language=thread.language,
        question=run.message.text,
        assistant=assistant,
        instructions=instructions_for(assistant, thread),
        items=_history(thread, run.message.turn),
    )


@transaction.atomic
def close_run(*, run_id: UUID, ending: RunEnding) -> Message | None:
    """Store the answer, whole or partial, and the terminal status; returns the stored answer, if any.

    A run that somebody else closed meanwhile (its lease had lapsed) stays as it is.
    """
    run = Run.objects.select_for_update(of=("self",)).select_related("message").get(id=run_id)
    if run.is_over:
        return None
    run.status = ending.status
    run.error_code = ending.error.code if ending.error else ""
    run.model = ending.model[:100]
    run.input_tokens, run.output_tokens = ending.input_tokens, ending.output_tokens
    run.finished_at = clock.now()
    run.save()
    raised = next((flag for flag in Thread.Raised.values if flag in ending.flags), "")
    if raised:
        Thread.objects.filter(id=run.thread_id).update(raised=raised)
    if not ending.text:
        return None
    return add_answer(thread_id=run.thread_id, text=ending.text, run=run, flags=ending.flags)


def renew_leases(*, thread_ids: Iterable[UUID]) -> None:
    """Say that this process still answers, or will answer, the open runs of these threads."""
    Run.objects.filter(thread_id__in=list(thread_ids), status__in=(Run.Status.QUEUED, Run.Status.IN_PROGRESS)).update(
        lease_until=clock.now() + LEASE
    )


def _pick_assistant(thread: Thread, text: str) -> Assistant:
    """The session lock's assistant goes on, unless the message plainly wants another (seed 5)."""
    key = thread.contact.phone_number.removeprefix("chat_") if thread.contact else "system"
    slug = intents.detect_intent(text) or session_lock(key) or intents.GENERAL
    assistant = selectors.assistant_for(slug) or selectors.assistant_for(intents.GENERAL)
    if assistant is None:
        raise Assistant.DoesNotExist("no active assistant serves patients: activate one in the admin")
    keep_session(key, assistant.slug)
    return assistant


def _history(thread: Thread, turn: int) -> list[InputItem]:
    newest = (
        thread.messages.filter(turn__lte=turn, superseded=False)
        .exclude(turn=turn, direction="outgoing")
        .order_by("-turn", "-number")[: settings.HISTORY_MESSAGES]
    )
    messages = list(reversed(newest))
    calls: dict[int, list[ToolCall]] = {}
    turns = {message.turn for message in messages}
    for call in ToolCall.objects.filter(run__thread=thread, run__message__turn__in=turns - {turn}).select_related(
        "run__message"
    ):
        calls.setdefault(call.run.message.turn, []).append(call)
    return history_items(messages, calls)
