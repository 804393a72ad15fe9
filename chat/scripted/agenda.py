"""Free times: searching, offering, holding and confirming one, or moving an appointment to it."""

from typing import Any

from chat.language import says_no, says_yes
from chat.scripted import choices, identification, phrases, search, small_talk, understanding
from chat.scripted.conversation import ToolRecord
from chat.scripted.moves import Call, Move, Say
from chat.scripted.questions import Question
from chat.scripted.state import Item, State
from chat.scripted.understanding import BOOK, CANCEL, MOVE
from healthmate.common.dates import hours_in

_ABOUT_SLOTS = frozenset({Question.WHICH_SLOT, Question.CONFIRM, Question.MOVE})


def find(state: State) -> Call:
    """Search with everything that was asked for."""
    asked = search.wishes(state)
    moving = moving_of(state)
    if moving:
        named = asked.get("specialty") or asked.get("practitioner")
        keys = ("specialty",) if named else ("specialty", "practitioner")
        asked = {key: moving[key] for key in keys if moving.get(key)} | search.from_appointment(asked, moving)
    elif state.asked is Question.SPECIALTY and choices.is_no_matter(state.text):
        asked.pop("specialty", None)
        asked.pop("practitioner", None)
    else:
        asked = search.with_default(state, asked)
    return Call("find_slots", {key: value for key, value in asked.items() if value})


def found(state: State, record: ToolRecord) -> Move:
    """Offer what a search has found."""
    if state.wish == understanding.SPECIALTIES:
        return Say(small_talk.specialties(state.c, _specialties(record)))
    if following := search.next_page(state, record):
        return Call("find_slots", following)
    slots, exact = search.best(state, record)
    default = search.is_default(state, record)
    if slots:
        moving = moving_of(state)
        offer = phrases.offer(slots, exact=exact, default=default and not moving, moving=moving)
        return Say(greeted(state, offer))
    names = record.output.get("specialties") or ()
    if default and names:
        return Say(greeted(state, phrases.choose_specialty(names)))
    arguments = record.arguments
    nothing = phrases.no_slots(names, doctor=arguments.get("practitioner"), specialty=arguments.get("specialty"))
    return Say(greeted(state, nothing))


def answer(state: State) -> Move | None:
    """A reply to a question about a free time: a yes, a no, or another time of the list."""
    if state.asked not in _ABOUT_SLOTS:
        return _pick_without_question(state)
    if state.asked is Question.CONFIRM and state.held and state.c.identified and (move := _to_hold(state, state.held)):
        return move
    if state.asked is Question.MOVE and says_yes(state.text):
        return move_now(state)
    if says_yes(state.text):
        return take(state, state.offered[0]) if len(state.offered) == 1 else Say(phrases.not_offered())
    return _pick(state) or _declined(state)


def _to_hold(state: State, held: Item) -> Move | None:
    """A yes to the time that is held, or no wish for any."""
    if _agrees(state, held):
        return Call("confirm_appointment", {"appointment_id": held.get("appointment_id")})
    return Say(phrases.let_go()) if _lets_go(state) else None


def take(state: State, slot: Item) -> Move:
    """Go on with a time that the person has chosen: hold it, or ask whether to move the appointment there."""
    if not state.c.identified:
        return identification.ask(state, slot=slot)
    if moving := moving_of(state):
        return Say(phrases.ask_move(moving, slot))
    if state.goal == MOVE and state.appointments is None:
        return Call("list_appointments", {})
    return Call("propose_appointment", {"slot_id": slot.get("slot_id")})


def move_now(state: State) -> Move:
    """Move, after the yes, exactly what the question named to where it named."""
    if state.appointments is None:
        return Call("list_appointments", {})
    slot, appointment = state.slot_asked_about(), state.appointment_spoken_of()
    if slot is None or appointment is None:
        return find(state)
    ids = {"appointment_id": appointment.get("appointment_id"), "slot_id": slot.get("slot_id")}
    return Call("move_appointment", ids)


