"""Numbers of a date that are spelled out ("catorce de mayo de mil novecientos noventa"), put in figures."""

import re

UNITS_ES = "uno dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince dieciseis diecisiete"
UNITS_EN = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"
ORDINALS_EN = (
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth "
    "fifteenth sixteenth seventeenth eighteenth nineteenth twentieth"
)
TENS_ES = "veinte treinta cuarenta cincuenta sesenta setenta ochenta noventa"
TENS_EN = "twenty thirty forty fifty sixty seventy eighty ninety"
TEENS = {"dieciocho": 18, "diecinueve": 19, "eighteen": 18, "nineteen": 19}
HUNDREDS = {
    "mil": 1000, "thousand": 1000, "cien": 100, "ciento": 100, "hundred": 100, "novecientos": 900, "ochocientos": 800
}  # fmt: skip
TEN, HUNDRED, THOUSAND = 10, 100, 1000
CENTURIES = (18, 19, 20)
LONGEST = 7  # words of a spelled number: "one thousand nine hundred and ninety nine"


def _from(words: str, start: int, step: int = 1) -> dict[str, int]:
    return {word: start + place * step for place, word in enumerate(words.split())}


_VEINTI = {f"veinti{unit}": 20 + value for unit, value in _from(UNITS_ES, 1).items() if value < TEN}
_DECADES = _from(TENS_ES, 20, 10) | _from(TENS_EN, 20, 10)
_ORDINALS = _from(ORDINALS_EN, 1) | {"primero": 1, "thirtieth": 30}
_VALUES = (
    _from(UNITS_ES, 1) | _from(UNITS_EN, 1) | {"un": 1, "oh": 0} | TEENS | _VEINTI | _DECADES | HUNDREDS | _ORDINALS
)  # fmt: skip
_JOINED = re.compile(r"\b(eighteen|nineteen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety)-(?=[a-z])")
_WORD = re.compile(r"[^\W\d_]+|\d+|[^\w\s]|\s+|_+")
_TWICE = re.compile(r"\b(\d{1,4}) ?\(\1\)")


def in_figures_only(plain: str) -> str:
    """Folded text with its spelled numbers in figures; "14 (14)" becomes "14"."""
    pieces = _WORD.findall(_JOINED.sub(r"\1 ", plain))
    written: list[str] = []
    place = 0
    while place < len(pieces):
        taken, value = _number_at(pieces, place)
        written.append(str(value) if taken else pieces[place])
        place += taken or 1
    return _TWICE.sub(r"\1", "".join(written))


def _number_at(pieces: list[str], place: int) -> tuple[int, int]:
    """How many pieces the number takes that begins here (0 for none), and what it is worth."""
    values: list[int] = []
    taken = 0
    for end in range(place, min(place + 2 * LONGEST, len(pieces)), 2):
        word = pieces[end]
        if word in {"y", "and"} and values and _goes_on(pieces, end, values):
            continue
        if word not in _VALUES or (values and not _follows(values, _VALUES[word])):
            break
        values.append(_VALUES[word])
        taken = end - place + 1
        if end + 1 < len(pieces) and not pieces[end + 1].isspace():
            break
    return taken, _worth(values)


def _goes_on(pieces: list[str], place: int, values: list[int]) -> bool:
    following = _VALUES.get(pieces[place + 2]) if place + 2 < len(pieces) else None
    return following is not None and _follows(values, following)


def _follows(values: list[int], value: int) -> bool:
    """Whether a word of that value goes on the number: tens after hundreds, units after tens."""
    last = values[-1]
    if value in (HUNDRED, THOUSAND):
        return last < value and (len(values) == 1 or values[-2] > value)
    if last == 0:
        return value < TEN  # "nineteen oh five"
    if last % HUNDRED == 0:
        return value < last
    if len(values) == 1 and last in CENTURIES and (value == 0 or TEN <= value < HUNDRED):
        return True  # "nineteen ninety"
    return last % TEN == 0 and last > TEN and value < TEN


def _worth(values: list[int]) -> int:
    if len(values) > 1 and values[0] in CENTURIES and (values[1] == 0 or TEN <= values[1] < HUNDRED):
        return values[0] * HUNDRED + sum(values[1:])
    total = current = 0
    for value in values:
        if value == THOUSAND:
            total, current = (current or 1) * THOUSAND, 0
        elif value == HUNDRED:
            current = (current or 1) * HUNDRED
        else:
            current += value
    return total + current
