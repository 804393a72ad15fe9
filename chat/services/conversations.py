"""Threads and what is said in them: every write, synchronous and in a transaction."""

import hashlib
import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from django.db import DatabaseError, transaction

from chat import selectors
from chat.language import detect_language, says_not_me
from chat.models import Contact, IdempotencyKey, Message, Run, Thread
from chat.owners import Owner
from healthmate.common import clock, errors, metrics
from healthmate.common.errors import ApiError
from sessions_store import services as sessions

logger = logging.getLogger(__name__)

MAX_WAITING = 20  # messages of one thread that may wait for their turn
LEASE = timedelta(seconds=45)
TITLE_CHARS = 80
_CHANGED_BY_A_MESSAGE = ("language", "title", "patient", "identity_level", "consent_asked_turn")


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
    contact = Contact.objects.select_for_update().get(pk=contact_of(owner).pk)
    if not incoming.idempotency_key:
        return None
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
    if thread_id is not None:
        selectors.thread_of(owner, thread_id)
    place = place or str(thread_id or Thread.Kind.WEBSITE)
    if repeated := repeated_run(owner=owner, place=place, incoming=incoming):
        return repeated, False
    contact = contact_of(owner)
    if thread_id is None:
        thread_id = _website_thread(owner, contact, incoming).id
    run = _queue(_locked_thread(selectors.threads_of(owner), thread_id), incoming)
    if incoming.idempotency_key:
        IdempotencyKey.objects.create(
            contact=contact, key=incoming.idempotency_key, fingerprint=incoming.fingerprint(place), run=run
        )
    return run, True


@transaction.atomic
def accept_regeneration(*, owner: Owner, thread_id: UUID) -> tuple[Run, bool]:
    """Queue another answer to the newest message; the present one is superseded when the new one stands.

    Raises ApiError THREAD_NOT_FOUND, NOTHING_TO_REGENERATE, RUN_ACTIVE.
    """
    thread = _locked_thread(selectors.threads_of(owner), thread_id)
    _check_room(thread)
    message = thread.messages.filter(direction=Message.Direction.INCOMING).last()
    if message is None:
        raise ApiError(errors.NOTHING_TO_REGENERATE)
    if Run.objects.filter(thread=thread, status__in=(Run.Status.QUEUED, Run.Status.IN_PROGRESS)).exists():
        raise ApiError(errors.RUN_ACTIVE)
    return Run.objects.create(thread=thread, message=message, lease_until=clock.now() + LEASE), True


@transaction.atomic
def add_message(*, thread_id: UUID, content: str) -> Message:
    """Store what a person said, without answering it. Raises ApiError THREAD_NOT_FOUND."""
    thread = _locked_thread(Thread.objects.all(), thread_id)
    return _append_incoming(thread, Incoming(content=content))


@transaction.atomic
def add_answer(*, thread_id: UUID, text: str, run: Run | None = None, flags: Iterable[str] = ()) -> Message:
    """Store what the assistant said, beside the message that `run` answers, else after the newest.

    An earlier answer to the same message is superseded.
    """
    thread = _locked_thread(Thread.objects.all(), thread_id)
    turn = run.message.number if run else None
    if turn:
        thread.messages.filter(turn=turn, direction=Message.Direction.OUTGOING).update(superseded=True)
    return _append(
        thread,
        Message(direction=Message.Direction.OUTGOING, body=text, turn=turn or 0, run=run, flags=list(flags)),
    )


def messages_of(*, thread_id: UUID) -> list[Message]:
    """A thread's messages in the order they read: each answer after its question."""
    return list(Message.objects.filter(thread_id=thread_id, superseded=False))


def interrupt_lapsed_runs(runs: selectors.RunQuerySet) -> int:
    """Close the runs among `runs` whose process is gone; returns how many."""
    return selectors.lapsed(runs).update(
        status=Run.Status.INTERRUPTED, error_code=errors.RUN_INTERRUPTED.code, finished_at=clock.now()
    )


def session_lock(key: str) -> str | None:
    """The assistant that serves the owner; none, and logged, when the lock table cannot be reached (seed 5)."""
    try:
        with transaction.atomic():
            return sessions.get_session_lock(key)
    except DatabaseError as error:
        logger.error("session locks cannot be read (%s): answering without one", type(error).__name__)
        metrics.count_session_lock_fallback("read")
        return None


def keep_session(key: str, slug: str) -> None:
    """Let the assistant serve the owner from now on; a lock table out of reach is logged and no more."""
    try:
        with transaction.atomic():
            sessions.set_session_lock(key, slug)
    except DatabaseError as error:
        logger.error("session locks cannot be written (%s)", type(error).__name__)
        metrics.count_session_lock_fallback("write")


def forget_session(key: str) -> None:
    """Let the owner start afresh; a lock table out of reach is logged and no more."""
    try:
        with transaction.atomic():
            sessions.clear_session_lock(key)
    except DatabaseError as error:
        logger.error("session locks cannot be cleared (%s)", type(error).__name__)
        metrics.count_session_lock_fallback("clear")


def _website_thread(owner: Owner, contact: Contact, incoming: Incoming) -> Thread:
    """The conversation that the session lock keeps open, else a fresh one: an earlier one is not shown again."""
    threads = Thread.objects.filter(contact=contact, kind=Thread.Kind.WEBSITE)
    newest = threads.order_by("-created_at").first()
    if says_not_me(incoming.content):
        forget_session(owner.lock_key)
    elif newest and (not newest.last_number or session_lock(owner.lock_key)):
        return newest
    return Thread.objects.create(contact=contact, kind=Thread.Kind.WEBSITE, language=incoming.language)


def _queue(thread: Thread, incoming: Incoming) -> Run:
    _check_room(thread)
    message = _append_incoming(thread, incoming)
    return Run.objects.create(thread=thread, message=message, lease_until=clock.now() + LEASE)


def _check_room(thread: Thread) -> None:
    interrupt_lapsed_runs(Run.objects.filter(thread=thread))
    if Run.objects.filter(thread=thread, status=Run.Status.QUEUED).count() >= MAX_WAITING:
        raise ApiError(errors.RUN_ACTIVE)


def _locked_thread(threads: selectors.ThreadQuerySet, thread_id: UUID) -> Thread:
    thread = threads.select_for_update(of=("self",)).filter(id=thread_id).first()
    if thread is None:
        raise ApiError(errors.THREAD_NOT_FOUND)
    return thread


def _append_incoming(thread: Thread, incoming: Incoming) -> Message:
    message = Message(
        direction=Message.Direction.INCOMING,
        body=incoming.content,
        media_url="\n".join(incoming.media_urls) or None,
        transcript="\n\n".join(incoming.transcripts),
        turn=0,
    )
    thread.language = detect_language(message.text, default=thread.language)
    if says_not_me(message.text):
        thread.patient, thread.identity_level, thread.consent_asked_turn = None, Thread.Level.ANONYMOUS, None
    if not thread.title:
        thread.title = " ".join(message.text.split())[:TITLE_CHARS]
    return _append(thread, message)


def _append(thread: Thread, message: Message) -> Message:
    """Give the message the thread's next number; without a turn of its own it begins one."""
    thread.last_number += 1
    thread.save(update_fields=[*_CHANGED_BY_A_MESSAGE, "last_number", "updated_at"])
    message.thread, message.number = thread, thread.last_number
    message.turn = message.turn or message.number
    message.save(force_insert=True)
    return message
