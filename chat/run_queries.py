"""What begins and ends every run, in as few and as cheap queries as it takes.

A run costs as much as relaying a hundred tokens when each of these goes through the ORM (docs/measurements.md).
"""

import json
from datetime import datetime, timedelta
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

from chat import selectors
from chat.models import Assistant, Contact, Message, Run, Thread, ToolCall
from chat.owners import Owner
from healthmate.common import clock
from healthmate.common.prepared import Prepared, write

LEASE = timedelta(seconds=45)
OPEN = (Run.Status.QUEUED, Run.Status.IN_PROGRESS)
AN_ID, ANOTHER_ID = UUID(int=1), UUID(int=2)  # examples


class LockedThread(NamedTuple):
    """A thread under a lock: whatever changes its messages or runs holds it, and takes it before any other."""

    id: UUID
    kind: str
    language: str
    title: str
    last_number: int
    identity_level: int
    assistant_id: int | None


class OpenRun(NamedTuple):
    """A run that is not over, with the message it answers."""

    id: UUID
    status: str
    lease_until: datetime | None
    number: int
    turn: int
    body: str
    transcript: str

    @property
    def text(self) -> str:
        """All that was said: written, then spoken."""
        return Message(body=self.body, transcript=self.transcript).text


class PastCall(NamedTuple):
    """A tool call of an earlier turn."""

    turn: int
    call_id: str
    name: str
    arguments: str
    output: Any


_LOCKED = ("id", "kind", "language", "title", "last_number", "identity_level", "assistant_id")
_SHOWN = ("number", "turn", "direction", "body", "media_url", "transcript")  # in the order of the model
_ASSISTANT = tuple(field.attname for field in Assistant._meta.concrete_fields)


_thread = Prepared(
    LockedThread,
    lambda thread_id: Thread.objects.filter(id=thread_id).select_for_update().order_by().values_list(*_LOCKED),
    {"thread_id": AN_ID},
)
_thread_of_user = Prepared(
    LockedThread,
    lambda thread_id, user_id: (
        selectors.threads_of(Owner(user_id=user_id))
        .filter(id=thread_id)
        .select_for_update()
        .order_by()
        .values_list(*_LOCKED)
    ),
    {"thread_id": AN_ID, "user_id": ANOTHER_ID},
)
_thread_of_device = Prepared(
    LockedThread,
    lambda thread_id, address: (
        selectors.threads_of(Owner(device_id=address.removeprefix("chat_")))
        .filter(id=thread_id)
        .select_for_update()
        .order_by()
        .values_list(*_LOCKED)
    ),
    {"thread_id": AN_ID, "address": "chat_device"},
)
_thread_of_run = Prepared(
    LockedThread,
    lambda run_id: (
        Thread.objects.filter(id__in=Run.objects.filter(id=run_id).values("thread_id"))
        .select_for_update()
        .order_by()
        .values_list(*_LOCKED)
    ),
    {"run_id": AN_ID},
)


def lock_thread(owner: Owner | None, thread_id: UUID) -> LockedThread | None:
    """The owner's thread, under its lock; without an owner, any."""
    if owner is None:
        return _thread.first(thread_id=thread_id)
    if owner.user_id:
        return _thread_of_user.first(thread_id=thread_id, user_id=owner.user_id)
    return _thread_of_device.first(thread_id=thread_id, address=owner.phone_number)


def lock_thread_of_run(run_id: UUID) -> LockedThread | None:
    """The thread of a run, under its lock."""
    return _thread_of_run.first(run_id=run_id)


_open_runs = Prepared(
    OpenRun,
    lambda thread_id: (
        Run.objects.filter(thread_id=thread_id, status__in=OPEN)
        .order_by("message__number", "created_at")
        .values_list(
            "id", "status", "lease_until", "message__number", "message__turn", "message__body", "message__transcript"
        )
    ),
    {"thread_id": AN_ID},
)
_address = Prepared(
    str,
    lambda thread_id: Contact.objects.filter(threads=thread_id).order_by().values_list("phone_number"),
    {"thread_id": AN_ID},
)
_assistant = Prepared(
    lambda *values: Assistant.from_db(None, _ASSISTANT, values),
    lambda slug: Assistant.objects.filter(slug=slug, active=True).order_by().values_list(*_ASSISTANT),
    {"slug": "a slug"},
)


def _past_call(turn: int, call_id: str, name: str, arguments: str, output: str) -> PastCall:
    return PastCall(turn, call_id, name, arguments, json.loads(output))


_calls = Prepared(
    _past_call,
    lambda thread_id, turn: (
        ToolCall.objects.filter(run__thread_id=thread_id, run__message__turn__gte=turn)
        .order_by("run", "position")
        .values_list("run__message__turn", "call_id", "name", "arguments", "output")
    ),
    {"thread_id": AN_ID, "turn": 987_654_321},
)


