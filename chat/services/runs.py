"""Small writes about runs and answers that are over."""

from uuid import UUID

from django.db import transaction

from chat import selectors
from chat.models import Message, MessageFeedback, Run, Thread
from chat.owners import Owner
from healthmate.common import clock, errors
from healthmate.common.errors import ApiError


def mark_seen(*, run_id: UUID) -> None:
    """An EventSource has shown the run to its end: it is not offered to one again."""
    Run.objects.filter(id=run_id).update(seen_at=clock.now())


@transaction.atomic
def keep_partial_answer(*, run_id: UUID, text: str) -> bool:
    """Store what an interrupted run had shown, marked; False when that was done already."""
    thread = _locked_thread_of(run_id)
    left = Run.objects.select_related("message").filter(id=run_id, status=Run.Status.INTERRUPTED, answers=None)
    run = left.first()
    if thread is None or run is None:
        return False
    number, turn, outgoing = thread.last_number + 1, run.message.turn, Message.Direction.OUTGOING
    Message.objects.filter(thread=thread.id, turn=turn, direction=outgoing).update(superseded=True)
    Message.objects.create(
        thread_id=thread.id, number=number, turn=turn, direction=outgoing, body=text, run=run, flags=["partial"]
    )
    Thread.objects.filter(id=thread.id).update(last_number=number, updated_at=clock.now())
    return True


@transaction.atomic
def cancel_waiting(*, run_id: UUID) -> bool:
    """End a run that has not begun; False when it has, or is over."""
    _locked_thread_of(run_id)
    waiting = Run.objects.filter(id=run_id, status=Run.Status.QUEUED)
    return bool(waiting.update(status=Run.Status.CANCELLED, finished_at=clock.now()))


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


def _locked_thread_of(run_id: UUID) -> Thread | None:
    """Its lock is taken first, as everywhere: two orders would deadlock."""
    return Thread.objects.select_for_update(of=("self",)).filter(runs=run_id).first()
