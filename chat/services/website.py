"""The website's one conversation per owner: what may be shown of it, and its end."""

from dataclasses import dataclass
from uuid import UUID

from django.db import transaction

from chat import selectors
from chat.models import Contact, Message, Run, Thread
from chat.owners import Owner
from chat.services import session_locks
from healthmate.common import clock

OPEN = (Run.Status.QUEUED, Run.Status.IN_PROGRESS)


@dataclass(frozen=True, kw_only=True)
class WebsiteHistory:
    """What a page shows when it opens; without a thread there is nothing to show."""

    thread_id: UUID | None
    messages: list[Message]
    running: Run | None  # the oldest that is not over


def open_conversation(*, owner: Owner) -> Thread | None:
    """The conversation that goes on; none once its session is over, since the next person may sit there by then."""
    newest = selectors.threads_of(owner).filter(kind=Thread.Kind.WEBSITE).order_by("-created_at").first()
    if newest is None:
        return None
    # The lock is set when the first answer begins.
    begins = newest.runs.filter(status__in=OPEN, lease_until__gte=clock.now())
    return newest if session_locks.read(owner.lock_key) or begins.exists() else None


def history(*, owner: Owner) -> WebsiteHistory:
    """The open conversation, each answer after its question, and the answer that is being written."""
    thread = open_conversation(owner=owner)
    if thread is None:
        return WebsiteHistory(thread_id=None, messages=[], running=None)
    # Runs first: an answer stored between the two reads is then shown by its run, never lost.
    running = thread.runs.filter(status__in=OPEN).order_by("message__number", "created_at").first()
    messages = thread.messages.filter(superseded=False)
    if running:
        messages = messages.exclude(run=running)
    return WebsiteHistory(thread_id=thread.id, messages=list(messages), running=running)


@transaction.atomic
def start_over(*, owner: Owner, language: str) -> None:
    """Close the owner's conversation: whatever it still does, the next message begins another."""
    contact = Contact.objects.select_for_update().filter(phone_number=owner.phone_number).first()
    session_locks.forget(owner.lock_key)
    if contact is None:
        return
    newest = Thread.objects.filter(contact=contact, kind=Thread.Kind.WEBSITE).order_by("-created_at").first()
    if newest and newest.last_number:
        Thread.objects.create(contact=contact, kind=Thread.Kind.WEBSITE, language=language)
