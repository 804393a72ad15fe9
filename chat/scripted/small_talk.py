"""What the scripted model answers to everything that is no errand: hours, prices, symptoms, thanks."""

from collections.abc import Callable

from django.utils.translation import gettext as _

from chat.scripted import identity_words, phrases
from chat.scripted.conversation import Conversation
from chat.scripted.phrases import introduced
from chat.scripted.questions import Question


def answer(c: Conversation, wish: str | None) -> str | None:
    """The answer to a wish that needs no tool; None when there is none."""
    said = _ANSWERS.get(wish or "")
    return said(c) if said else None


def greeting(c: Conversation) -> str:
    """Says who is speaking, what it is and what it can do."""
    name = identity_words.name_in(c.text)
    hello = _("Nice to meet you, {name}. ").format(name=name) if name else ""
    return f"{phrases.introduction(c)} {hello}{_abilities()}"


def nice_to_meet(c: Conversation) -> str | None:
    """Answers somebody who only says their name."""
    name = identity_words.name_in(c.text)
    return _("Nice to meet you, {name}. ").format(name=name) + _abilities() if name else None


def not_understood() -> str:
    """Says that it did not understand and what it can do."""
    return _("I am an automatic assistant and did not understand that.") + " " + _abilities()


def not_understood_briefly() -> str:
    """Goes before a question that is asked again."""
    return _("I did not understand that.")


def handed_over() -> str:
    """A person will take over."""
    return _("I have told the clinic's staff. A person will answer you here.")


def reach_a_person(c: Conversation) -> str:
    """No handover tool is offered."""
    return introduced(
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


def specialties(c: Conversation, names: list[str]) -> str:
    """Tells which specialties there are, or were found."""
    if not names:
        return introduced(c, _("I do not have that at hand; the clinic's staff can tell you."))
    return introduced(c, phrases.choose_specialty(names))


def _abilities() -> str:
    return _("I can find free times, and book, show, move and cancel appointments. What do you need?")


def _hours(c: Conversation) -> str:
    hours = c.hours.get(c.language) or next(iter(c.hours.values()), None)
    if hours:
        return introduced(c, _("Our opening hours: {hours}").format(hours=hours))
    return introduced(c, _("I do not have the opening hours at hand; the clinic's staff can tell you."))


def _price(c: Conversation) -> str:
    return introduced(c, _("I do not have prices or payment details; the clinic's staff can tell you."))


def _insurance(c: Conversation) -> str:
    return introduced(c, _("I do not know which insurances are accepted; the clinic's staff can tell you."))


def _address(c: Conversation) -> str:
    return introduced(c, _("I do not have the clinic's address at hand; the clinic's staff can tell you."))


def _telephone(c: Conversation) -> str:
    return introduced(c, _("I do not have the clinic's phone number at hand; you find it on the clinic's website."))


def _symptom(c: Conversation) -> str:
    advice = _(
        "I am sorry that you are not well. I cannot give medical advice; a doctor can see you here. "
        "If it gets serious, call {number}."
    ).format(number=c.facts.get("emergency number", "123"))
    return introduced(c, f"{advice} {Question.LOOK}")


def _no_document(c: Conversation) -> str:
    return introduced(
        c,
        _(
            "Without the type and number of your document I can only show free times. "
            "The clinic's staff can help you with the rest."
        ),
    )


def _help(c: Conversation) -> str:
    return introduced(c, _("I am an automatic assistant.") + " " + _abilities())


def _thanks(_conversation: Conversation) -> str:
    return _("You are welcome! If you need anything else, write to me.")


def _bye(_conversation: Conversation) -> str:
    return _("Very well. If you need anything else, write to me. Take care!")


_ANSWERS: dict[str, Callable[[Conversation], str]] = {
    "hours": _hours,
    "price": _price,
    "insurance": _insurance,
    "address": _address,
    "telephone": _telephone,
    "symptom": _symptom,
    "no_document": _no_document,
    "help": _help,
    "thanks": _thanks,
    "bye": _bye,
}
