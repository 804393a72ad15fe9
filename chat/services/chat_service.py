"""The one path of a message, whatever the channel (design, section 2; names of seed 1)."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from chat import selectors
from chat.events import AnyRunEvent, RunFailed
from chat.models import Message, Run, Thread
from chat.owners import Owner
from chat.run_log import UnknownRunError, current_run_log, follow
from chat.services import conversations
from chat.services.model_io import FunctionCall
from chat.services.run_executor import current_executor
from chat.services.tool_runner import ToolOutcome, run_tool
from healthmate.common import errors
from healthmate.common.db import in_db
from healthmate.common.errors import ApiError


@dataclass(frozen=True, kw_only=True)
class RunOutcome:
    """A finished run as clients see it."""

    thread_id: UUID
    run_id: UUID
    message_id: UUID | None
    content: str
    tool_calls: list[dict[str, Any]]
    flags: list[str]


class ChatService:
    """Conversations for every channel: views and consumers decode, call this, and encode."""

    async def create_thread(self, *, owner: Owner, language: str = "es", title: str = "") -> Thread:
        """Start a conversation of the owner's."""
        return await in_db(conversations.create_thread, owner=owner, language=language, title=title)

    async def add_message(
        self, *, owner: Owner, thread_id: UUID, content: str, idempotency_key: str | None = None
    ) -> Run:
        """Store what a person said, before anything else, and queue its answer.

        Raises ApiError THREAD_NOT_FOUND, RUN_ACTIVE, IDEMPOTENCY_KEY_REUSED.
        """
        return await in_db(
            conversations.accept_message,
            owner=owner,
            thread_id=thread_id,
            content=content,
            idempotency_key=idempotency_key,
        )

    async def send(self, *, owner: Owner, thread_id: UUID, content: str, idempotency_key: str | None = None) -> Run:
        """Store the message and start its run, which goes on whoever listens."""
        run = await self.add_message(owner=owner, thread_id=thread_id, content=content, idempotency_key=idempotency_key)
        if run.status == Run.Status.QUEUED:
            current_executor().start(run)
        return run

    async def process_message(self, run: Run) -> RunOutcome:
        """Wait for a run's end. Raises ApiError with the run's error when it ended without its answer."""
        try:
            async for event in self.subscribe(run.id):
                if isinstance(event, RunFailed):
                    break
        except UnknownRunError:
            pass  # over long since, or another process's: the database knows
        return _outcome(await in_db(selectors.run_with_answer, run.id))

    async def handle_run(
        self, run: Run, calls: Sequence[FunctionCall], *, offered: frozenset[str], first_position: int = 0
    ) -> list[ToolOutcome]:
        """Run the tools that the model asked for, in order, bound to the thread's own identity."""
        return [
            await in_db(run_tool, run_id=run.id, position=position, call=call, offered=offered)
            for position, call in enumerate(calls, start=first_position)
        ]

    async def subscribe(self, run_id: UUID, *, after: int = 0) -> AsyncIterator[AnyRunEvent]:
        """The run's events after number `after`, to its end. Raises UnknownRunError."""
        feed = await current_run_log().feed(str(run_id))
        async for event in follow(feed, after=after):
            yield event

    async def get_latest_message(self, *, owner: Owner, thread_id: UUID) -> Message | None:
        """The newest message of the owner's conversation. Raises ApiError THREAD_NOT_FOUND."""
        return await in_db(selectors.latest_message, owner, thread_id)

    async def history(self, *, owner: Owner, thread_id: UUID) -> tuple[Thread, list[Message]]:
        """The owner's conversation. Raises ApiError THREAD_NOT_FOUND."""
        return await in_db(selectors.history, owner, thread_id)


def _outcome(run: Run) -> RunOutcome:
    answer = next(iter(run.answers.all()), None)
    tool_calls = [
        {"name": call.name, "ok": call.ok} | ({} if call.ok else {"code": call.code}) for call in run.tool_calls.all()
    ]
    outcome = RunOutcome(
        thread_id=run.thread_id,
        run_id=run.id,
        message_id=answer.id if answer else None,
        content=answer.body if answer else "",
        tool_calls=tool_calls,
        flags=list(answer.flags) if answer else [],
    )
    if run.status in {Run.Status.COMPLETED, Run.Status.CANCELLED}:
        return outcome
    raise ApiError(_ERRORS.get(run.error_code, errors.PROCESSING_ERROR), details=_details(run, outcome))


_ERRORS = {
    error.code: error
    for error in (errors.LLM_ERROR, errors.LLM_TIMEOUT, errors.REQUEST_TIMEOUT, errors.RUN_INTERRUPTED)
}


def _details(run: Run, outcome: RunOutcome) -> dict[str, Any]:
    """What became of the message: it is stored as `stored_message_id`, with any partial answer."""
    details: dict[str, Any] = {
        "thread_id": str(run.thread_id),
        "run_id": str(run.id),
        "stored_message_id": str(run.message_id),
        "tool_calls": outcome.tool_calls,
    }
    if outcome.content:
        details |= {"content": outcome.content, "message_id": str(outcome.message_id), "flags": outcome.flags}
    return details
