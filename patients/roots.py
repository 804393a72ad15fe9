"""What a word keeps between Spanish and English, so that cognates meet without a dictionary.

Clinical words mostly come from Greek and Latin and differ between the two languages by spelling rules alone:
`hipertensión` and `hypertension`, `faringitis` and `pharyngitis`, `espirometría` and `spirometry` have one root.
"""

import re
from functools import lru_cache

from healthmate.common.text import fold

WORD = re.compile(r"[a-z0-9]+")
SHORT = 3  # such words are abbreviations (LDL, TSH, VIH) and stay as they are
LONGEST = 40
# Words that join others; places are counted without them, so that "fracture of the ankle" is "ankle fracture" reversed.
JOINING = frozenset(
    (
        "of",
        "the",
        "an",
        "in",
        "on",
        "at",
        "to",
        "for",
        "from",
        "by",
        "with",
        "and",
        "or",
        "el",
        "la",
        "los",
        "las",
        "un",
        "una",
        "unos",
        "unas",
        "al",
        "de",
        "del",
        "en",
        "por",
        "para",
        "con",
        "y",
        "e",
        "o",
        "u",
        "s",
    )
)
_SPELLINGS = tuple(
    (re.compile(pattern), instead)
    for pattern, instead in (
        (r"^ps", "s"),
        (r"^pn", "n"),
        (r"^es(?=[bcdfghlmnpqrt])", "s"),
        (r"ph", "f"),
        (r"ch|k|qu(?=[ei])|z", "c"),
        (r"h", ""),
        (r"y", "i"),
        (r"[ao]e", "e"),
        (r"mf", "nf"),
        (r"nm", "m"),
        (r"tion", "cion"),
        (r"(.)\1", r"\1"),
        (r"i(?:dad|t[yi])(?:es)?$", "it"),
    )
)
_ENDING = re.compile(r"(?:i?um|[aeiou]*s|[aeiou]+)$")
_ADJECTIVE = re.compile(r"(?:ical|ic|al)$")
# Words that would lose what tells them from others: Crohn is not chronic, shellfish has no self.
_WHOLE = frozenset(
    ("colono", "crohn", "crohns", "haemophilus", "hives", "pulmonia", "seasonique", "shellfish", "shingles")
)


@lru_cache(maxsize=50_000)
def root(word: str) -> str:
    """The root of one folded word; short words, words with figures, Latin genitives and a few others are their own."""
    word = word[:LONGEST]
    # "Streptococcus pneumoniae" is no pneumonia.
    if len(word) <= SHORT or not word.isalpha() or word.endswith("iae") or word in _WHOLE:
        return word
    for pattern, instead in _SPELLINGS:
        word = pattern.sub(instead, word)
    stem = _without(_ENDING, word)
    return _without(_ADJECTIVE, stem if stem != word else word.removesuffix("s"))


def _without(ending: re.Pattern[str], word: str) -> str:
    shorter = ending.sub("", word)
    return shorter if len(shorter) > SHORT else word


def words_of(text: str) -> list[str]:
    """The folded words of a text, without those that only join others."""
    return [word for word in WORD.findall(fold(text)) if word not in JOINING]


def roots_of(text: str) -> tuple[str, ...]:
    """The roots of a text's words, in order."""
    return tuple(map(root, words_of(text)))
