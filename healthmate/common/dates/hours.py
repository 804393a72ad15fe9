"""Hours of the day as people write them: "a las 3", "10:30", "after 2 pm", "entre las 9 y las 11"."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from healthmate.common.text import fold

HOUR, NOON, DAY_END = 60, 12, 24 * 60
FIRST_HOUR = 7  # "at 3" is in the afternoon: nobody sees a doctor at three in the night
_WORDS = {
    word: value
    for value, words in enumerate(
        (
            "una one",
            "dos two",
            "tres three",
            "cuatro four",
            "cinco five",
            "seis six",
            "siete seven",
            "ocho eight",
            "nueve nine",
            "diez ten",
            "once eleven",
            "doce twelve",
        ),
        start=1,
    )
    for word in words.split()
}
_MORE = {"media": 30, "cuarto": 15}
_NUMBER = rf"(?:\d{{1,2}}|{'|'.join(sorted(_WORDS, key=len, reverse=True))})"
_CLOCK = re.compile(
    r"(?<![\w:/-])(?<!\d\.)"
    r"(?P<lead>las |a la |at (?:about |around )?|around |about |after |before |past |by |until )?"
    rf"(?P<hour>{_NUMBER})(?:[:.h](?P<minute>[0-5]\d)(?!\d)| y (?P<more>media|cuarto)\b)?"
    r"(?: ?(?P<half>[ap]) ?\.? ?m\b\.?| ?(?P<oclock>h|hrs|horas|o'? ?clock)\b)?"
    r"(?: (?:de|en|por) la (?P<part>manana|tarde|noche)\b| in the (?P<part_en>morning|afternoon|evening)\b)?"
    r"(?![\w/:-]|[.,]\d)"
)
_BETWEEN = re.compile(
    rf"\b(?P<lead>entre|between|de|from|desde)(?: las?)? (?P<a>{_NUMBER})(?::(?P<am>\d\d))?(?: ?(?P<ah>[ap])\.?m\.?)?"
    rf"(?: y| a| and| to| hasta| until| -)(?: las?)? (?P<b>{_NUMBER})(?::(?P<bm>\d\d))?(?: ?(?P<bh>[ap])\.?m\.?)?"
    r"(?P<part> (?:de|en|por) la (?:manana|tarde|noche)| in the (?:morning|afternoon|evening))?(?![\w/:])"
)
_COUNTED = re.compile(r" (?:dias?|days?|semanas?|weeks?|mes|meses|months?|anos?|years?|hijos?|children|de [a-z]+bre)\b")
_AFTER = re.compile(
    r"(?:despues|a partir|pasad[ao]s?|luego|mas tarde|desde|after|from|later|past|since)(?: de| que| than)?\s*a?$"
)
_BEFORE = re.compile(r"(?:antes|before|hasta|until|earlier|by)(?: del?| que| than)?\s*a?$")
_HALF_PAST = re.compile(r"\bhalf past ([a-z]+|\d{1,2})\b")


@dataclass(frozen=True)
class Hours:
    """Minutes of the day from `first` to `last`, both included; the same when it is one moment."""

    first: int
    last: int

    @property
    def is_moment(self) -> bool:
        """Whether an hour is named, not a stretch of the day."""
        return self.first == self.last

    def fits(self, minute: int) -> bool:
        """Whether a minute of the day lies in it."""
        return self.first <= minute <= self.last


def hours_in(text: str) -> Hours | None:
    """The hour, or the stretch of hours, that the message names last."""
    found = None
    for _match, hours in _mentions(_plain(text)):
        found = hours
    return found


def without_hours(text: str) -> str:
    """The folded message without the hours that it names."""
    plain = _plain(text)
    for match, _hours in sorted(_mentions(plain), key=lambda mention: -mention[0].start()):
        plain = plain[: match.start()] + " ~ " + plain[match.end() :]
    return plain


def _plain(text: str) -> str:
    return _HALF_PAST.sub(r"\1:30", fold(text))


def _mentions(plain: str) -> Iterator[tuple[re.Match[str], Hours]]:
    taken = -1
    for match in _BETWEEN.finditer(plain):
        part = match["part"] or ""
        last = _minute(match["b"], match["bm"], match["bh"], part)
        first = _minute(match["a"], match["am"], match["ah"] or (match["bh"] if match["lead"] != "de" else None), part)
        if first is not None and last is not None and first > last and first >= NOON * HOUR:
            first -= NOON * HOUR  # "between 10 and 2 pm"
        if first is not None and last is not None and first < last and not _COUNTED.match(plain, match.end()):
            taken = match.end()
            yield match, Hours(first, last)
    for match in _CLOCK.finditer(plain):
        part = match["part"] or match["part_en"] or ""
        named = match["lead"] or match["minute"] or match["half"] or match["oclock"] or part or match["more"]
        minute = _minute(match["hour"], match["minute"], match["half"], part)
        if match.start() < taken or not named or minute is None or _COUNTED.match(plain, match.end()):
            continue
        yield (
            match,
            _bounded(plain[: match.start()] + (match["lead"] or ""), minute + _MORE.get(match["more"] or "", 0)),
        )


def _bounded(before: str, minute: int) -> Hours:
    before = before[-40:].rstrip().removesuffix(" las").removesuffix(" la").rstrip()
    if _AFTER.search(before):
        return Hours(minute, DAY_END)
    if _BEFORE.search(before):
        return Hours(0, minute)
    return Hours(minute, minute)


def _minute(hour: str, minute: str | None, half: str | None, part: str) -> int | None:
    value = _WORDS.get(hour) or int(hour)
    if half:
        value = value % NOON + (NOON if half == "p" else 0)
    elif value < NOON and (
        ("manana" not in part and "morning" not in part and value < FIRST_HOUR)
        or (part and "manana" not in part and "morning" not in part)
    ):
        value += NOON
    return value * HOUR + int(minute or 0) if value < DAY_END // HOUR else None
