"""Where the conversation stands: the errand, what was asked last, what is on offer, who is writing."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from chat.scripted import identity_words, understanding
from chat.scripted.conversation import Conversation, ToolRecord
from chat.scripted.phrases import slot_line
from chat.scripted.questions import Question, asked_in
from chat.scripted.understanding import BOOK, CANCEL, LIST, MOVE, REGISTER

MAX_OFFERED = 5
GOALS = frozenset({BOOK, MOVE, CANCEL, LIST, REGISTER})
DEEDS = frozenset({"confirm_appointment", "move_appointment", "cancel_appointment"})
_ERRANDS = {
    Question.MOVE: MOVE,
    Question.WHICH_TO_MOVE: MOVE,
    Question.CANCEL: CANCEL,
    Question.WHICH_TO_CANCEL: CANCEL,
}

Item = dict[str, Any]


class State:
    """A conversation with what follows from it; nothing is kept between requests."""

    def __init__(self, conversation: Conversation) -> None:
        self.c = conversation
        self.turn = len(conversation.said)
        self.text = conversation.text
        self.wish = understanding.wish_of(conversation.text)

    # --- The errand -----------------------------------------------------------------------------------

    @cached_property
    def last_answer(self) -> str:
        """What the assistant said right before this message."""
        return self.c.answer_to(self.turn - 1)

    @cached_property
    def asked(self) -> Question | None:
        """What this message may answer: the question asked right before it, by rules or by another model."""
        if question := asked_in(self.last_answer):
            return question
        before = [r for r in self.c.records if r.turn == self.turn - 1]
        if not before or before[-1].code or "?" not in self.last_answer:
            return None
        return {"propose_appointment": Question.CONFIRM, "find_slots": Question.WHICH_SLOT}.get(before[-1].name)

    @cached_property
    def asked_for_consent(self) -> ToolRecord | None:
        """The registration that waits for the person's consent to the storing of their data."""
        before = [r for r in self.c.records if r.turn == self.turn - 1]
        return before[-1] if before and before[-1].code == "CONSENT_REQUIRED" else None

    @cached_property
    def goal(self) -> str | None:
        """What the person is after and has not got yet."""
        return self._errand[0]

    @cached_property
    def goal_since(self) -> int:
        """The turn in which that began."""
        return self._errand[1]

    @cached_property
    def came_to_book(self) -> bool:
        """Whether the person asked for an appointment at some time."""
        return any(understanding.wish_of(text) == BOOK or understanding.wants_new_booking(text) for text in self.c.said)

    @cached_property
    def _errand(self) -> tuple[str | None, int]:
        goal: str | None = None
        since = 1
        for turn, text in enumerate(self.c.said, start=1):
            wish = understanding.wish_of(text)
            in_passing = wish == BOOK and goal in {MOVE, CANCEL, REGISTER} and not understanding.wants_new_booking(text)
            if wish in GOALS and wish != goal and not in_passing:
                goal, since = wish, turn
            if turn < self.turn:
                goal = self._goal_after(turn, goal)
        return goal, since

    def _goal_after(self, turn: int, goal: str | None) -> str | None:
        done = {record.name for record in self.c.records if record.turn == turn and not record.code}
        asked = asked_in(self.c.answer_to(turn))
        if asked is Question.SETTLED or done & DEEDS or (goal == LIST and "list_appointments" in done):
            return None
        if "create_patient" in done:
            return BOOK if self.came_to_book else None
        return _ERRANDS.get(asked, goal) if asked else goal

    @cached_property
    def fresh_since(self) -> int:
        """The turn of the last deed: what was on offer before it no longer is."""
        return max((r.turn for r in self.c.records if r.name in DEEDS and not r.code and r.turn < self.turn), default=0)

    def offers_tool(self, name: str) -> bool:
        """Whether the tool may be asked for."""
        return name in self.c.tools

    # --- What is on offer -----------------------------------------------------------------------------

    @cached_property
    def search(self) -> ToolRecord | None:
        """The newest search for free times that counts still."""
        return self.c.last("find_slots", since=self.fresh_since)

    @cached_property
    def offered(self) -> list[Item]:
        """The free times that were shown last, in their order."""
        if self.search is None or self.search.code:
            return []
        found = found_slots(self.search)
        for turn, text in reversed(self.c.told):
            if turn < self.search.turn:
                break
            if asked_in(text) is Question.WHICH_SLOT and (shown := _shown(found, text)):
                return shown
        return found[:MAX_OFFERED]

    @cached_property
    def held(self) -> Item | None:
        """The time that is held and waits for a yes."""
        proposed = self.c.last("propose_appointment", since=self.fresh_since)
        return proposed.output if proposed and not proposed.code and proposed.turn < self.turn else None

    def slot_asked_about(self) -> Item | None:
        """The one free time of which the last question speaks."""
        named = _shown(found_slots(self.search), self.last_answer) if self.search else []
        return named[0] if len(named) == 1 else None

    def slot_to_hold(self) -> Item | None:
        """The time that was picked while nobody knew yet who was picking."""
        if self.search is None or self.search.code:
            return None
        for turn, text in reversed(self.c.told):
            named = _shown(found_slots(self.search), text) if turn >= self.search.turn else []
            if asked_in(text) is not Question.WHICH_SLOT and len(named) == 1:
                return named[0]
        return None

    @cached_property
    def appointments(self) -> list[Item] | None:
        """The person's appointments as last listed; None when they have not been since the last deed."""
        listed = self.c.last("list_appointments", since=self.fresh_since)
        return upcoming(listed) if listed and not listed.code else None

    def appointment_asked_about(self) -> Item | None:
        """The one appointment of which the last question speaks."""
        named = _shown(self.appointments or [], self.last_answer)
        return named[0] if len(named) == 1 else None

    def appointment_spoken_of(self, *, since: int = 0) -> Item | None:
        """The one appointment that the assistant's newest answer about any speaks of, from turn `since` on."""
        for turn, text in reversed(self.c.told):
            if turn < since:
                break
            named = _shown(self.appointments or [], text)
            if named:
                return named[0] if len(named) == 1 else None
        return None

    def done_before(self, turn: int, among: Sequence[Item]) -> Item | None:
        """Of these appointments, what was booked or moved last before that turn, where the message points to it."""
        done = [r for r in self.c.records if r.turn < turn and r.name in DEEDS and not r.code]
        if not done or not understanding.points_back(self.c.said[turn - 1]):
            return None
        return next(
            (item for item in among if item.get("appointment_id") == done[-1].output.get("appointment_id")), None
        )

    def was_told(self, slot: Item) -> bool:
        """Whether a free time has been shown already."""
        return any(slot_line(slot) in text for _turn, text in self.c.told)

    # --- Who is writing -------------------------------------------------------------------------------

    def document(self, *, since: int = 1) -> tuple[str | None, str] | None:
        """Type (None while unknown) and number of the document, corrections applied."""
        kind: str | None = None
        number: str | None = None
        for turn, text in enumerate(self.c.said, start=1):
            if turn < since:
                continue
            found = identity_words.document_in(text, self.c.today)
            named = found[0] if found and found[0] else self.document_type(turn)
            number = found[1] if found else number
            kind = named or kind
        return (kind, number) if number else None

    def document_type(self, turn: int) -> str | None:
        """The type of document that the message of that turn names, by its name or as the number in a form."""
        text = self.c.said[turn - 1]
        if asked_in(self.c.answer_to(turn - 1)) is Question.DOCUMENT_TYPE and (
            kind := identity_words.document_type_of_number(text)
        ):
            return kind
        return identity_words.document_type_in(text)

    def birth_date(self, *, since: int = 1) -> str | None:
        """The newest birth date, as YYYY-MM-DD."""
        found = [identity_words.birth_date_in(text, self.c.today) for text in self.c.said[since - 1 :]]
        return next((day.isoformat() for day in reversed(found) if day), None)

    def name(self) -> str | None:
        """The newest full name: by an introduction, or as the bare answer to the question for it."""
        for turn in range(self.turn, 0, -1):
            text = self.c.said[turn - 1]
            answers = asked_in(self.c.answer_to(turn - 1)) is Question.REGISTRATION
            if name := identity_words.name_in(text) or (identity_words.bare_name_in(text) if answers else None):
                return name
        return None

    def contacts(self) -> dict[str, str]:
        """The phone number and the email address that were given."""
        given: dict[str, str] = {}
        for text in self.c.said:
            given |= identity_words.contacts_in(text)
        return given


def found_slots(record: ToolRecord) -> list[Item]:
    """The times that a search found, else the nearest others."""
    slots = record.output.get("slots") or record.output.get("alternatives")
    return [slot for slot in slots if isinstance(slot, dict)] if isinstance(slots, list) else []


def upcoming(record: ToolRecord) -> list[Item]:
    """What is booked or held, of a list of appointments."""
    appointments = record.output.get("appointments")
    listed = [a for a in appointments if isinstance(a, dict)] if isinstance(appointments, list) else []
    return [a for a in listed if a.get("status") in {"booked", "pending"}]


def _shown(items: Sequence[Item], text: str) -> list[Item]:
    """The items whose line stands in the text, in the order of the text."""
    places = [(text.find(words), item) for item in items if (words := slot_line(item))]
    return [item for place, item in sorted(places, key=lambda shown: shown[0]) if place >= 0]
