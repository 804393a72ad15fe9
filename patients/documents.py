"""Document numbers as people write them, brought to the one form in which they are compared."""

import unicodedata


def normalize_number(number: str) -> str:
    """The normal form of a document number: capitals and digits only, so "30.995-750 " is "30995750".

    Width variants and the decimal digits of other scripts become ASCII, accents are dropped.
    Nothing but punctuation gives "".
    """
    decomposed = unicodedata.normalize("NFKD", number).upper()
    return "".join(_plain(character) for character in decomposed if character.isalnum())


def _plain(character: str) -> str:
    digit = unicodedata.decimal(character, None)
    return character if digit is None else str(digit)
