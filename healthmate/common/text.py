"""Text as it is compared: without case, accents, hidden characters or doubled spaces."""

import unicodedata

_APOSTROPHES = dict.fromkeys(map(ord, "‘’‛ʼʹ′`´＇ꞌ"), "'")
# Joiners, fillers and selectors that are drawn as nothing but are not of category Cf.
_UNSEEN = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0") | {chr(code) for code in range(0xFE00, 0xFE10)}
_CONTROLS = dict.fromkeys((*range(9), *range(14, 28), 127))
# Letters of other alphabets that are read as Latin ones, lower case.
_LOOKALIKES = str.maketrans(
    "аеорсухіѕјԁһкмтвнгѵԛԝɡɑıłαοειυρτκνηωօսոցհᴀʙᴄᴅᴇɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢøđħ",
    "aeopcyxisjdhkmtbhrvqwgailaoeiuptkvnwounghabcdeghijklmnoprstuvwyzodh",
)


def fold(text: str) -> str:
    """Lower case, no accents nor unseen characters, plain apostrophes, single blanks; digits of any script as ASCII."""
    if text.isascii():
        return " ".join(text.lower().translate(_CONTROLS).replace("`", "'").split())
    decomposed = unicodedata.normalize("NFKD", text.translate(_APOSTROPHES).casefold())
    return " ".join("".join(map(_plain, decomposed)).split())


def without_disguise(text: str) -> str:
    """Lower-case text in which letters of other alphabets are the Latin ones that they look like."""
    return text.translate(_LOOKALIKES)


def printable(text: str) -> str:
    """A line as a terminal may have it: what comes from files and records may hold control characters."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def is_seen(character: str) -> bool:
    """Whether the character is drawn, or is white space; accents that stand alone are not."""
    if character.isspace():
        return True
    return (
        not unicodedata.combining(character)
        and unicodedata.category(character) not in {"Cf", "Cc", "Me"}
        and character not in _UNSEEN
    )


def _plain(character: str) -> str:
    if character < "\x7f" and character >= " ":
        return character
    if not is_seen(character):
        return ""
    digit = unicodedata.decimal(character, None)
    return character if digit is None else str(digit)
