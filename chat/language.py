"""Spanish or English, yes or no: the little that the server itself must understand of a message."""

import re

from healthmate.common.text import fold

LANGUAGES = ("es", "en")

_WORDS = {
    "es": frozenset(
        ["hola", "buenos", "buenas", "dias", "tardes", "noches", "gracias", "por", "favor", "el", "la", "los", "las", "un", "una", "unos", "de", "del", "que", "y", "en", "con", "para", "quiero", "quisiera", "necesito", "puedo", "puede", "tengo", "tiene", "mi", "mis", "su", "sus", "me", "se", "es", "soy", "esta", "estoy", "hay", "cita", "citas", "turno", "hora", "horario", "medico", "doctora", "primera", "segunda", "tercera", "manana", "martes", "lunes", "miercoles", "jueves", "viernes", "sabado", "domingo", "si", "no", "como", "cuando", "donde", "cual", "cuales", "ayuda", "nacido", "nacida", "naci", "fecha", "nacimiento", "documento", "cedula", "numero", "cancelar", "mover", "cambiar", "reservar", "pedir", "ver", "cuanto", "duele", "dolor", "llamo", "nombre", "vale", "claro"]
    ),
    "en": frozenset(
        ["hello", "hi", "hey", "good", "morning", "afternoon", "evening", "thanks", "thank", "you", "please", "the", "a", "an", "of", "and", "in", "with", "for", "to", "want", "would", "like", "need", "can", "could", "have", "has", "my", "your", "i", "am", "is", "are", "it", "there", "appointment", "appointments", "slot", "time", "doctor", "first", "second", "third", "tomorrow", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday", "yes", "no", "how", "when", "where", "which", "what", "help", "born", "birth", "date", "document", "id", "number", "cancel", "move", "change", "book", "schedule", "see", "much", "hurts", "pain", "name", "sure", "okay", "one", "take"]
    ),
}

_YES = re.compile(
    r"^(?:si+|s[ií]p|claro(?: que si)?|por supuesto|vale|de acuerdo|dale|listo|correcto|perfecto|confirmo|confirmado|"
    r"acepto|autorizo|adelante|esta bien|ok|okay|okey|yes|yeah|yep|yup|sure|of course|confirm|confirmed|i confirm|"
    r"i agree|agreed|agree|go ahead|please do|correct|perfect|right|that works|sounds good|i accept|accept|absolutely)\b"
)
_NO = re.compile(r"^(?:no|nop|nope|nah|mejor no|todavia no|not yet|don'?t|do not|negativo|no gracias)\b")
_BUT = re.compile(r"\b(?:pero|but|aunque|however|mejor|instead|otro|otra|another|different)\b")


def detect_language(text: str, *, default: str) -> str:
    """`es` or `en`, whichever has more of its everyday words in `text`; `default` on a tie."""
    words = re.findall(r"[a-z']+", fold(text))
    scores = {language: sum(word in known for word in words) for language, known in _WORDS.items()}
    if any(mark in text for mark in "¿¡ñáéíóúü"):
        scores["es"] += 1
    best = max(LANGUAGES, key=lambda language: scores[language])
    return best if scores[best] > min(scores.values()) else default


def says_yes(text: str) -> bool:
    """Whether the message agrees, plainly and without a condition."""
    plain = _plain(text)
    return bool(_YES.match(plain)) and not _BUT.search(plain)


def says_no(text: str) -> bool:
    """Whether the message declines."""
    return bool(_NO.match(_plain(text)))


def _plain(text: str) -> str:
    return re.sub(r"^[\W_]+", "", fold(text))
