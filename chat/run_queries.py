"""What begins and ends every run, in as few and as cheap queries as it takes.

A run costs as much as relaying a hundred tokens when each of these goes through the ORM (docs/measurements.md).
"""

import json
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import TextField
from django.db.models.functions import Cast

from chat import selectors
from chat.models import Assistant, Message, Run, Thread, ToolCall
from chat.models.conversations import written_and_spoken
from chat.owners import Owner
from healthmate.common import clock, errors
from healthmate.common.steps import Prepared, Steps, ask, tell

LEASE = timedelta(seconds=15)  # how long readers of a dead process wait to be told
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
        """All that was said."""
        return written_and_spoken(self.body, self.transcript)


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


def lock_thread(owner: Owner | None, thread_id: UUID) -> Steps[LockedThread | None]:
    """The owner's thread, under its lock; without an owner, any."""
    if owner is None:
        return _thread.first(thread_id=thread_id)
    if owner.user_id:
        return _thread_of_user.first(thread_id=thread_id, user_id=owner.user_id)
    return _thread_of_device.first(thread_id=thread_id, address=owner.phone_number)


def lock_thread_of_run(run_id: UUID) -> Steps[LockedThread | None]:
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
        .values_list("run__message__turn", "call_id", "name", "arguments", Cast("output", TextField()))
    ),
    {"thread_id": AN_ID, "turn": 987_654_321},
)


_newest = Prepared(
    lambda *values: Message.from_db(None, _SHOWN, values),
    lambda thread_id, turn: (
        Message.objects.filter(thread_id=thread_id, turn__lte=turn, superseded=False)
        .exclude(turn=turn, direction=Message.Direction.OUTGOING)
        .order_by("-turn", "-number")
        .values_list(*_SHOWN)
    ),
    {"thread_id": AN_ID, "turn": 987_654_321},
)


def open_runs(thread_id: UUID) -> Steps[list[OpenRun]]:
    """The thread's runs that are not over, in the order of their messages."""
    return _open_runs.all(thread_id=thread_id)


def assistant_for(slug: str) -> Steps[Assistant | None]:
    """The active assistant of that slug."""
    return _assistant.first(slug=slug)


def newest_messages(thread_id: UUID, *, turn: int, count: int) -> Steps[list[Message]]:
    """The last `count` messages up to the question of `turn`, without answers to it; the oldest first."""
    return (yield from _newest.all(limit=count, thread_id=thread_id, turn=turn))[::-1]


def calls_since(thread_id: UUID, *, turn: int) -> Steps[list[PastCall]]:
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
    UPDATE chat_thread SET last_number = %(number)s, language = %(language)s, title = %(title)s, updated_at = %(now)s,
        patient_id = CASE WHEN %(is_somebody_else)s THEN NULL ELSE patient_id END,
        identity_level = CASE WHEN %(is_somebody_else)s THEN 0 ELSE identity_level END,
        consent_asked_turn = CASE WHEN %(is_somebody_else)s THEN NULL ELSE consent_asked_turn END
    WHERE id = %(thread)s
)
INSERT INTO chat_run (id, thread_id, message_id, status, lease_until, error_code, model, input_tokens, output_tokens)
VALUES (%(run)s, %(thread)s, %(message)s, 'queued', %(lease_until)s, '', '', 0, 0)
"""

_BEGIN = """
WITH thread AS (
    UPDATE chat_thread SET assistant_id = %(assistant)s, updated_at = %(now)s
    WHERE id = %(thread)s AND %(assistant)s::bigint IS NOT NULL AND assistant_id IS DISTINCT FROM %(assistant)s
)
UPDATE chat_run SET assistant_id = %(assistant)s, status = 'in_progress', started_at = %(now)s,
    lease_until = %(lease_until)s
WHERE id = %(run)s
"""

_INTERRUPT = """
UPDATE chat_run SET status = 'interrupted', error_code = %(code)s, finished_at = %(now)s
WHERE thread_id = %(thread)s AND status IN ('queued', 'in_progress') AND lease_until < %(now)s
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
        raised = COALESCE(NULLIF(%(raised)s::text, ''), raised)
    FROM run WHERE id = run.thread_id
    RETURNING last_number
), answer AS (
    INSERT INTO chat_message
        (id, thread_id, number, turn, direction, body, transcript, superseded, run_id, flags)
    SELECT %(message)s::uuid, question.thread_id, thread.last_number, question.turn, 'outgoing', %(body)s::text, '',
        false, %(run)s::uuid, %(flags)s::jsonb
    FROM question, thread WHERE %(has_answer)s
)
SELECT 1 FROM run
"""


def queue_run(thread: LockedThread, message: Message, *, is_somebody_else: bool = False) -> Steps[Run]:
    """Store a message of the person's under the thread's next number, with the run that is to answer it.

    With `is_somebody_else` the thread forgets whom it knew.
    """
    run = Run(thread_id=thread.id, message_id=message.id, lease_until=clock.now() + LEASE)
    yield from tell(
        _QUEUE,
        is_somebody_else=is_somebody_else,
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


def interrupt_lapsed(thread_id: UUID) -> Steps[None]:
    """Close those of a thread's runs whose process is gone."""
    yield from tell(_INTERRUPT, thread=thread_id, code=errors.RUN_INTERRUPTED.code, now=clock.now())


def begin_run(run_id: UUID, *, thread_id: UUID, assistant_id: int | None) -> Steps[None]:
    """Mark a run as being answered by the assistant, or by rules."""
    now = clock.now()
    yield from tell(_BEGIN, run=run_id, thread=thread_id, assistant=assistant_id, now=now, lease_until=now + LEASE)


def end_run(run_id: UUID, *, message_id: UUID | None, **columns: Any) -> Steps[bool]:
    """Give a run its terminal status and store its answer, if it has one; False when it was over already."""
    columns |= {"now": clock.now(), "message": message_id, "has_answer": message_id is not None}
    return bool((yield from ask(_END, run=run_id, **columns)))
