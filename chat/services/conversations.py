"""Threads and what is said in them: every write, synchronous and in a transaction."""

import hashlib
from dataclasses import dataclass, field
from uuid import UUID

from django.db import transaction

from chat import run_queries, selectors
from chat.language import detect_language, says_not_me
from chat.models import Contact, IdempotencyKey, Message, Run, Thread
from chat.owners import Owner
from chat.run_queries import LEASE, LockedThread, OpenRun
from chat.services import session_locks
from healthmate.common import clock, errors
from healthmate.common.errors import ApiError
from healthmate.common.steps import Steps, now, together

MAX_WAITING = 20  # messages of one thread that may wait for their turn
TITLE_CHARS = 80


@dataclass(frozen=True, kw_only=True)
class Incoming:
    """What a person sends: text, images by address, and what their recordings say."""

    content: str
    media_urls: tuple[str, ...] = ()
    audio_urls: tuple[str, ...] = ()
    transcripts: tuple[str, ...] = ()
    idempotency_key: str | None = None
    language: str = field(default="es", compare=False)  # of the client, until the words tell

    def fingerprint(self, place: str) -> str:
        """Tells whether a repeated key comes with the same message to the same place."""
        parts = [place, self.content, *self.media_urls, "", *self.audio_urls]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()


@transaction.atomic
def create_thread(
    *, owner: Owner | None = None, language: str = "es", title: str = "", kind: Thread.Kind = Thread.Kind.THREAD
) -> Thread:
    """Start a conversation; without an owner it is the system's own (seed 2) and no client reaches it."""
    contact = contact_of(owner) if owner else None
    return Thread.objects.create(contact=contact, language=language, title=title, kind=kind)


def contact_of(owner: Owner) -> Contact:
    """The owner's contact, made at the first word."""
    contact, _ = Contact.objects.get_or_create(phone_number=owner.phone_number, defaults={"user_id": owner.user_id})
    return contact


@transaction.atomic
def repeated_run(*, owner: Owner, place: str, incoming: Incoming) -> Run | None:
    """The run that the message's key has started already, by whoever holds the contact's lock from here on.

    Raises ApiError IDEMPOTENCY_KEY_REUSED when it came with another message.
    """
    if not incoming.idempotency_key:
        return None
    contact = locked_contact(owner)
    used = IdempotencyKey.objects.select_related("run").filter(contact=contact, key=incoming.idempotency_key).first()
    if used is None:
        return None
    if used.fingerprint != incoming.fingerprint(place):
        raise ApiError(errors.IDEMPOTENCY_KEY_REUSED)
    return used.run


@transaction.atomic
def accept_message(
    *, owner: Owner, thread_id: UUID | None, incoming: Incoming, place: str | None = None
) -> tuple[Run, bool]:
    """Store what a person said and queue its answer; the same key again gives the same run, and False.

    Without a thread it goes to the owner's conversation on the website. Raises ApiError THREAD_NOT_FOUND,
    RUN_ACTIVE (nothing is stored), IDEMPOTENCY_KEY_REUSED.
    """
    place = place or str(thread_id or Thread.Kind.WEBSITE)
    if incoming.idempotency_key:
        if thread_id is not None:
            selectors.thread_of(owner, thread_id)
        if repeated := repeated_run(owner=owner, place=place, incoming=incoming):
            return repeated, False
    run = now(queueing(owner=owner, thread_id=thread_id or _website_thread(owner, incoming), incoming=incoming))
    if incoming.idempotency_key:
        IdempotencyKey.objects.create(
            contact=contact_of(owner),
            key=incoming.idempotency_key,
            fingerprint=incoming.fingerprint(place),
            run=run,
        )
    return run, True


@transaction.atomic
def accept_regeneration(*, owner: Owner, thread_id: UUID) -> tuple[Run, bool]:
    """Queue another answer to the newest message; the present one is superseded when the new one stands.

    Raises ApiError THREAD_NOT_FOUND, NOTHING_TO_REGENERATE, RUN_ACTIVE.
    """
    thread, runs = now(lock(owner, thread_id))
    if thread is None:
        raise ApiError(errors.THREAD_NOT_FOUND)
    if runs:
        raise ApiError(errors.RUN_ACTIVE)
    message = Message.objects.filter(thread_id=thread.id, direction=Message.Direction.INCOMING).last()
    if message is None:
        raise ApiError(errors.NOTHING_TO_REGENERATE)
    return Run.objects.create(thread_id=thread.id, message=message, lease_until=clock.now() + LEASE), True


