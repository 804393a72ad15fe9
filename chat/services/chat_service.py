"""The one path of a message, whatever the channel (design, section 2; names of seed 1)."""

import asyncio
import logging
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from chat import selectors
from chat.models import Message, Run, Thread
from chat.owners import Owner
from chat.run_log import RunFeed, current_run_log
from chat.services import conversations
from chat.services.conversations import Incoming
from chat.services.model_io import FunctionCall
from chat.services.recovery import open_feed, until_over
from chat.services.run_executor import current_executor
from chat.services.tool_runner import ToolOutcome, run_tool
from healthmate.common import errors
from healthmate.common.db import in_db
from healthmate.common.errors import ApiError
from healthmate.common.loop import own_task, per_loop
from healthmate.common.steps import on_loop

logger = logging.getLogger(__name__)


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

    async def create_thread(
        self, *, owner: Owner, language: str = "es", title: str = "", kind: Thread.Kind = Thread.Kind.THREAD
    ) -> Thread:
        """Start a conversation of the owner's."""
        return await in_db(conversations.create_thread, owner=owner, language=language, title=title, kind=kind)

    async def add_message(self, *, owner: Owner, thread_id: UUID | None, incoming: Incoming) -> tuple[Run, bool]:
        """Store what a person said, before anything else, and queue its answer; False for a repeated key.

        Without a thread it goes to the owner's conversation on the website. Raises ApiError THREAD_NOT_FOUND,
        RUN_ACTIVE, IDEMPOTENCY_KEY_REUSED.
        """
        if thread_id is None or incoming.idempotency_key:
            return await in_db(conversations.accept_message, owner=owner, thread_id=thread_id, incoming=incoming)
        run = await on_loop(conversations.queueing(owner=owner, thread_id=thread_id, incoming=incoming))
        return run, True

    async def send(self, *, owner: Owner, thread_id: UUID | None, incoming: Incoming) -> Run:
        """Store the message and start its run, which goes on whoever listens."""
        accepting = self.add_message(owner=owner, thread_id=thread_id, incoming=incoming)
        return await self.run_of(accepting, owner)

    async def run_of(self, accepting: Coroutine[Any, Any, tuple[Run, bool]], owner: Owner) -> Run:
        """The run of a message that is being stored, started if it is new, also when the client has gone meanwhile."""
        task = own_task(_start(accepting, owner))
        tasks = _starting()
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        return await asyncio.shield(task)

    async def regenerate(self, *, owner: Owner, thread_id: UUID) -> Run:
        """Answer the newest message again. Raises ApiError THREAD_NOT_FOUND, NOTHING_TO_REGENERATE, RUN_ACTIVE."""
        accepting = in_db(conversations.accept_regeneration, owner=owner, thread_id=thread_id)
        return await self.run_of(accepting, owner)

    def stop_run(self, run_id: UUID) -> None:
        """End a run in progress and keep what it has written, whichever process answers it."""
        current_executor()  # listens, where the run is this process's
        current_run_log().request_stop(str(run_id))

    async def process_message(self, run: Run) -> RunOutcome:
        """Wait for a run's end. Raises ApiError with the run's error when it ended without its answer."""
        await until_over(run.id)
        return _outcome(await in_db(selectors.run_with_answer, run.id))

    async def feed(self, run_id: UUID) -> RunFeed:
        """The run's events from the first, to its end."""
        return await open_feed(run_id)

    async def handle_run(
        self, run: Run, calls: Sequence[FunctionCall], *, offered: frozenset[str], first_position: int = 0
    ) -> list[ToolOutcome]:
        """Run the tools that the model asked for, in order, bound to the thread's own identity."""
        return [
            await in_db(run_tool, run_id=run.id, position=position, call=call, offered=offered)
            for position, call in enumerate(calls, start=first_position)
        ]

    async def get_latest_message(self, *, owner: Owner, thread_id: UUID) -> Message | None:
        """The newest message of the owner's conversation. Raises ApiError THREAD_NOT_FOUND."""
        return await in_db(selectors.latest_message, owner, thread_id)

    async def history(self, *, owner: Owner, thread_id: UUID) -> tuple[Thread, list[Message]]:
        """The owner's conversation. Raises ApiError THREAD_NOT_FOUND."""
        return await in_db(selectors.history, owner, thread_id)


async def _start(accepting: Coroutine[Any, Any, tuple[Run, bool]], owner: Owner) -> Run:
    run, is_new = await accepting
    if is_new:
        current_executor().start(run, session_key=owner.lock_key)
    return run


async def nothing_is_being_stored() -> None:
    """Return once every message that is being stored is, and its run has started."""
    while tasks := _starting():
        await asyncio.wait(tasks)


@per_loop
def _starting() -> set[asyncio.Task[Run]]:
    return set()


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
    raise ApiError(errors.BY_CODE.get(run.error_code, errors.PROCESSING_ERROR), details=_details(run, outcome))


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
