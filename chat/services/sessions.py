"""Seed 4's sessions: threads that a user names, keeps and deletes."""

from uuid import UUID

from django.db import transaction

from chat import selectors
from chat.models import Run, Thread
from chat.owners import Owner
from chat.services import conversations
from chat.services.conversations import Incoming


@transaction.atomic
def rename(*, owner: Owner, thread_id: UUID, title: str) -> Thread:
    """Give a session another title. Raises ApiError THREAD_NOT_FOUND."""
    thread = selectors.session_of(owner, thread_id)
    thread.title = title
    thread.save(update_fields=["title", "updated_at"])
    return thread


@transaction.atomic
def delete(*, owner: Owner, thread_id: UUID) -> None:
    """Delete a session with all that was said in it. Raises ApiError THREAD_NOT_FOUND."""
    selectors.session_of(owner, thread_id).delete()


@transaction.atomic
def accept_api_message(*, owner: Owner, thread_id: UUID | None, incoming: Incoming) -> tuple[Run, bool]:
    """Like conversations.accept_message; without a session, in a new one."""
    if thread_id is None:
        repeated = conversations.repeated_run(owner=owner, place=Thread.Kind.SESSION, incoming=incoming)
        if repeated:
            return repeated, False
        thread = conversations.create_thread(owner=owner, kind=Thread.Kind.SESSION, language=incoming.language)
        thread_id, place = thread.id, Thread.Kind.SESSION
        return conversations.accept_message(owner=owner, thread_id=thread_id, incoming=incoming, place=place)
    return conversations.accept_message(owner=owner, thread_id=thread_id, incoming=incoming)
