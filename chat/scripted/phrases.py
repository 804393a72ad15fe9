"""The scripted model's sentences, in the patient's language (the caller activates it)."""

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext as _

from chat.scripted.conversation import Conversation


def greeting(c: Conversation, name: str | None = None) -> str:
    """Says who is speaking, what it is and what it can do."""
    hello = _("Nice to meet you, {name}. ").format(name=name) if name else ""
    return hello + _introduction(c) + " " + _("I can find, book and cancel appointments. What do you need?")


def ask_identity(c: Conversation, *, for_booking: bool = False) -> str:
    """Asks for the document and the birth date."""
    reason = _("I will gladly help you book an appointment.") if for_booking else _("I can help you with that.")
    return _introduced(
        c,
        reason
        + " "
        + _(
            "First tell me who you are: the type and number of your document and your birth date. "
            "For example: CC 12345678, 14 May 1990."
        ),
    )


def ask_rest_of_identity(c: Conversation, document: tuple[str | None, str] | None, birth_date: str | None) -> str:
    """Asks for what is still missing to identify the person."""
    if document is None or document[0] is None:
        return _introduced(
            c, _("Thank you. Now tell me the type and number of your document, for example CC 12345678.")
        )
    if birth_date is None:
        return _introduced(c, _("Thank you. Now tell me your birth date, with day, month and year."))
    return ask_identity(c)


def ask_registration(
    c: Conversation, document: tuple[str | None, str] | None, birth_date: str | None, name: str | None
) -> str:
    """Asks for what a registration still lacks."""
    missing = [
        word
        for word, there in (
            (_('your full name ("My name is ...")'), name),
            (_("the type and number of your document"), document and document[0]),
            (_("your birth date"), birth_date),
        )
        if not there
    ]
    return _introduced(c, _("To register you I need: {missing}.").format(missing=", ".join(missing)))


def not_registered() -> str:
    """The person declined to have their data stored."""
    return _("Understood: I have not stored anything. If you change your mind, tell me.")


def welcome(c: Conversation, *, registered: bool) -> str:
    """The person is known now, and has not said what for."""
    text = _("Thank you, {name}.").format(name=c.first_name) if c.first_name else _("Thank you.")
    return text + " " + _("What do you need: a new appointment, or something about one that you have?")


def offer(c: Conversation, slots: Sequence[dict[str, Any]], *, others: bool) -> str:
    """Lists free slots, numbered."""
    hello = _("Thank you, {name}. ").format(name=c.first_name) if c.first_name and _just_identified(c) else ""
    head = (
        _("There is nothing free for what you asked; the nearest times are:") if others else _("These times are free:")
    )
    lines = [f"{place}. {_slot_line(slot)}" for place, slot in enumerate(slots, start=1)]
    return _introduced(c, "\n".join((hello + head, *lines, _("Which one do you want?"))))


def no_slots(specialties: Sequence[str]) -> str:
    """Nothing is free at all; names what the clinic does have."""
    text = _("I find no free times for that. Tell me another day or specialty, or call the clinic.")
    if specialties:
        text += " " + _("We have: {specialties}.").format(specialties=", ".join(map(str, specialties)))
    return text


def not_offered() -> str:
    """The person names a time that is not in the list."""
    return _("That time is not in the list. Choose one by its number, or tell me another day.")


def which_one() -> str:
    """The person has to say which appointment they mean."""
    return _("Which one do you mean? Answer with its number.")


def ask_confirmation(proposal: dict[str, Any]) -> str:
    """Asks for a yes to a slot that is being held."""
    return _("I am holding {slot} for a few minutes. Shall I confirm it? Answer yes or no.").format(
        slot=_slot_line(proposal)
    )


def confirmed(c: Conversation) -> str:
    """Goes before the server's own confirmation."""
    return _("Done, {name}:").format(name=c.first_name) if c.first_name else _("Done:")


def kept() -> str:
    """The person does not want to cancel after all."""
    return _("Good, everything stays as it is.")


def appointments(listed: Sequence[dict[str, Any]], *, to_cancel: bool = False, to_move: bool = False) -> str:
    """Lists the person's appointments and asks what to do."""
    if not listed:
        return _("You have no coming appointments. Do you want to book one?")
    lines = [f"{place}. {_slot_line(item)}{_reference(item)}" for place, item in enumerate(listed, start=1)]
    question = _("Is there anything else you need?")
    if to_cancel:
        question = _("Shall I cancel it? Answer yes or no.") if len(listed) == 1 else _("Which one shall I cancel?")
    elif to_move:
        question = _("To change it, book another time and then cancel this one. Shall I look for times?")
    return "\n".join((_("Your coming appointments:"), *lines, question))


def hours(c: Conversation) -> str:
    """The opening hours, where the instructions have them."""
    if c.hours:
        return _introduced(c, _("Our opening hours: {hours}").format(hours=c.hours))
    return _introduced(c, _("I do not have the opening hours at hand; the clinic's staff can tell you."))


def thanks() -> str:
    """Answers a thank-you."""
    return _("You are welcome! If you need anything else, write to me.")


def handed_over() -> str:
    """A person will take over."""
    return _("I have told the clinic's staff. A person will answer you here.")


def reach_a_person(c: Conversation) -> str:
    """No handover tool is offered."""
    return _introduced(
        c,
        _("To speak with a person, call the clinic; in an emergency call {number}.").format(
            number=c.facts.get("emergency number", "123")
        ),
    )


def cannot_do_here() -> str:
    """The assistant lacks the tool."""
    return _("I cannot do that here. The clinic's staff can help you.")


def done() -> str:
    """A tool that has no sentence of its own did its work."""
    return _("Done.")


def not_understood() -> str:
    """Says what it can do."""
    return _(
        "I am an automatic assistant and did not understand that. I can find free times, book, show and cancel "
        "appointments, and tell you the opening hours. For medical questions, book an appointment."
    )


def _introduced(c: Conversation, text: str) -> str:
    return f"{_introduction(c)} {text}" if c.answers == 0 else text


def _introduction(c: Conversation) -> str:
    return _("Hello, I am {name}, the automatic assistant of {clinic}.").format(
        name=c.facts.get("you are", "Anna"), clinic=c.facts.get("clinic", "HealthMate")
    )


def _just_identified(c: Conversation) -> bool:
    return any(r.name in {"fetch_patient_info", "create_patient"} and not r.code for r in c.new_records)


def _slot_line(slot: dict[str, Any]) -> str:
    parts = (slot.get("label") or slot.get("starts_at"), slot.get("practitioner"), slot.get("specialty"))
    return ", ".join(str(part) for part in parts if part)


def _reference(item: dict[str, Any]) -> str:
    return f" ({item['reference']})" if item.get("reference") else ""
