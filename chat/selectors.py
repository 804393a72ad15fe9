"""Reads, always within what the owner may see."""

from datetime import datetime
from uuid import UUID

from django.db.models import Q, QuerySet

from chat.models import Contact, Message, Run, Thread
from chat.owners import Owner
from healthmate.common import clock, errors
from healthmate.common.errors import ApiError

ThreadQuerySet = QuerySet[Thread]
RunQuerySet = QuerySet[Run]


def threads_of(owner: Owner) -> ThreadQuerySet:
    """The owner's conversations and nobody else's; what a clinician asked of records is read over its own channel."""
    return Thread.objects.filter(contact__in=contacts_of(owner)).exclude(kind=Thread.Kind.CLINICAL)


def contacts_of(owner: Owner) -> QuerySet[Contact]:
    """The owner's contact, if it has been made. A query of its own, so that a lock on a thread locks nothing else."""
    if owner.user_id:
        return Contact.objects.filter(user_id=owner.user_id)
    return Contact.objects.filter(phone_number=owner.phone_number, user__isnull=True)


def thread_of(owner: Owner, thread_id: UUID) -> Thread:
    """One of the owner's conversations. Raises ApiError THREAD_NOT_FOUND."""
    thread = threads_of(owner).filter(id=thread_id).first()
    if thread is None:
        raise ApiError(errors.THREAD_NOT_FOUND)
    return thread


def session_of(owner: Owner, thread_id: UUID) -> Thread:
    """One of the owner's sessions (seed 4). Raises ApiError THREAD_NOT_FOUND."""
    thread = threads_of(owner).filter(id=thread_id, kind=Thread.Kind.SESSION).first()
    if thread is None:
        raise ApiError(errors.THREAD_NOT_FOUND)
    return thread


def sessions_of(owner: Owner, *, limit: int, offset: int) -> tuple[int, list[Thread]]:
    """How many sessions the owner has, and a page of them, the newest first."""
    threads = threads_of(owner).filter(kind=Thread.Kind.SESSION).order_by("-updated_at", "id")
    return threads.count(), list(threads[offset : offset + limit])


def session_with_messages(owner: Owner, thread_id: UUID) -> tuple[Thread, list[Message]]:
    """A session with all its messages, each answer after its question. Raises ApiError THREAD_NOT_FOUND."""
    thread = session_of(owner, thread_id)
    return thread, list(thread.messages.filter(superseded=False))


def history(owner: Owner, thread_id: UUID) -> tuple[Thread, list[Message]]:
    """A conversation of the owner's with all its messages, each answer after its question."""
    thread = thread_of(owner, thread_id)
    return thread, list(thread.messages.filter(superseded=False))


def latest_message(owner: Owner, thread_id: UUID) -> Message | None:
    """The newest message of the owner's conversation."""
    return thread_of(owner, thread_id).messages.last()


def last_run(owner: Owner, thread_id: UUID, run_id: UUID | None = None) -> Run | None:
    """The newest run of the owner's conversation, or the one that is named. Raises ApiError THREAD_NOT_FOUND."""
    runs = thread_of(owner, thread_id).runs.order_by("-message__number", "-created_at")
    return runs.filter(id=run_id).first() if run_id else runs.first()


def run_to_watch(owner: Owner, *, finished_after: datetime) -> Run | None:
    """The website run that an EventSource of the owner should show: the oldest that it has not seen to its end."""
    unseen = Run.objects.filter(thread__in=threads_of(owner), thread__kind=Thread.Kind.WEBSITE, seen_at__isnull=True)
    recent = Q(finished_at__isnull=True) | Q(finished_at__gte=finished_after)
    return unseen.filter(recent).order_by("created_at").first()


def website_run(owner: Owner, run_id: UUID) -> Run | None:
    """A run of the owner's on the website, by its id."""
    return Run.objects.filter(thread__in=threads_of(owner), thread__kind=Thread.Kind.WEBSITE, id=run_id).first()


def lapsed(runs: RunQuerySet) -> RunQuerySet:
    """Those among `runs` that are open although their process no longer renews their lease."""
    return runs.filter(status__in=(Run.Status.QUEUED, Run.Status.IN_PROGRESS), lease_until__lt=clock.now())


def run_with_answer(run_id: UUID) -> Run:
    """A run as it stands, with its tool calls and answer at hand."""
    return Run.objects.select_related("thread", "message").prefetch_related("tool_calls", "answers").get(id=run_id)
