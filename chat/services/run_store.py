"""A run's life in the database: claimed, kept alive by its lease, closed exactly once."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from uuid import UUID

from django.conf import settings
from django.db import transaction

from chat import intents, selectors
from chat.context import history_items, instructions_for
from chat.models import Assistant, Message, Run, Thread, ToolCall
from chat.safety.red_flags import emergency_answer
from chat.services.conversations import LEASE, add_answer, interrupt_lapsed_runs, keep_session, session_lock
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
    message: Message | None


class ThreadBusyError(Exception):
    """Another process is answering this thread, with this run."""

    def __init__(self, run_id: UUID) -> None:
        super().__init__(run_id)
        self.run_id = run_id


@transaction.atomic
def claim_next_run(*, thread_id: UUID, among: Collection[UUID]) -> ClaimedRun | None:
    """Take the thread's oldest waiting run `among` the caller's own; None when none of them waits any more.

    Raises ThreadBusyError while a run of another process is in progress or before it.
    """
    thread = Thread.objects.select_related("contact").select_for_update(of=("self",)).get(id=thread_id)
    runs = Run.objects.filter(thread=thread)
    interrupt_lapsed_runs(runs)
    if busy := runs.filter(status=Run.Status.IN_PROGRESS).first():
        raise ThreadBusyError(busy.id)
    waiting = runs.filter(status=Run.Status.QUEUED).order_by("message__number", "created_at")
    run = waiting.filter(id__in=among).select_related("message").first()
    if run is None:
        return None
    oldest = waiting.exclude(id__in=among).filter(message__number__lt=run.message.number).first()
    if oldest is not None:
        raise ThreadBusyError(oldest.id)
    emergency = emergency_answer(run.message.text, thread.language)
    assistant = _pick_assistant(thread, run.message.text, emergency=bool(emergency))
    run.assistant, run.status, run.started_at = assistant, Run.Status.IN_PROGRESS, clock.now()
    run.lease_until = clock.now() + LEASE
    run.save(update_fields=["assistant", "status", "started_at", "lease_until"])
    if assistant and thread.assistant_id != assistant.id:
        thread.assistant = assistant
        thread.save(update_fields=["assistant", "updated_at"])
    return ClaimedRun(
        run_id=run.id,
        thread_id=thread.id,
        language=thread.language,
        question=run.message.text,
        emergency=emergency,
        assistant=assistant,
        instructions=instructions_for(assistant, thread) if assistant else "",
        items=_history(thread, run.message.turn) if assistant else [],
    )


@transaction.atomic
def close_run(*, run_id: UUID, ending: RunEnding) -> StoredEnding:
    """Store the answer, whole or partial, and the terminal status; what stands then is returned.

    A run that somebody else closed meanwhile, its lease having lapsed, stays as it is.
    """
    thread_id = Run.objects.values_list("thread_id", flat=True).get(id=run_id)
    Thread.objects.select_for_update().get(id=thread_id)  # first, as everywhere: two orders would deadlock
    run = Run.objects.select_for_update(of=("self",)).select_related("message").get(id=run_id)
    if run.is_over:
        return StoredEnding(status=Run.Status(run.status), message=run.answers.last())
    run.status = ending.status
    run.error_code = ending.error.code if ending.error else ""
    run.model = ending.model[:100]
    run.input_tokens, run.output_tokens = min(ending.input_tokens, MAX_TOKENS), min(ending.output_tokens, MAX_TOKENS)
    run.finished_at = clock.now()
    run.save(update_fields=["status", "error_code", "model", "input_tokens", "output_tokens", "finished_at"])
    raised = next((flag for flag in Thread.Raised.values if flag in ending.flags), "")
    if raised:
        Thread.objects.filter(id=thread_id).update(raised=raised)
    message = add_answer(thread_id=thread_id, text=ending.text, run=run, flags=ending.flags) if ending.text else None
    return StoredEnding(status=ending.status, message=message)


def renew_leases(*, run_ids: Collection[UUID]) -> None:
    """Say that this process still answers, or will answer, these runs."""
    Run.objects.filter(id__in=run_ids, status__in=(Run.Status.QUEUED, Run.Status.IN_PROGRESS)).update(
        lease_until=clock.now() + LEASE
    )


def _pick_assistant(thread: Thread, text: str, *, emergency: bool) -> Assistant | None:
    """The session lock's assistant goes on, unless the message plainly wants another (seed 5).

    None in an emergency, which rules answer; the conversation is kept open all the same.

    Raises Assistant.DoesNotExist when staff have left none active.
    """
    key = thread.contact.phone_number.removeprefix("chat_") if thread.contact else "system"
    if emergency:
        keep_session(key, session_lock(key) or intents.GENERAL)
        return None
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
