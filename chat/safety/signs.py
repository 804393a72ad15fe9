"""The notation of the emergency vocabulary (chat/vocabulary/red_flags.toml), read into regular expressions.

They match a clause of `clauses`: words between single blanks. Every gap is bounded and every word is taken whole,
so the time is linear in the text.
"""

import re
from collections.abc import Iterable, Mapping

from healthmate.common.text import fold, without_disguise

GAP, GAP_EITHER_WAY = 4, 8  # words
_GAP = r"(?: (?!(?:no|not|ni|sin|never|nunca|without|radiografia|placa|rayos|xray) )[^ ]++){0,%d}?"
_CLAUSE_END = re.compile(r"[.;!?¡¿]| (?:pero|aunque|but|however|though|although) ")
_WORD = re.compile(r"[^\W_]+|,")


def clauses(text: str, spelling: Mapping[str, str]) -> list[str]:
    """The clauses of `text` as ` word word , word `, folded, without apostrophes, spelling set right."""
    plain = without_disguise(fold(re.sub(r"[\r\n]+", " , ", text))).replace("'", "")
    return [f" {' '.join(words)} " for part in _CLAUSE_END.split(plain) if (words := _words(part, spelling))]


def rows(lines: Iterable[str], sets: Mapping[str, str]) -> re.Pattern[str]:
    """Matches what any of the lines describes."""
    return re.compile("|".join(f"(?:{_row(line, sets)})" for line in lines))


def any_word(listed: str) -> re.Pattern[str]:
    """Matches any of the words or rows of words, as `a|b_c|d*`."""
    return re.compile(_term(listed, {}))


def _words(part: str, spelling: Mapping[str, str]) -> list[str]:
    """The words; letters drawn out ("muchooo") are written once."""
    found = (re.sub(r"([a-z])\1{2,}", r"\1", word) for word in _WORD.findall(part))
    return [spelling.get(word, word) for word in found]


def _row(line: str, sets: Mapping[str, str]) -> str:
    line, _, refused = line.partition("!")
    refusal = f"(?!{_term(refused.strip(), sets)})" if refused else ""
    first, both_ways, second = line.partition(" & ")
    if both_ways:
        gap, one, other = _GAP % GAP_EITHER_WAY, _sequence(first, sets), _sequence(second, sets)
        return f"(?:{one}{gap}{other}|{other}{gap}{one}){refusal}"
    return _sequence(line, sets) + refusal


def _sequence(words: str, sets: Mapping[str, str]) -> str:
    parts = []
    for word in words.split():
        if word.startswith("~"):
            parts.append(_GAP % int(word[1:] or GAP))
        elif word.endswith("?"):
            parts.append(f"(?:{_term(word[:-1], sets)})?")
        else:
            parts.append(_term(word, sets))
    return "".join(parts)


def _term(alternatives: str, sets: Mapping[str, str]) -> str:
    words = re.sub(r"<(\w+)>", lambda match: sets[match[1]], alternatives).split("|")
    patterns = sorted({word.replace("_", " ").replace("*", "[^ ]*+") for word in words}, key=len, reverse=True)
    return rf" (?:{'|'.join(patterns)})(?= )"
