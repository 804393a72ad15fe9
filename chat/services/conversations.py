"""Threads and what is said in them: every write, synchronous and in a transaction."""

import hashlib
from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID

from django.db import transaction

from chat import selectors
from chat.language import detect_language
from chat.models import Contact, IdempotencyKey, Message, Run, Thread
from chat.owners import Owner
from healthmate.common import clock, errors
from healthmate.common.errors import ApiError

MAX_WAITING = 20  # messages of one thread that may wait for their turn
LEASE = timedelta(seconds=45)
KEEP_IDEMPOTENCY_KEYS = timedelta(hours=24)


@transaction.atomic
def create_thread(*, owner: Owner | None = None, language: str = "es", title: str = "") -> Thread:
    """Start a conversation; without an owner it is the system's own (seed 2) and no client reaches it."""
    contact = contact_of(owner) if owner else None
    return Thread.objects.create(contact=contact, language=language, title=title)


def contact_of(owner: Owner) -> Contact:
    """The owner's contact, made at the first word."""
    contact, _ = Contact.objects.get_or_create(phone_number=owner.phone_number, defaults={"user_id": owner.user_id})
    return contact


@transaction.atomic
def accept_message(*, owner: Owner, thread_id: UUID, content: str, idempotency_key: str | None = None) -> Run:
    """Store what a person said and queue its answer; the same key again gives the same run.

    Raises ApiError THREAD_NOT_FOUND, RUN_ACTIVE (nothing is stored), IDEMPOTENCY_KEY_REUSED.
    """
    thread = _locked_thread(selectors.threads_of(owner), thread_id)
    fingerprint = hashlib.sha256(f"{thread_id}\n{content}".encode()).hexdigest()
    if idempotency_key and (run := _run_of_key(thread, idempotency_key, fingerprint)):
        return run
    interrupt_lapsed_runs(Run.objects.filter(thread=thread))
    if Run.objects.filter(thread=thread, status=Run.Status.QUEUED).count() >= MAX_WAITING:
        raise ApiError(errors.RUN_ACTIVE)
    message = _append(thread, Message.Direction.INCOMING, content)
    run = Run.objects.create(thread=thread, message=message, lease_until=clock.now() + LEASE)
    if idempotency_key:
        IdempotencyKey.objects.create(contact=contact_of(owner), key=idempotency_key, fingerprint=fingerprint, run=run)
    return run


@transaction.atomic
def add_message(*, thread_id: UUID, content: str) -> Message:
    """Store what a person said, without answering it. Raises ApiError THREAD_NOT_FOUND."""
    return _append(_locked_thread(Thread.objects.all(), thread_id), Message.Direction.INCOMING, content)


@transaction.atomic
def add_answer(*, thread_id: UUID, text: str, run: Run | None = None, flags: Iterable[str] = ()) -> Message:
    """Store what the assistant said, beside the message that `run` answers, else after the newest."""
    thread = _locked_thread(Thread.objects.all(), thread_id)
    turn = run.message.number if run else None
    return _append(thread, Message.Direction.OUTGOING, text, turn=turn, run=run, flags=flags)


def messages_of(*, thread_id: UUID) -> list[Message]:
    """A thread's messages in the order they read: each answer after its question."""
    return list(Message.objects.filter(thread_id=thread_id))


def interrupt_lapsed_runs(runs: selectors.RunQuerySet) -> int:
    """Close the runs among `runs` whose process is gone; returns how many."""
    return selectors.lapsed(runs).update(
        status=Run.Status.INTERRUPTED, error_code=errors.RUN_INTERRUPTED.code, finished_at=clock.now()
    )


def close_lapsed_runs(*, dry_run: bool = False) -> int:
    """Close every run whose process is gone, or count them."""
    runs = Run.objects.all()
    return selectors.lapsed(runs).count() if dry_run else interrupt_lapsed_runs(runs)


def delete_old_idempotency_keys(*, dry_run: bool = False) -> int:
    """Delete keys that no client will repeat any more, or count them."""
    old = IdempotencyKey.objects.filter(created_at__lt=clock.now() - KEEP_IDEMPOTENCY_KEYS)
    return old.count() if dry_run else old.delete()[0]


def _locked_thread(threads: selectors.ThreadQuerySet, thread_id: UUID) -> Thread:
    thread = threads.select_for_update(of=("self",)).filter(id=thread_id).first()
    if thread is None:
        raise ApiError(errors.THREAD_NOT_FOUND)
    return thread


def _run_of_key(thread: Thread, key: str, fingerprint: str) -> Run | None:
    used = IdempotencyKey.objects.select_related("run").filter(contact=thread.contact_id, key=key).first()
    if used is None:
        return None
    if used.fingerprint != fingerprint:
        raise ApiError(errors.IDEMPOTENCY_KEY_REUSED)
    return used.run


def _append(
    thread: Thread,
    direction: Message.Direction,
    body: str,
    *,
    turn: int | None = None,
    run: Run | None = None,
    flags: Iterable[str] = (),
) -> Message:
    thread.last_number += 1
    changed = ["last_number", "updated_at"]
    if direction == Message.Direction.INCOMING:
        turn = thread.last_number
        thread.language = detect_language(body, default=thread.language)
        changed.append("language")
    thread.save(update_fields=changed)
    return Message.objects.create(
        thread=thread,
        number=thread.last_number,
        turn=turn or thread.last_number,
        direction=direction,
        body=body,
        run=run,
        flags=list(flags),
    )
