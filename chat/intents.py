"""The manager: picks which assistant serves a device when the session lock names none (seed 5)."""

import re

from chat.vocabulary import load
from healthmate.common.text import fold

SCHEDULING, RECORDS, GENERAL = "scheduling", "records", "general"

_SAYS = {intent: re.compile(rf"\b(?:{says})\b") for intent, says in load("intents")["says"].items()}


def detect_intent(text: str) -> str | None:
    """`scheduling`, `records`, or None when the message shows neither."""
    folded = fold(text)
    return next((intent for intent, says in _SAYS.items() if says.search(folded)), None)
