"""What the assistant can ask. Its answers hold these sentences, so that a reply is read against what was asked last."""

from enum import Enum

from django.utils.translation import gettext_lazy as _
from django.utils.translation import override

from chat.language import LANGUAGES


class Question(Enum):
    """What a reply may answer; as a string, the sentence in the language that is active."""

    CONFIRM = "confirm"
    MOVE = "move"
    CANCEL = "cancel"
    LOOK = "look"
    WHICH_SLOT = "which slot"
    WHICH_TO_CANCEL = "which to cancel"
    WHICH_TO_MOVE = "which to move"
    SPECIALTY = "specialty"
    REGISTRATION = "registration"
    DOCUMENT_TYPE = "document type"
    SETTLED = "settled"  # no question: an errand is over

    def __str__(self) -> str:
        """The sentence that asks."""
        return str(_SENTENCES[self])


_SENTENCES = {
    Question.CONFIRM: _("Shall I confirm it? Answer yes or no."),
    Question.MOVE: _("Shall I move it? Answer yes or no."),
    Question.CANCEL: _("Shall I cancel it? Answer yes or no."),
    Question.LOOK: _("Would you like me to look for an appointment?"),
    Question.WHICH_SLOT: _("Which one do you want?"),
    Question.WHICH_TO_CANCEL: _("Which one shall I cancel?"),
    Question.WHICH_TO_MOVE: _("Which one shall I move?"),
    Question.SPECIALTY: _("Which specialty or doctor would you like?"),
    Question.REGISTRATION: _("To register you I need:"),
    Question.DOCUMENT_TYPE: _("What type of document is it?"),
    Question.SETTLED: _("Good, everything stays as it is."),
}


def asked_in(text: str) -> Question | None:
    """What the assistant asked with this text, in either language; its last question when there are several."""
    found: list[tuple[int, str, Question]] = []
    for language in LANGUAGES:
        with override(language):
            found += [(text.rfind(str(question)), question.value, question) for question in Question]
    place, _value, question = max(found, key=lambda asked: asked[0])
    return question if place >= 0 else None
