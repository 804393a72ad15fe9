"""The scripted model's sentences about appointments and people, in the patient's language (the caller activates it)."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.utils.translation import gettext as _

from chat.scripted.conversation import Conversation
from chat.scripted.questions import Question

Item = dict[str, Any]


# --- Who is writing -----------------------------------------------------------------------------------


def ask_identity(c: Conversation, *, for_booking: bool = False, slot: Item | None = None) -> str:
    """Asks for the document and the birth date."""
    reason = _("I will gladly help you book an appointment.") if for_booking else _("I can help you with that.")
    if slot:
        reason = _("You have chosen {slot}.").format(slot=slot_line(slot))
    request = _(
        "First tell me who you are: the type and number of your document and your birth date. "
        "For example: CC 12345678, 14 May 1990."
    )
    return introduced(c, f"{reason} {request}")


def ask_rest_of_identity(c: Conversation, document: tuple[str | None, str] | None, birth_date: str | None) -> str:
    """Asks for what is still missing to identify the person."""
    if document is None:
        return introduced(c, _("Thank you. Now tell me the type and number of your document, for example CC 12345678."))
    if document[0] is None:
        kinds = _("cédula de ciudadanía (CC), cédula de extranjería (CE), passport (PA), carné diplomático (CD)")
        return introduced(c, f"{_('Thank you.')} {Question.DOCUMENT_TYPE} {_('For example:')} {kinds}.")
    return introduced(c, _("Thank you. Now tell me your birth date, with day, month and year."))


def not_identified(refusal: str) -> str:
    """Goes with every refusal to identify, whatever its reason: what the person can do."""
    return (
        refusal
        + " "
        + _(
            "The type of document counts too: a cédula de ciudadanía (CC) is not a carné diplomático (CD). "
            "If one of them was wrong, write only what changes. If you have never been here, I can register you."
        )
    )


def tried_already(refusal: str) -> str:
    """The person gives again what did not match."""
    return _("That is what I have tried already.") + " " + not_identified(refusal)


def ask_registration(
    c: Conversation, document: tuple[str | None, str] | None, birth_date: str | None, name: str | None
) -> str:
    """Asks for what a registration still lacks."""
    missing = [
        word
        for word, there in (
            (_("your full name"), name),
            (_("the type and number of your document"), document and document[0]),
            (_("your birth date"), birth_date),
        )
        if not there
    ]
    if not document and not birth_date:
        missing.append(_("and, if you like, your phone number and your email address"))
    return introduced(c, f"{Question.REGISTRATION} {', '.join(missing)}.")


def not_registered() -> str:
    """The person declined to have their data stored."""
    return _("Understood: I have not stored anything. If you change your mind, tell me.")


def child_first(c: Conversation) -> str:
    """A child has a record of its own."""
    return introduced(
        c,
        _(
            "A child has a record of its own: give me the type and number of the child's document (for example RC or "
            "TI) and the child's birth date. If the child is new here, tell me so, with the child's full name."
        ),
    )


def registered(name: str) -> str:
    """The server's own confirmation, said first so that what follows stands after it."""
    return _("You are registered, %(name)s.") % {"name": name}


def what_next() -> str:
    """The person is known now, and has not said what for."""
    return _("What do you need: a new appointment, or something about one that you have?")


# --- Free times -----------------------------------------------------------------------------------------


def offer(slots: Sequence[Item], *, exact: bool, default: bool, moving: Item | None = None) -> str:
    """Lists free slots, numbered; `default` when the specialty was ours to choose, `moving` what they would replace."""
    head = _("These times are free:")
    if not exact:
        head = _("There is nothing free for exactly what you asked; the nearest times are:")
    if moving:
        head = _("To move your appointment {appointment}:").format(appointment=slot_line(moving)) + " " + head
    lines = [f"{place}. {slot_line(slot)}" for place, slot in enumerate(slots, start=1)]
    if default:
        lines.append(_("If you need another specialty or a certain doctor, tell me which."))
    return "\n".join((head, *lines, str(Question.WHICH_SLOT)))


