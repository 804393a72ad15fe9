"""Small writes about runs and answers that are over."""

from uuid import UUID

from django.db import transaction

from chat import selectors
from chat.models import Message, MessageFeedback, Run
from chat.owners import Owner
from healthmate.common import clock, errors
from healthmate.common.errors import ApiError


def mark_seen(*, run_id: UUID) -> None:
    """An EventSource has shown the run to its end: it is not offered to one again."""
    Run.objects.filter(id=run_id).update(seen_at=clock.now())


@transaction.atomic
def rate_answer(*, owner: Owner, thread_id: UUID, message_id: UUID, rating: str, comment: str) -> MessageFeedback:
    """Keep what the person thought of an answer; the last word counts.

    Raises ApiError THREAD_NOT_FOUND, MESSAGE_NOT_FOUND.
    """
    thread = selectors.thread_of(owner, thread_id)
    answer = thread.messages.filter(id=message_id, direction=Message.Direction.OUTGOING).first()
    if answer is None:
        raise ApiError(errors.MESSAGE_NOT_FOUND)
    feedback, _ = MessageFeedback.objects.update_or_create(
        message=answer, defaults={"rating": rating, "comment": comment}
    )
    return feedback