def wants_search(state: State) -> bool:
    """Whether the message narrows or changes a search that is under way, or begins one."""
    if search.says_what(state):
        return True
    is_open = state.search is not None and state.asked in _ABOUT_SLOTS
    wider = choices.wants_more(state.text) or choices.wants_other_day(state.text) or choices.wants_part(state.text)
    if state.asked is Question.SPECIALTY:
        return choices.is_no_matter(state.text) or bool(understanding.bare_practitioner_in(state.text))
    return bool(is_open and (wider or understanding.wants_other_doctor(state.text)))


def _agrees(state: State, held: Item) -> bool:
    if not says_yes(state.text):
        return False
    meant = choices.picked(state.text, state.offered, state.c.today)
    return all(item.get("starts_at") == held.get("starts_at") for item in meant)


def _lets_go(state: State) -> bool:
    """Whether the person wants neither this time nor another."""
    words = len(state.text.split())
    drops = state.wish == CANCEL and words <= 3  # noqa: PLR2004 - "cancel it, please"
    return drops or understanding.gives_up(state.text)


def _declined(state: State) -> Move | None:
    if not says_no(state.text) or search.says_what(state):
        return None
    if understanding.gives_up(state.text):
        return Say(phrases.kept())
    if state.asked is Question.WHICH_SLOT and not wants_search(state):
        return Say(phrases.not_offered())
    return find(state)


def _pick(state: State) -> Move | None:
    """The person picks one of the times on offer."""
    if _is_search(state):
        return None
    meant = choices.picked(state.text, state.offered, state.c.today)
    if len(meant) == 1:
        return take(state, meant[0])
    if len(meant) > 1 and hours_in(state.text):
        return Say(phrases.offer(meant, exact=True, default=False, moving=moving_of(state)))
    return None


def _is_search(state: State) -> bool:
    """Whether days or specialties are asked for, rather than one of the list chosen by them."""
    specialty = understanding.specialty_in(state.text)
    same = [slot for slot in state.offered if understanding.specialty_in(str(slot.get("specialty"))) == specialty]
    if specialty and len(same) != 1:
        return True
    return understanding.is_question(state.text) and not choices.names_place(state.text, len(state.offered))


def _pick_without_question(state: State) -> Move | None:
    """Something else was talked of meanwhile: a choice counts only if nothing else was asked."""
    if state.asked is not None or not state.offered or state.goal not in {BOOK, MOVE, None} or state.wish:
        return None
    return _pick(state)


def moving_of(state: State) -> Item | None:
    """The appointment that is to be moved, once it is clear which."""
    if state.goal != MOVE or not state.appointments:
        return None
    booked = [item for item in state.appointments if item.get("status") == "booked"]
    if len(booked) == 1:
        return booked[0]
    if spoken_of := state.appointment_spoken_of(since=state.goal_since):
        return spoken_of
    if just_done := state.done_before(state.goal_since, booked):
        return just_done
    words = [search.source_and_target(state.c.said[state.goal_since - 1])[0]]
    if state.asked is Question.WHICH_TO_MOVE:
        words.append(state.text)
    meant = [one for text in words if len(one := choices.picked(text, booked, state.c.today)) == 1]
    return meant[-1][0] if meant else None


def greeted(state: State, text: str) -> str:
    """The text after what it owes to the moment: a hello, a thank-you for the identity, news of the registration."""
    for record in state.c.new_records:
        if record.code or record.name not in {"fetch_patient_info", "create_patient"}:
            continue
        if record.name == "create_patient" and record.output.get("registered", True):
            return phrases.introduced(state.c, phrases.registered(_full_name(record)) + "\n" + text)
        return phrases.introduced(state.c, f"{phrases.thanks_to(state.c)} {text}")
    return phrases.introduced(state.c, text)


def _full_name(record: ToolRecord) -> str:
    return " ".join(str(record.arguments.get("full_name") or "").split())


def _specialties(record: ToolRecord) -> list[str]:
    named = record.output.get("specialties")
    if not named:
        slots: Any = record.output.get("slots") or ()
        named = sorted({str(slot.get("specialty") or "") for slot in slots if isinstance(slot, dict)} - {""})
    return [str(name) for name in named]