def no_slots(specialties: Iterable[Any], *, doctor: str | None, specialty: str | None) -> str:
    """Nothing is free at all; names what the clinic does have."""
    text = _("I find no free times for that.")
    if doctor:
        text = _("I find no free times with {doctor}.").format(doctor=doctor)
    elif specialty:
        text = _("I find no free times in {specialty}.").format(specialty=specialty)
    return f"{text} {choose_specialty(specialties)}"


def choose_specialty(specialties: Iterable[Any]) -> str:
    """Asks for a specialty or a doctor, naming the specialties."""
    names = ", ".join(str(name) for name in specialties)
    have = _("We have: {specialties}.").format(specialties=names) + " " if names else ""
    return f"{have}{Question.SPECIALTY}"


def not_offered() -> str:
    """The person asks for what is not in the list, or cannot say which they mean."""
    return _("Choose one by its number, day or hour, or tell me another day or time.") + f" {Question.WHICH_SLOT}"


def ask_confirmation(slot: Item) -> str:
    """Asks for a yes to a slot that is being held."""
    return _("I am holding {slot} for a few minutes.").format(slot=slot_line(slot)) + f" {Question.CONFIRM}"


def let_go() -> str:
    """The person does not want the time that is held."""
    return f"{Question.SETTLED} " + _("I have not booked that time; it becomes free again by itself.")


def confirmed(c: Conversation) -> str:
    """Goes before the server's own confirmation."""
    return _("Done, {name}:").format(name=c.first_name) if c.first_name else _("Done:")


# --- The person's appointments ----------------------------------------------------------------------------


def appointments(listed: Sequence[Item], question: str) -> str:
    """Lists the person's appointments and asks what to do."""
    if not listed:
        return _("You have no coming appointments.") + f" {Question.LOOK}"
    lines = [f"{place}. {appointment_line(item)}{_held(item)}" for place, item in enumerate(listed, start=1)]
    return "\n".join((_("Your coming appointments:"), *lines, question))


def anything_else() -> str:
    """Ends an answer that asks nothing."""
    return _("Is there anything else you need?")


def one_at_a_time() -> str:
    """The person wants all of them cancelled."""
    return _("I cancel them one at a time.") + f" {Question.WHICH_TO_CANCEL}"


def ask_cancellation(appointment: Item) -> str:
    """Asks for a yes before cancelling."""
    return _("It is about {appointment}.").format(appointment=slot_line(appointment)) + (f" {Question.CANCEL}")


def ask_move(appointment: Item, slot: Item) -> str:
    """Asks for a yes before moving."""
    return _("Your appointment {appointment} would move to {slot}.").format(
        appointment=slot_line(appointment), slot=slot_line(slot)
    ) + (f" {Question.MOVE}")


def nothing_to_move() -> str:
    """Nothing is booked."""
    return _("You have no booked appointment that could be moved.") + f" {Question.LOOK}"


def kept() -> str:
    """Nothing changes."""
    return f"{Question.SETTLED} {anything_else()}"


def which_one(question: Question) -> str:
    """The person has to say which appointment they mean."""
    return _("Tell me its number, day, doctor or specialty.") + f" {question}"


def slot_line(slot: Item) -> str:
    """A time with its doctor and specialty, as it is listed."""
    parts = (slot.get("label") or slot.get("starts_at"), slot.get("practitioner"), slot.get("specialty"))
    return ", ".join(str(part) for part in parts if part)


def appointment_line(item: Item) -> str:
    """An appointment as it is listed, with its reference, which may be told only where a tool has just told it."""
    line = slot_line(item)
    return f"{line} ({item['reference']})" if line and item.get("reference") else line


def introduced(c: Conversation, text: str) -> str:
    """The text, with a greeting before the first answer of a conversation."""
    return f"{introduction(c)} {text}" if not c.told else text


def introduction(c: Conversation) -> str:
    """Says who is speaking and what it is."""
    return _("Hello, I am {name}, the automatic assistant of {clinic}.").format(
        name=c.facts.get("you are", "Anna"), clinic=c.facts.get("clinic", "HealthMate")
    )


def thanks_to(c: Conversation) -> str:
    """Greets somebody who has just been identified."""
    return _("Thank you, {name}.").format(name=c.first_name) if c.first_name else _("Thank you.")


def _held(item: Item) -> str:
    return " " + _("(held for you, not confirmed yet)") if item.get("status") == "pending" else ""
