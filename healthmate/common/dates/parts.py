"""The part of the day that somebody's words name."""

import re

from healthmate.common.text import fold

MORNING, AFTERNOON, EVENING = "morning", "afternoon", "evening"
NOON, DUSK, MIDNIGHT = 12, 18, 24
FIRST_HOUR = 7  # "at 3" is in the afternoon: nobody sees a doctor at three in the night

GREETINGS = re.compile(r"\b(?:buen[oa]s? (?:dias?|tardes?|noches?)|good (?:morning|afternoon|evening|night))\b")
_OTHER_SENSES = re.compile(r"\b(?:mas tarde|llego tarde)\b")
_PARTS = {
    MORNING: re.compile(
        r"\b(?:(?:las?|esta|una) mananas?|mananas|matinal|temprano|primera hora|mornings?|early|"
        r"antes del? (?:mediodia|medio dia)|before noon)\b"
    ),
    AFTERNOON: re.compile(
        r"\b(?:tardes?|tardecita|afternoons?|despues del? (?:mediodia|almuerzo)|after (?:noon|lunch))\b"
    ),
    EVENING: re.compile(r"\b(?:noches?|evenings?|tonight|night)\b"),
}
_CLOCK = re.compile(
    r"\b(?P<hour>\d{1,2})(?:[:.](?P<minute>\d{2}))?\s?(?P<half>[ap])\.?\s?m\b"
    r"|\b(?P<hour24>\d{1,2}):\d{2}\b"
    r"|\b(?:a las? |at )(?P<bare>\d{1,2})\b(?![/-]|\s(?:de )?(?:[a-z]+bre|ener|febr|marz|abri|mayo|juni|juli|agos))"
)


def part_of_day_of(text: str) -> str | None:
    """`morning`, `afternoon` or `evening` when the words, or an hour among them, name just one; else None."""
    plain = _OTHER_SENSES.sub(" ", GREETINGS.sub(" ", fold(text)))
    named = {part for part, pattern in _PARTS.items() if pattern.search(plain)}
    if not named:
        named = {part for match in _CLOCK.finditer(plain) if (part := _part_of(match))}
    return named.pop() if len(named) == 1 else None


def _part_of(match: re.Match[str]) -> str | None:
    if match["half"]:
        hour = int(match["hour"]) % NOON + (NOON if match["half"] == "p" else 0)
    elif match["bare"]:
        hour = int(match["bare"])
        hour += NOON if hour < FIRST_HOUR else 0
    else:
        hour = int(match["hour24"])
    if hour >= MIDNIGHT:
        return None
    return MORNING if hour < NOON else AFTERNOON if hour < DUSK else EVENING
