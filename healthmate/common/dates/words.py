"""The names of months, weekdays and small numbers, without accents, as tables and as patterns."""


def _numbered(names: tuple[str, ...], start: int) -> dict[str, int]:
    return {name: number for number, group in enumerate(names, start) for name in group.split()}


def _any(names: dict[str, int]) -> str:
    return "(?:" + "|".join(sorted(names, key=len, reverse=True)) + ")"


_MONTHS_AND_SHORT = (
    "enero january ene jan",
    "febrero february feb",
    "marzo march mar",
    "abril april abr apr",
    "mayo may",
    "junio june jun",
    "julio july jul",
    "agosto august ago aug",
    "septiembre setiembre september sept sep",
    "octubre october oct",
    "noviembre november nov",
    "diciembre december dic dec",
)
MONTHS = _numbered(_MONTHS_AND_SHORT, 1)
# Standing alone, a short name is more often another word ("mar", "ago", "sept" apart).
_SHORT_BUT_WHOLE = ("may", "mayo", "june", "july")
FULL_MONTHS = {name: month for name, month in MONTHS.items() if len(name) >= len("abril") or name in _SHORT_BUT_WHOLE}
WEEKDAYS = _numbered(
    (
        "lunes lun monday mon",
        "martes tuesday tues tue",
        "miercoles mie wednesday wed",
        "jueves jue thursday thurs thu",
        "viernes vie friday fri",
        "sabado sab saturday sat",
        "domingo dom sunday sun",
    ),
    0,
)
NUMBERS = _numbered(
    (
        "un una uno a an one",
        "dos par two couple",
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
    1,
) | {"quince": 15, "fifteen": 15}

MONTH_NAME = _any(MONTHS)
MONTH = rf"(?P<month>{MONTH_NAME})\b\.?"
FULL_MONTH = rf"(?P<month>{_any(FULL_MONTHS)})"
WEEKDAY = _any(WEEKDAYS)
NUMBER = rf"(?:\d{{1,2}}|{_any(NUMBERS)})"
# "14", "14th", "1ro", "primero"
DAY = r"(?<![\d.,/])(?P<day>\d{1,2}|primero|first)(?:\s?(?:st|nd|rd|th|ro|o|°)\b)?(?!\d)"
# What may stand between a day, a month and a year.
LINK = r"(?:\s?[-/.,]\s?(?:de |del |of )?|\s(?:de |del |of )?(?:ano |the )?)"


def number(word: str) -> int:
    """What a number of `NUMBER` is worth, in figures or as a word."""
    return int(word) if word.isdecimal() else NUMBERS[word]


def day_number(word: str) -> int:
    """What a day of `DAY` is worth."""
    return int(word) if word.isdecimal() else 1


def month_number(word: str) -> int:
    """What a month is worth, in figures or as a name."""
    return int(word) if word.isdecimal() else MONTHS[word]