@transaction.atomic
def add_message(*, thread_id: UUID, content: str) -> Message:
    """Store what a person said, without answering it. Raises ApiError THREAD_NOT_FOUND."""
    message = Message(direction=Message.Direction.INCOMING, body=content)
    thread = _understood(now(_locked_thread(None, thread_id)), message)
    Thread.objects.filter(id=thread.id).update(language=thread.language, title=thread.title)
    return _append(thread, message)


@transaction.atomic
def add_answer(*, thread_id: UUID, text: str) -> Message:
    """Store what the assistant said after the newest message. Raises ApiError THREAD_NOT_FOUND."""
    return _append(now(_locked_thread(None, thread_id)), Message(direction=Message.Direction.OUTGOING, body=text))


def messages_of(*, thread_id: UUID) -> list[Message]:
    """A thread's messages in the order they read: each answer after its question."""
    return list(Message.objects.filter(thread_id=thread_id, superseded=False))


def interrupt_lapsed_runs(runs: selectors.RunQuerySet) -> int:
    """Close the runs among `runs` whose process is gone; returns how many."""
    return selectors.lapsed(runs).update(
        status=Run.Status.INTERRUPTED, error_code=errors.RUN_INTERRUPTED.code, finished_at=clock.now()
    )


def queueing(*, owner: Owner, thread_id: UUID, incoming: Incoming) -> Steps[Run]:
    """Store what a person said in a thread and queue its answer.

    Raises ApiError THREAD_NOT_FOUND, RUN_ACTIVE (nothing is stored).
    """
    thread, runs = yield from lock(owner, thread_id)
    if thread is None:
        raise ApiError(errors.THREAD_NOT_FOUND)
    if sum(run.status == Run.Status.QUEUED for run in runs) >= MAX_WAITING:
        raise ApiError(errors.RUN_ACTIVE)
    message = Message(
        direction=Message.Direction.INCOMING,
        body=incoming.content,
        media_url="\n".join(incoming.media_urls) or None,
        transcript="\n\n".join(incoming.transcripts),
    )
    return (
        yield from run_queries.queue_run(
            _understood(thread, message), message, is_somebody_else=says_not_me(message.text)
        )
    )


def lock(owner: Owner | None, thread_id: UUID) -> Steps[tuple[LockedThread | None, list[OpenRun]]]:
    """The owner's thread (without an owner any) under its lock, and its runs that are really going on or waiting.

    Runs of dead processes are closed.
    """
    thread, runs = yield from together(run_queries.lock_thread(owner, thread_id), run_queries.open_runs(thread_id))
    if thread is None:
        return None, []
    if any(run.lease_until and run.lease_until < clock.now() for run in runs):
        yield from run_queries.interrupt_lapsed(thread_id)
        runs = yield from run_queries.open_runs(thread_id)
    return thread, runs


def _website_thread(owner: Owner, incoming: Incoming) -> UUID:
    """The conversation that the session lock keeps open, else a fresh one: an earlier one is not shown again."""
    contact = locked_contact(owner)
    newest = Thread.objects.filter(contact=contact, kind=Thread.Kind.WEBSITE).order_by("-created_at").first()
    if says_not_me(incoming.content):
        session_locks.forget(owner.lock_key)
    elif newest and (
        not newest.last_number or session_locks.read(owner.lock_key) or now(lock(owner, newest.id))[1]
    ):  # the lock is set when the first answer begins
        return newest.id
    return Thread.objects.create(contact=contact, kind=Thread.Kind.WEBSITE, language=incoming.language).id


def locked_contact(owner: Owner) -> Contact:
    """The owner's contact, under a lock that is taken before any thread's."""
    found = selectors.contacts_of(owner).select_for_update().first()
    return found or Contact.objects.select_for_update().get(pk=contact_of(owner).pk)


def _locked_thread(owner: Owner | None, thread_id: UUID) -> Steps[LockedThread]:
    thread = yield from run_queries.lock_thread(owner, thread_id)
    if thread is None:
        raise ApiError(errors.THREAD_NOT_FOUND)
    return thread


def _understood(thread: LockedThread, message: Message) -> LockedThread:
    """The thread as the message leaves it: its language, its title."""
    title = thread.title or " ".join(message.text.split())[:TITLE_CHARS]
    return thread._replace(language=detect_language(message.text, default=thread.language), title=title)


def _append(thread: LockedThread, message: Message) -> Message:
    """Give the message the thread's next number."""
    message.thread_id, message.number = thread.id, thread.last_number + 1
    message.turn = message.number
    message.save(force_insert=True)
    Thread.objects.filter(id=thread.id).update(last_number=message.number, updated_at=clock.now())
    return message