@cache
def _newest(count: int) -> Prepared[Message]:
    return Prepared(
        lambda *values: Message.from_db(None, _SHOWN, values),
        lambda thread_id, turn: (
            Message.objects.filter(thread_id=thread_id, turn__lte=turn, superseded=False)
            .exclude(turn=turn, direction=Message.Direction.OUTGOING)
            .order_by("-turn", "-number")
            .values_list(*_SHOWN)[:count]
        ),
        {"thread_id": AN_ID, "turn": 987_654_321},
    )


def open_runs(thread_id: UUID) -> list[OpenRun]:
    """The thread's runs that are not over, in the order of their messages."""
    return _open_runs.all(thread_id=thread_id)


def address_of(thread_id: UUID) -> str | None:
    """The address of the thread's contact; None where it has none (seed 2)."""
    return _address.first(thread_id=thread_id)


def assistant_for(slug: str) -> Assistant | None:
    """The active assistant of that slug."""
    return _assistant.first(slug=slug)


def newest_messages(thread_id: UUID, *, turn: int, count: int) -> list[Message]:
    """The last `count` messages up to the question of `turn`, without answers to it; the oldest first."""
    return _newest(count).all(thread_id=thread_id, turn=turn)[::-1]


def calls_since(thread_id: UUID, *, turn: int) -> list[PastCall]:
    """The thread's tool calls from `turn` on, in order."""
    return _calls.all(thread_id=thread_id, turn=turn)


# --- Writes: one statement each ---------------------------------------------------------------------

_QUEUE = """
WITH message AS (
    INSERT INTO chat_message
        (id, thread_id, number, turn, direction, body, media_url, transcript, superseded, flags)
    VALUES (%(message)s, %(thread)s, %(number)s, %(number)s, 'incoming', %(body)s, %(media_url)s, %(transcript)s,
        false, '[]')
), thread AS (
    UPDATE chat_thread SET last_number = %(number)s, language = %(language)s, title = %(title)s, updated_at = %(now)s
    WHERE id = %(thread)s
)
INSERT INTO chat_run (id, thread_id, message_id, status, lease_until, error_code, model, input_tokens, output_tokens)
VALUES (%(run)s, %(thread)s, %(message)s, 'queued', %(lease_until)s, '', '', 0, 0)
"""

_BEGIN = """
WITH thread AS (
    UPDATE chat_thread SET assistant_id = %(assistant)s, updated_at = %(now)s
    WHERE id = %(thread)s AND %(assistant)s IS NOT NULL AND assistant_id IS DISTINCT FROM %(assistant)s
)
UPDATE chat_run SET assistant_id = %(assistant)s, status = 'in_progress', started_at = %(now)s,
    lease_until = %(lease_until)s
WHERE id = %(run)s
"""

_END = """
WITH run AS (
    UPDATE chat_run SET status = %(status)s, error_code = %(error_code)s, model = %(model)s,
        input_tokens = %(input_tokens)s, output_tokens = %(output_tokens)s, finished_at = %(now)s
    WHERE id = %(run)s AND status IN ('queued', 'in_progress')
    RETURNING thread_id, message_id
), question AS (
    SELECT run.thread_id, message.turn FROM run JOIN chat_message AS message ON message.id = run.message_id
), superseded AS (
    UPDATE chat_message AS earlier SET superseded = true FROM question
    WHERE %(has_answer)s AND earlier.thread_id = question.thread_id AND earlier.turn = question.turn
        AND earlier.direction = 'outgoing'
), thread AS (
    UPDATE chat_thread SET last_number = last_number + %(has_answer)s::int, updated_at = %(now)s,
        raised = COALESCE(NULLIF(%(raised)s, ''), raised)
    FROM run WHERE id = run.thread_id
    RETURNING last_number
), answer AS (
    INSERT INTO chat_message
        (id, thread_id, number, turn, direction, body, transcript, superseded, run_id, flags)
    SELECT %(message)s, question.thread_id, thread.last_number, question.turn, 'outgoing', %(body)s, '', false,
        %(run)s, %(flags)s
    FROM question, thread WHERE %(has_answer)s
)
SELECT 1 FROM run
"""


def queue_run(thread: LockedThread, message: Message) -> Run:
    """Store a message of the person's under the thread's next number, with the run that is to answer it."""
    run = Run(thread_id=thread.id, message_id=message.id, lease_until=clock.now() + LEASE)
    write(
        _QUEUE,
        message=message.id,
        thread=thread.id,
        number=thread.last_number + 1,
        body=message.body,
        media_url=message.media_url,
        transcript=message.transcript,
        language=thread.language,
        title=thread.title,
        now=clock.now(),
        run=run.id,
        lease_until=run.lease_until,
    )
    return run


def begin_run(run_id: UUID, *, thread_id: UUID, assistant_id: int | None) -> None:
    """Mark a run as being answered by the assistant, or by rules."""
    now = clock.now()
    write(_BEGIN, run=run_id, thread=thread_id, assistant=assistant_id, now=now, lease_until=now + LEASE)


def end_run(run_id: UUID, *, message_id: UUID | None, **columns: Any) -> bool:
    """Give a run its terminal status and store its answer, if it has one; False when it was over already."""
    columns |= {"now": clock.now(), "message": message_id, "has_answer": message_id is not None}
    return bool(write(_END, run=run_id, **columns))
