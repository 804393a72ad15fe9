"""What the scripted model does next: say something, or ask for a tool. A pure function of the request."""

from dataclasses import dataclass
from typing import Any

from chat.language import TO_CANCEL, says_no, says_yes
from chat.scripted import phrases, understanding
from chat.scripted.conversation import Conversation, ToolRecord
from chat.scripted.understanding import BOOK, CANCEL, GREETING, HAND_OVER, HOURS, LIST, MOVE, REGISTER, THANKS

MAX_OFFERED = 5
GOALS = frozenset({BOOK, MOVE, CANCEL, LIST, REGISTER})


@dataclass(frozen=True)
class Say:
    """Answer with a text."""

    text: str


@dataclass(frozen=True)
class Call:
    """Ask for a tool."""

    name: str
    arguments: dict[str, Any]


Move = Say | Call


def decide(conversation: Conversation) -> Move:
    """The next step. A tool that is not offered is never asked for."""
    talk = _Talk(conversation)
    if conversation.awaits_tool and conversation.records:
        move = talk.after_tool(conversation.records[-1])
    else:
        move = talk.after_message()
    if isinstance(move, Call) and move.name not in conversation.tools:
        return Say(phrases.cannot_do_here())
    return move


class _Talk:
    """The rules, with the conversation at hand."""

    def __init__(self, conversation: Conversation) -> None:
        self._c = conversation
        wishes = [understanding.wish_of(text) for text in conversation.said]
        self._wish = wishes[-1] if wishes else None
        self._goal = next((wish for wish in reversed(wishes) if wish in GOALS), None)

    # --- The person wrote something -------------------------------------------------------------------

    def after_message(self) -> Move:
        """A new message is to be answered."""
        if self._wish == HAND_OVER:
            return Call("hand_over", {"reason": self._c.text[:200]}) if self._offers("hand_over") else self._phone()
        return (
            self._answer_to_question()
            or self._identify()
            or self._choice()
            or self._pursue(self._wish)
            or self._small_talk()
        )

    def _answer_to_question(self) -> Move | None:
        """A yes or a no to what the assistant asked last."""
        last = self._c.records[-1] if self._c.records else None
        if last is None:
            return None
        asked_to_cancel = last.name == "list_appointments" and self._goal == CANCEL
        yes = says_yes(self._c.text, to=TO_CANCEL if asked_to_cancel else None)
        if not (yes or says_no(self._c.text)):
            return None
        if last.code == "CONSENT_REQUIRED":
            return Call(last.name, last.arguments) if yes else Say(phrases.not_registered())
        if last.name == "propose_appointment" and not last.code:
            return self._answer_to_proposal(last, yes=yes)
        if asked_to_cancel and len(_upcoming(last)) == 1:
            appointment = {"appointment_id": _upcoming(last)[0].get("appointment_id")}
            return Call("cancel_appointment", appointment) if yes else Say(phrases.kept())
        return None

    def _answer_to_proposal(self, proposed: ToolRecord, *, yes: bool) -> Move | None:
        if yes:
            return Call("confirm_appointment", {"appointment_id": proposed.output.get("appointment_id")})
        return self._find_slots() if self._wish is None else None

    def _identify(self) -> Move | None:
        """Use a document and a birth date, from this message or earlier ones, once each pair."""
        told_now = (
            understanding.document_in(self._c.text)
            or understanding.birth_date_in(self._c.text, self._c.today)
            or (self._wish is None and understanding.document_type_in(self._c.text))
        )
        if self._c.identified or not told_now or self._goal == REGISTER:
            return None
        return self._fetch_patient() or Say(phrases.ask_rest_of_identity(self._c, self._document(), self._birth_date()))

    def _fetch_patient(self) -> Call | None:
        document, birth_date = self._document(), self._birth_date()
        if not document or not document[0] or not birth_date:
            return None
        arguments = {"document_type": document[0], "document_number": document[1], "birth_date": birth_date}
        return Call("fetch_patient_info", arguments)

    def _choice(self) -> Move | None:
        """The person picks one of the slots, or one of their appointments, that were listed."""
        last = self._c.records[-1] if self._c.records else None
        if last is None or last.code:
            return None
        if last.name == "list_appointments" and self._goal in {CANCEL, MOVE} and len(_upcoming(last)) > 1:
            return self._chosen_appointment(_upcoming(last))
        if last.name == "find_slots" and (slot := understanding.chosen(self._c.text, _slots(last))):
            return self._take(slot)
        if last.name == "find_slots" and _slots(last) and understanding.names_hour(self._c.text):
            return Say(phrases.not_offered())
        return None

    def _chosen_appointment(self, listed: list[dict[str, Any]]) -> Move | None:
        option = understanding.chosen(self._c.text, listed)
        if option and self._goal == CANCEL:
            return Call("cancel_appointment", {"appointment_id": option.get("appointment_id")})
        return Say(phrases.which_one()) if self._wish is None else None

    def _take(self, slot: dict[str, Any]) -> Move:
        if not self._c.identified:
            return Say(phrases.ask_identity(self._c, for_booking=True))
        if self._goal == MOVE and self._offers("move_appointment") and (listed := self._c.last("list_appointments")):
            appointments = _upcoming(listed)
            if len(appointments) == 1:
                moved = {"appointment_id": appointments[0].get("appointment_id"), "slot_id": slot.get("slot_id")}
                return Call("move_appointment", moved)
        return Call("propose_appointment", {"slot_id": slot.get("slot_id")})

    def _pursue(self, wish: str | None) -> Move | None:
        """Take the next step towards what the person wants."""
        asks_for_time = understanding.speaks_of_time(self._c.text, self._c.today)
        asks_for_specialty = understanding.specialty_in(self._c.text) is not None
        if wish in {None, BOOK} and (asks_for_time or asks_for_specialty or (wish and self._c.identified)):
            return self._find_slots()
        if wish == REGISTER or (self._goal == REGISTER and not self._c.identified and wish in {None, REGISTER}):
            return self._register()
        if wish in {CANCEL, LIST, MOVE}:
            return Call("list_appointments", {}) if self._c.identified else Say(phrases.ask_identity(self._c))
        if wish == BOOK:
            return Say(phrases.ask_identity(self._c, for_booking=True))
        return None

    def _register(self) -> Move:
        document, birth_date, name = self._document(), self._birth_date(), self._name()
        if not (document and document[0] and birth_date and name):
            return Say(phrases.ask_registration(self._c, document, birth_date, name))
        return Call(
            "create_patient",
            {
                "document_type": document[0],
                "document_number": document[1],
                "birth_date": birth_date,
                "full_name": name,
            },
        )

    def _small_talk(self) -> Move:
        if self._wish == HOURS:
            return Say(phrases.hours(self._c))
        if self._wish == THANKS:
            return Say(phrases.thanks())
        if self._goal == BOOK and not self._c.identified:
            return Say(phrases.ask_identity(self._c, for_booking=True))
        if self._wish == GREETING or self._c.answers == 0:
            return Say(phrases.greeting(self._c, understanding.name_in(self._c.text)))
        return Say(phrases.not_understood())

    # --- A tool has answered --------------------------------------------------------------------------

    def after_tool(self, record: ToolRecord) -> Move:
        """A tool's answer is to be told, or acted on."""
        if record.code:
            return self._refused(record)
        match record.name:
            case "fetch_patient_info" | "create_patient":
                return self._known(record)
            case "find_slots":
                return self._slots_found(record)
            case "list_appointments":
                return self._listed(record)
            case _:
                return Say(self._told(record))

    def _told(self, record: ToolRecord) -> str:
        match record.name:
            case "propose_appointment":
                return phrases.ask_confirmation(record.output)
            case "confirm_appointment" | "move_appointment" | "cancel_appointment":
                return phrases.confirmed(self._c)
            case "hand_over":
                return phrases.handed_over()
            case _:
                return phrases.done()

    def _known(self, record: ToolRecord) -> Move:
        """The person is identified: go on with what they came for."""
        if self._goal in {CANCEL, LIST, MOVE}:
            return Call("list_appointments", {})
        if slot := self._slot_chosen_before():
            return Call("propose_appointment", {"slot_id": slot.get("slot_id")})
        if self._goal == BOOK or self._c.last("find_slots"):
            return self._find_slots()
        return Say(phrases.welcome(self._c, registered=record.name == "create_patient"))

    def _slot_chosen_before(self) -> dict[str, Any] | None:
        """A slot that was picked while nobody knew yet who was picking."""
        offered = self._c.last("find_slots")
        if offered is None or offered.code:
            return None
        for text in reversed(self._c.said[offered.turn :]):
            told_identity = understanding.document_in(text) or understanding.birth_date_in(text, self._c.today)
            if not told_identity and (slot := understanding.chosen(text, _slots(offered))):
                return slot
        return None

    def _slots_found(self, record: ToolRecord) -> Move:
        if slots := _slots(record):
            return Say(phrases.offer(self._c, slots, others=not record.output.get("slots")))
        return Say(phrases.no_slots(record.output.get("specialties") or ()))

    def _listed(self, record: ToolRecord) -> Move:
        appointments = _upcoming(record)
        if self._goal == MOVE and len(appointments) == 1 and self._offers("move_appointment"):
            return self._find_slots()
        return Say(phrases.appointments(appointments, to_cancel=self._goal == CANCEL, to_move=self._goal == MOVE))

    def _refused(self, record: ToolRecord) -> Move:
        if record.code == "CONSENT_REQUIRED":
            return Say(str(record.output.get("question") or record.message))
        if record.code == "IDENTITY_REQUIRED":
            return Say(phrases.ask_identity(self._c, for_booking=self._goal == BOOK))
        tried_again = any(r.name == "find_slots" for r in self._c.new_records)
        if record.code in {"SLOT_TAKEN", "SLOT_NOT_FOUND", "HOLD_EXPIRED"} and not tried_again:
            return self._find_slots()
        if record.code == "IDENTITY_NOT_STATED" or (
            record.name == "fetch_patient_info" and record.code == "INVALID_ARGUMENTS"
        ):
            return Say(phrases.ask_identity(self._c))
        return Say(record.message or phrases.cannot_do_here())

    # --- What the person has said so far ----------------------------------------------------------------

    def _find_slots(self) -> Call:
        """Search with the newest wishes: the specialty stays until another is named, a time only for its message."""
        specialties = [understanding.specialty_in(text) for text in self._c.said]
        arguments = {"specialty": next((s for s in reversed(specialties) if s), None)}
        times = [text for text in self._c.said if understanding.speaks_of_time(text, self._c.today)]
        if times and (times[-1] == self._c.text or not self._c.last("find_slots")):
            arguments["when"] = times[-1][:200]
        return Call("find_slots", {key: value for key, value in arguments.items() if value})

    def _document(self) -> tuple[str | None, str] | None:
        found = [document for text in self._c.said if (document := understanding.document_in(text))]
        if not found or found[-1][0]:
            return found[-1] if found else None
        types = [code for text in self._c.said if (code := understanding.document_type_in(text))]
        return (types[-1] if types else None), found[-1][1]

    def _birth_date(self) -> str | None:
        found = [day for text in self._c.said if (day := understanding.birth_date_in(text, self._c.today))]
        return found[-1].isoformat() if found else None

    def _name(self) -> str | None:
        found = [name for text in self._c.said if (name := understanding.name_in(text))]
        return found[-1] if found else None

    def _offers(self, tool: str) -> bool:
        return tool in self._c.tools

    def _phone(self) -> Say:
        return Say(phrases.reach_a_person(self._c))


def _slots(record: ToolRecord) -> list[dict[str, Any]]:
    """The slots that were found, else the nearest others."""
    slots = record.output.get("slots") or record.output.get("alternatives")
    return [slot for slot in slots if isinstance(slot, dict)][:MAX_OFFERED] if isinstance(slots, list) else []


def _upcoming(record: ToolRecord) -> list[dict[str, Any]]:
    appointments = record.output.get("appointments")
    listed = [a for a in appointments if isinstance(a, dict)] if isinstance(appointments, list) else []
    return [a for a in listed if a.get("status") in {"booked", "pending"} and a.get("upcoming", True)]
