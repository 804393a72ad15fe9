"""Holds back what the database does not bear out: no "booked" unless this run booked (design, section 4)."""

import re
from collections.abc import Iterable

from django.utils.translation import gettext as _
from django.utils.translation import override

from healthmate.common.text import fold

_APPOINTMENT = r"\b(?:citas?|turnos?|consultas?|hora|reservas?|appointments?|bookings?|slots?|visits?)\b"

# Said of something finished; questions, offers and negations do not match.
_CLAIMS = {
    "booked": re.compile(
        rf"(?:{_APPOINTMENT}[^.!?\n]*\b(?:quedo|queda|quedado|esta|ha sido|fue|is|has been|was|are)\b[^.!?\n]{{0,20}}"
        r"\b(?:reservad\w|confirmad\w|agendad\w|programad\w|booked|confirmed|scheduled|reserved)\b|"
        r"\b(?:he|hemos|acabo de|i(?:'ve| have)?|we(?:'ve| have)?|just)\s+(?:just )?"
        r"(?:reservado|reservar|confirmado|confirmar|agendado|agendar|programado|booked|confirmed|scheduled|reserved)\b|"
        r"\b(?:reserve|agende|confirme|programe)\s+(?:tu|su|la|una)\b|"
        r"\byou(?:'re| are)\s+(?:all set|booked|confirmed|scheduled)\b|"
        r"\b(?:cita|reserva|appointment|booking)\s+(?:reservada|confirmada|agendada|booked|confirmed|scheduled)\b)"
    ),
    "moved": re.compile(
        rf"(?:{_APPOINTMENT}[^.!?\n]*\b(?:quedo|ha sido|fue|has been|was|is now)\b[^.!?\n]{{0,20}}"
        r"\b(?:movida|cambiada|reprogramada|trasladada|moved|rescheduled|changed)\b|"
        r"\b(?:he|hemos|i(?:'ve| have)|we(?:'ve| have))\s+(?:movido|cambiado|reprogramado|moved|rescheduled|changed)\b)"
    ),
    "cancelled": re.compile(
        rf"(?:{_APPOINTMENT}[^.!?\n]*\b(?:quedo|queda|esta|ha sido|fue|is|has been|was)\b[^.!?\n]{{0,20}}"
        r"\b(?:cancelad\w|anulad\w|cancell?ed)\b|"
        r"\b(?:he|hemos|acabo de|i(?:'ve| have)|we(?:'ve| have))\s+(?:cancelado|cancelar|anulado|cancell?ed)\b|"
        r"\b(?:cita|appointment)\s+(?:cancelada|anulada|cancell?ed)\b)"
    ),
    "registered": re.compile(
        r"(?:\b(?:te|le|lo|la)\s+(?:he|hemos)\s+registrado\b|\b(?:has sido|ha sido|quedaste|quedo|estas|esta)\s+"
        r"(?:ya )?registrad\w\b|\bi(?:'ve| have)\s+registered\b|\byou(?:'re| are| have been)\s+(?:now )?registered\b)"
    ),
}
_NOT_A_CLAIM = re.compile(r"\b(?:no|not|aun|todavia|yet|si|if|cuando|when|once|n't|antes|before|until|hasta)\b|¿|\?")
# A sentence is held from the first word that a claim can be made of.
_SUSPECT = re.compile(
    r"\b(?:cita|turno|consulta|hora\b|reserv|confirm|agend|program|cancel|anul|regist|movid|reprogram|appointment|"
    r"book|schedul|slot|visit|moved|reschedul|all set|he\s|hemos\s|acabo|i've|i have|we've|we have|you're|you are)"
)
_SENTENCE_END = re.compile(r"[.!?…](?=\s)|\n")  # a dot at the very end may stand inside a number: wait


class TruthGate:
    """Passes text on as it streams, except sentences that claim what was not done.

    `done` names what this run committed; a sentence with one of `references` tells of a stored appointment.
    """

    def __init__(self, *, done: Iterable[str], references: Iterable[str] = ()) -> None:
        self._done = frozenset(done)
        self._references = tuple(references)
        self._shown = ""  # the part of the current sentence that is out already
        self._held = ""
        self._replaced = False

    def release(self, text: str) -> str:
        """The part of the text so far that may be shown now."""
        self._held += text
        released = ""
        while end := _SENTENCE_END.search(self._held):
            sentence, self._held = self._held[: end.end()], self._held[end.end() :]
            released += self._checked(sentence)
            self._shown = ""
        if not _SUSPECT.search(fold(self._shown + self._held)):
            released += self._held
            self._shown, self._held = self._shown + self._held, ""
        return released

    def finish(self, language: str) -> str:
        """What is still held at the end, with the server's own sentence where something was taken out."""
        released, self._held = self._checked(self._held), ""
        if self._replaced:
            with override(language):
                note = _("Nothing has been booked, changed or cancelled yet: I will tell you here with a reference.")
            released += f" {note}"
        return released

    def _checked(self, rest: str) -> str:
        """The rest of a sentence, or nothing when the whole of it claims what was not done."""
        sentence = self._shown + rest
        folded = fold(sentence)
        if any(reference in sentence for reference in self._references) or _NOT_A_CLAIM.search(folded):
            return rest
        if any(deed not in self._done and claim.search(folded) for deed, claim in _CLAIMS.items()):
            self._replaced = True
            return ""
        return rest
