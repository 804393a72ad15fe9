"""Which unknown words of a question may be passed over, and which say what it is about.

"Which drugs is this lady on?" is no reason to find nothing, where no vocabulary knows the lady; "drugs for kuru" is.
"""

import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from healthmate.common.text import fold
from patients.roots import WORD, root

FILE = Path(__file__).resolve().parent.parent / "vocabulary" / "everyday.toml"
LEAST_STEM = 3
# After these stands what a list is about: "drugs for kuru", "alérgico al kiwi", "prescribed by a rheumatologist".
BEFORE_A_SUBJECT = frozenset(
    (
        *("of", "for", "to", "against", "with", "by", "from", "about", "like", "called", "named", "regarding", "s"),
        *("de", "del", "para", "pa", "contra", "a", "al", "con", "por", "como", "llamado", "llamada", "sobre"),
    )
)
# After these stands somebody or something that is at hand: "for this lady", "de nuestra viejita".
AT_HAND = frozenset(
    (
        *("this", "that", "these", "those", "my", "our", "your"),
        *("este", "esta", "estos", "estas", "ese", "esa", "aquel", "aquella", "mi", "mis", "nuestro", "nuestra", "tu"),
    )
)
# How the names of diseases, deeds and medicines end in Greek, Latin and the international nonproprietary names.
CLINICAL = re.compile(
    r"(?:itis|os[ie]s|emias?|aemia|ectom(?:y|ia)|ostom(?:y|ia)|otom(?:y|ia)|plast(?:y|ia)|scop(?:y|ia)|graph?(?:y|ia)"
    r"|grama?|pat(?:hy|ia)|algias?|urias?|penias?|oma|omas|trop(?:hy|hia|ia)|fil(?:ia)?|philia|phobia|fobia|plegia"
    r"|uresis|lysis|lisis|genic|emic[oa]?|otic[oa]?|iatr(?:y|ia)|metr(?:y|ia)|therapy|terapia|[mn]ab|[tn]ibo?|prile?"
    r"|artan|statina?|olol|azole?|azol|cill?ina?|mic[iy]na?|mycin|cyclin|ciclina|floxacino?|[vc]irs?|gliptina?"
    r"|glutid[ea]|flozina?|formina?|idine?|idina|amine?|amina|asone?|asona|olone|olona|pam|lam|triptan|setron|prazol"
    r"|dipino?|fibrato?|caine|caina|mide|mida|oxin|oxina|coccus|coco|bacter(?:ia)?|virus|ovir|cept|parin[ae]?|globulina?)$"
)
_SPANISH = re.compile(
    r"(?:[aei]?(?:r|ndo|d[oa]s?)|(?:ar|er|ir)?(?:ia|as|a|an|as|amos|emos|imos|e|en|es|o|aste|iste|io|aron|ieron|aba|abas"
    r"|aban|ian|ias|iamos|ara|iera|an))?(?:(?:me|te|se|nos)?(?:l[aeo]s?)?)$"
)
_ENGLISH = re.compile(r"(?:ing|ings|ed|ied|es|ies|s|d|e|er)$")


@cache
def _everyday() -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
    """The words of everyday speech but for verbs, the roots of these, and the stems of the verbs."""
    file = tomllib.loads(FILE.read_text(encoding="utf-8"))
    verbs = file.pop("verbs")
    words = {word for table in file.values() for text in table.values() for word in WORD.findall(fold(text))}
    spanish = {re.sub(r"(?<=..)[aei]r$", "", verb) for verb in WORD.findall(fold(verbs["spanish"]))}
    english = {verb.removesuffix("e") for verb in WORD.findall(fold(verbs["english"]))}
    return frozenset(words), frozenset(map(root, words)), frozenset(spanish | english)


@cache
def is_everyday(word: str, *, as_listed: bool = False) -> bool:
    """Whether a folded word is one of everyday speech, in any of its forms or, verbs apart, just as it is listed."""
    words, roots, stems = _everyday()
    if as_listed:
        return word in words
    return root(word) in roots or any(stem in stems for stem in stems_of(word))


def stems_of(word: str) -> Iterator[str]:
    """What may be left of a verb without its endings: `pasame` is `pas`, `pulling` is `pull`, `grabbed` is `grab`."""
    yield word
    for length in range(LEAST_STEM, len(word)):
        stem, ending = word[:length], word[length:]
        if _ENGLISH.fullmatch(ending):
            yield stem
            if stem[-1] == stem[-2]:
                yield stem[:-1]
        if _SPANISH.fullmatch(ending):
            yield stem


def named_in(text: str) -> frozenset[str]:
    """The folded words of a text that are written like names: capitals within a sentence, or figures among letters."""
    shouted = text.upper() == text
    found = set()
    for match in re.finditer(r"[^\W_]+", text):
        word, before = match[0], text[: match.start()].rstrip(" \"'([")
        within = before[-1:] not in {"", ".", "?", "!", "¿", "¡", ":", ";", "\n", "-"}
        capital = not shouted and ((word[0].isupper() and within) or (len(word) > 1 and word.isupper()))
        if capital or (not word.isalpha() and not word.isdecimal()):
            found.update(WORD.findall(fold(word)))
    return frozenset(found)


def looks_clinical(word: str) -> bool:
    """Whether a folded word ends like the name of a disease, a deed or a medicine."""
    return CLINICAL.search(word) is not None
