"""Document numbers in their normal form."""

import unicodedata


def normalize_number(text: str) -> str:
    """A document number as it is compared: upper case, letters and digits only (`cc 30.995-750` is `CC30995750`)."""
    return "".join(c for c in unicodedata.normalize("NFKC", text).upper() if c.isalnum())
