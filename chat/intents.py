"""The manager: picks which assistant serves a device when the session lock names none (seed 5)."""

import re

from healthmate.common.text import fold

SCHEDULING, RECORDS, GENERAL = "scheduling", "records", "general"

_SIGNS = {
    SCHEDULING: re.compile(
        r"\b(citas?|turnos?|agendar?|reserv\w+|consulta con|horarios? (?:libres?|disponibles?)|disponibilidad|"
        r"cancelar|reprogramar|aplazar|appointments?|schedul\w+|book\w*|resched\w+|slots?|available times?|cancel)\b"
    ),
    RECORDS: re.compile(
        r"\b(resultados?|examenes|analisis|historia (?:clinica|medica)|historial|laboratorios?|recetas?|formula medica|"
        r"mis datos|results?|records?|lab tests?|medical history|prescriptions?|my data)\b"
    ),
}


def detect_intent(text: str) -> str | None:
    """`scheduling`, `records`, or None when the message shows neither."""
    folded = fold(text)
    return next((intent for intent, signs in _SIGNS.items() if signs.search(folded)), None)
