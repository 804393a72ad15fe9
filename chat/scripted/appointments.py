"""The person's own appointments: showing them, and choosing one to cancel or to move."""

from chat.language import TO_CANCEL, says_no, says_yes
from chat.scripted import agenda, choices, identification, phrases, understanding
from chat.scripted.conversation import ToolRecord
from chat.scripted.moves import Call, Move, Say
from chat.scripted.questions import Question
from chat.scripted.state import Item, State, upcoming
from chat.scripted.understanding import BOOK, CANCEL, MOVE

_ABOUT_OWN = frozenset({Question.CANCEL, Question.WHICH_TO_CANCEL, Question.WHICH_TO_MOVE})


def pursue(state: State) -> Move:
    """Show the appointments, or go on towards cancelling or moving one of them."""
    return Call("list_appointments", {}) if state.c.identified else identification.ask(state)


def answer(state: State) -> Move | None:
    """A reply to a question about the person's own appointments."""
    if state.asked not in _ABOUT_OWN or not state.c.identified:
        return None
    if says_no(state.text) or understanding.gives_up(state.text):
        return Say(phrases.kept())
    if state.appointments is None:
        return Call("list_appointments", {})  # the list is too far back to be seen
    if state.asked is Question.CANCEL:
        return _answer_to_cancel(state)
    if state.asked is Question.WHICH_TO_CANCEL and choices.means_all(state.text):
        return Say(phrases.one_at_a_time())
    return _chosen(state, state.appointments)


def listed(state: State, record: ToolRecord) -> Move:
    """Tell the appointments, and ask what the errand needs next."""
    found = upcoming(record)
    if state.goal == CANCEL:
        return _to_cancel(state, found)
    if state.goal == MOVE:
        return _to_move(state)
    answer = phrases.appointments(found, phrases.anything_else())
    return Say(agenda.greeted(state, answer))


def _answer_to_cancel(state: State) -> Move | None:
    appointment = state.appointment_asked_about()
    if appointment and says_yes(state.text, to=TO_CANCEL):
        return Call("cancel_appointment", {"appointment_id": appointment.get("appointment_id")})
    return _chosen(state, state.appointments or [])


def _chosen(state: State, own: list[Item]) -> Move | None:
    """The person says which appointment they mean."""
    to_move = state.asked is Question.WHICH_TO_MOVE
    among = [item for item in own if item.get("status") == "booked"] if to_move else own
    meant = choices.picked(state.text, among, state.c.today)
    if len(meant) == 1:
        return agenda.find(state) if to_move else Say(phrases.ask_cancellation(meant[0]))
    if state.wish not in {None, BOOK} or state.asked is None:
        return None
    return Say(phrases.which_one(state.asked)) if meant or state.asked is not Question.CANCEL else None


def _to_cancel(state: State, found: list[Item]) -> Move:
    if state.asked is Question.CANCEL and (again := _answer_to_cancel(state)):
        return again
    if len(found) > 1:
        meant = choices.picked(state.text, found, state.c.today)
        if not meant and (just_done := state.done_before(state.turn, found)):
            meant = [just_done]
        if choices.means_all(state.text):
            return Say(phrases.appointments(found, phrases.one_at_a_time()))
        if len(meant) == 1:
            return Say(phrases.ask_cancellation(meant[0]))
    question = Question.CANCEL if len(found) == 1 else Question.WHICH_TO_CANCEL
    return Say(agenda.greeted(state, phrases.appointments(found, str(question))))


def _to_move(state: State) -> Move:
    booked = [item for item in state.appointments or [] if item.get("status") == "booked"]
    if not booked:
        return Say(agenda.greeted(state, phrases.nothing_to_move()))
    if state.asked is Question.MOVE and says_yes(state.text):
        return agenda.move_now(state)
    if agenda.moving_of(state):
        return agenda.find(state)
    return Say(agenda.greeted(state, phrases.appointments(booked, str(Question.WHICH_TO_MOVE))))
