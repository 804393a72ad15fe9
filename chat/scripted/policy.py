"""What the scripted model does next: say something, or ask for a tool. A pure function of the request."""

from chat.language import says_no, says_yes
from chat.scripted import agenda, appointments, identification, phrases, small_talk, understanding
from chat.scripted.conversation import Conversation, ToolRecord
from chat.scripted.moves import Call, Move, Say
from chat.scripted.questions import Question
from chat.scripted.state import State
from chat.scripted.understanding import BOOK, CANCEL, HAND_OVER, LIST, MOVE, REGISTER, SPECIALTIES

__all__ = ["Call", "Move", "Say", "decide"]

_NEW_TIME_NEEDED = frozenset({"SLOT_TAKEN", "SLOT_NOT_FOUND", "HOLD_EXPIRED"})


def decide(conversation: Conversation) -> Move:
    """The next step. A tool that is not offered is never asked for."""
    state = State(conversation)
    if conversation.awaits_tool and conversation.records:
        move = _after_tool(state, conversation.records[-1])
    else:
        move = _after_message(state)
    if isinstance(move, Call) and move.name not in conversation.tools:
        return Say(small_talk.cannot_do_here())
    return move


# --- The person wrote something ---------------------------------------------------------------------------


def _after_message(state: State) -> Move:
    """A new message: first as the reply to what was asked, then as news of who writes, then as an errand."""
    if state.wish == HAND_OVER:
        reason = {"reason": state.text[:200]}
        if state.offers_tool("hand_over"):
            return Call("hand_over", reason)
        return Say(small_talk.reach_a_person(state.c))
    return (
        _answer_to_consent(state)
        or identification.identify(state)
        or _for_a_child(state)
        or appointments.answer(state)
        or _changed_hold(state)
        or agenda.answer(state)
        or _answer_to_offer(state)
        or _pursue(state)
        or _small_talk(state)
    )


def _answer_to_consent(state: State) -> Move | None:
    waiting = state.asked_for_consent
    if waiting is None:
        return None
    if says_no(state.text) or understanding.gives_up(state.text):
        return Say(phrases.not_registered())
    if says_yes(state.text):
        return Call(waiting.name, waiting.arguments | state.contacts())
    return identification.register(state) if state.wish in {None, REGISTER} else None


def _for_a_child(state: State) -> Move | None:
    """Nobody is booked or registered under somebody else's document."""
    if understanding.speaks_of_child(state.text) and state.wish in {BOOK, REGISTER, None, "symptom"}:
        return Say(phrases.child_first(state.c))
    return None


def _changed_hold(state: State) -> Move | None:
    """To move what is only held means to look for another time."""
    if state.asked is Question.CONFIRM and state.wish == MOVE:
        return agenda.find(state)
    return None


def _answer_to_offer(state: State) -> Move | None:
    """A yes or a no to "shall I look for an appointment?"."""
    if state.asked is not Question.LOOK:
        return None
    if says_yes(state.text):
        return agenda.find(state)
    return Say(phrases.kept()) if says_no(state.text) or understanding.gives_up(state.text) else None


def _pursue(state: State) -> Move | None:
    """Take the next step towards what the person wants."""
    wish = state.wish
    if wish == SPECIALTIES:
        return Call("find_slots", {})
    if wish == REGISTER or (state.goal == REGISTER and not state.c.identified and wish in {None, BOOK}):
        return identification.register(state)
    if wish in {CANCEL, LIST, MOVE}:
        return appointments.pursue(state)
    if wish in {None, BOOK, "greeting"} and agenda.wants_search(state):
        return agenda.find(state)
    if wish == BOOK:
        return agenda.find(state) if state.c.identified else identification.ask(state)
    return None


def _small_talk(state: State) -> Move:
    """Answer what is no errand, and ask again what is still open."""
    answer = small_talk.answer(state.c, state.wish)
    question = _still_open(state)
    if answer:
        is_short = state.wish in {"thanks", "bye"} and state.asked not in {Question.CONFIRM, Question.MOVE}
        return Say(answer if is_short or not question else f"{answer}\n\n{question}")
    if question:
        return Say(f"{small_talk.not_understood_briefly()} {question}")
    if state.c.told and state.wish is None and (hello := small_talk.nice_to_meet(state.c)):
        return Say(hello)
    if state.goal == BOOK and not state.c.identified:
        return identification.ask(state)
    if state.wish == "greeting" or not state.c.told:
        return Say(small_talk.greeting(state.c))
    return Say(small_talk.not_understood())


def _still_open(state: State) -> str | None:
    """What the assistant asked last, in full."""
    item, slot = state.appointment_asked_about(), state.slot_asked_about()
    match state.asked:
        case Question.CONFIRM:
            return phrases.ask_confirmation(state.held) if state.held else None
        case Question.MOVE:
            return phrases.ask_move(item, slot) if item and slot else None
        case Question.CANCEL:
            return phrases.ask_cancellation(item) if item else None
        case Question.WHICH_SLOT:
            return phrases.not_offered()
        case _:
            return _repeated(state.asked)


def _repeated(question: Question | None) -> str | None:
    if question in {Question.WHICH_TO_CANCEL, Question.WHICH_TO_MOVE}:
        return phrases.which_one(question)
    return str(question) if question in {Question.SPECIALTY, Question.LOOK} else None


# --- A tool has answered ----------------------------------------------------------------------------------


def _after_tool(state: State, record: ToolRecord) -> Move:
    """A tool's answer is to be told, or acted on."""
    if record.code:
        return _refused(state, record)
    match record.name:
        case "fetch_patient_info" | "create_patient":
            return _known(state, record)
        case "find_slots":
            return agenda.found(state, record)
        case "list_appointments":
            return appointments.listed(state, record)
        case _:
            return Say(_told(state, record))


def _told(state: State, record: ToolRecord) -> str:
    match record.name:
        case "propose_appointment":
            return agenda.greeted(state, phrases.ask_confirmation(record.output))
        case "confirm_appointment" | "move_appointment" | "cancel_appointment":
            return phrases.confirmed(state.c)
        case "hand_over":
            return small_talk.handed_over()
        case _:
            return small_talk.done()


def _known(state: State, record: ToolRecord) -> Move:
    """The person is identified: go on with what they came for."""
    if state.goal in {CANCEL, LIST, MOVE}:
        return Call("list_appointments", {})
    if slot := state.slot_to_hold():
        return Call("propose_appointment", {"slot_id": slot.get("slot_id")})
    came_to_book = state.goal == BOOK or state.search or (record.name == "create_patient" and state.came_to_book)
    if came_to_book:
        return agenda.find(state)
    return Say(agenda.greeted(state, phrases.what_next()))


def _refused(state: State, record: ToolRecord) -> Move:
    if record.code == "CONSENT_REQUIRED":
        return Say(str(record.output.get("question") or record.message))
    if record.code == "IDENTITY_REQUIRED":
        return identification.ask(state)
    if record.code == "IDENTITY_NOT_MATCHED":
        return Say(phrases.not_identified(record.message))
    tried_again = any(r.name == "find_slots" for r in state.c.new_records)
    if record.code in _NEW_TIME_NEEDED and not tried_again:
        return agenda.find(state)
    if record.code == "IDENTITY_NOT_STATED" or (
        record.name == "fetch_patient_info" and record.code == "INVALID_ARGUMENTS"
    ):
        return Say(phrases.ask_identity(state.c))
    return Say(record.message or small_talk.cannot_do_here())
