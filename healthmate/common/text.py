"""Text as it is compared: without case, accents or doubled spaces."""

import unicodedata


def fold(text: str) -> str:
    """Lower case, without accents, runs of white space as one blank; digits of any script as ASCII."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return " ".join("".join(_plain(c) for c in decomposed if not unicodedata.combining(c)).split())


def _plain(character: str) -> str:
    digit = unicodedata.decimal(character, None)
    return character if digit is None else str(digit)
