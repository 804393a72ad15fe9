"""What a sentence claims to have been done: booked, moved, cancelled, registered. Spanish and English.

Every word of such a deed in a past form counts as a claim, unless it is asked, denied right there, wished, a condition,
still to come, or said in general.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

from chat.safety.sentences import Sentence, clause, has_code, is_boundary, is_thing, is_word, part, read
from chat.vocabulary import load

BOOKED, CANCELLED, MOVED, REGISTERED = "booked", "cancelled", "moved", "registered"
ANY_STATUS = "*"
_CONDITIONS_OF_TWO_WORDS = (["una", "vez"], ["as", "soon"], ["tan", "pronto"])
CONDITION_REACH = 10  # words
NEAR = 4  # words

_VOCABULARY = load("claims")
_FORMS = {kind: re.compile(words) for kind, words in _VOCABULARY["forms"].items()}
_FORMS_ABOUT_ONE = {kind: re.compile(words) for kind, words in _VOCABULARY["forms_about_one"].items()}
_ANY_FORM = re.compile(
    "|".join(words for table in ("forms", "forms_about_one") for words in _VOCABULARY[table].values())
)
_WANT_HELPER, _HELPERS = (re.compile(_VOCABULARY["want_helper"][name]) for name in ("words", "helpers"))
_STATEMENTS = {kind: re.compile("|".join(lines)) for kind, lines in _VOCABULARY["statements"].items()}
_GIVEN = re.compile(rf"\b(?:{'|'.join(_VOCABULARY['given']['rows'])})\b")
_FIRST_PERSON = re.compile(r"\w+(?:é|í)|hice|puse|pospuse")
_ENGLISH = re.compile(r"\w+ed|made|set|put|done|brought|held|withdrawn|\w+ized")
_TIME = re.compile(_VOCABULARY["words"]["months_and_days"])


class _Claim(NamedTuple):
    kind: str
    place: int
    of_having: bool = False  # it tells that there is an appointment, not that one was made


def is_unfounded(
    shown: str, rest: str, *, done: Collection[str], references: Mapping[str, str], nearby: Collection[str] = ()
) -> bool:
    """Whether `rest`, read after `shown`, claims what neither `done` nor the status of a named reference bears out.

    `references`: reference -> its status; `nearby` are those that the lines above named.
    """
    sentence = read(shown, rest)
    if any(code not in references for _, code in sentence.codes):
        return True
    return any(not _is_founded(claim, sentence, done, references, nearby) for claim in _claims(sentence))


def _is_founded(
    claim: _Claim,
    sentence: Sentence,
    done: Collection[str],
    references: Mapping[str, str],
    nearby: Collection[str],
) -> bool:
    if claim.kind in done or (claim.of_having and MOVED in done):
        return True
    named = _codes_for(sentence, claim.place) or (list(nearby) if sentence.is_status_line else [])
    if named:
        return all(references.get(code) in {claim.kind, ANY_STATUS} for code in named)
    # "You have two appointments:" and the list below it, each line with its reference.
    tells_no_time = not any(_TIME.fullmatch(word) and len(word) > 1 for word in sentence.words)
    is_listed = sentence.is_heading and tells_no_time and claim.kind == BOOKED
    return is_listed and bool({BOOKED, ANY_STATUS} & set(references.values()))


def _codes_for(sentence: Sentence, place: int) -> list[str]:
    """The references that the claim at `place` is about: of its own part of the sentence, else of parts that lend them.

    A part with a claim of its own lends none to another appointment ("HM-7K3Q9X is booked and your other visit too").
    """
    parts: dict[int, list[str]] = {}
    for end, code in sentence.codes:
        parts.setdefault(part(sentence.words, sentence.place(end) - 1)[0], []).append(code)
    start, stop = part(sentence.words, place)
    if start in parts:
        return parts[start]
    names_another = any(is_thing(word) for word in sentence.words[start:stop])
    lending = (part for part in parts if not (names_another and _has_form(sentence.words, part)))
    return [code for part in lending for code in parts[part]]


def _has_form(words: list[str], start: int) -> bool:
    return any(_is_any_form(word) for word in words[slice(*part(words, start))])


# --- Claims -------------------------------------------------------------------------------------------------


def _claims(sentence: Sentence) -> Iterator[_Claim]:
    asked = _asked(sentence)
    for place in range(len(sentence.words)):
        kind = _kind_of_form(sentence.words, place)
        if kind is not None and not _is_excused_form(sentence.words, place, kind, asked=asked):
            yield _Claim(kind, place)
    for kind, pattern in _STATEMENTS.items():
        for match in pattern.finditer(sentence.text):
            first = sentence.place(match.start())
            if not _is_excused_statement(sentence.words, first, asked=asked):
                yield _Claim(kind, first, of_having=kind == BOOKED)


def _kind_in(table: Mapping[str, re.Pattern[str]], word: str) -> str | None:
    return next((kind for kind, forms in table.items() if forms.fullmatch(word)), None)


def _kind_of_form(words: list[str], place: int) -> str | None:
    """What the word claims to have been done; None for any other word."""
    word = words[place]
    if not _is_any_form(word):
        return None
    around = words[slice(*clause(words, place))]
    kind = _kind_in(_FORMS, word)
    if kind is None:
        kind = _kind_in(_FORMS_ABOUT_ONE, word)
        if kind is None or not _is_about_one(words, place, around) or _lacks_helper(words, place):
            return None
    elif kind == BOOKED and word.startswith("confirm") and _is_about_something_else(words):
        return None
    if kind in {MOVED, CANCELLED} or (kind == BOOKED and word.startswith(("book", "reserv", "agend"))):
        return kind
    return _kind_by_noun(around, kind)


_KIND_OF_NOUN = (
    ("cancellation", CANCELLED),
    ("moving", MOVED),
    ("appointment", BOOKED),
    ("registration", REGISTERED),
)


def _kind_by_noun(around: list[str], kind: str) -> str:
    """The kind by what is said to be done: "la cancelación fue procesada", "tu cita quedó registrada"."""
    for noun, of_noun in _KIND_OF_NOUN:
        if any(is_word(noun, word) for word in around):
            return of_noun
    return kind


def _is_about_one(words: list[str], place: int, around: list[str]) -> bool:
    """Whether an appointment, or the like, is what it was done to."""
    if any(is_thing(word) for word in around):
        return True
    nearest = words[max(0, place - 3) : place]
    follows = words[place + 1 : place + 2]
    if any(has_code(word) for word in around):
        return True
    if _ENGLISH.fullmatch(words[place]):
        return any(is_word("pronoun", word) for word in (*nearest, *follows)) and not _is_about_something_else(around)
    is_said_of_it = any(word in {"sido", "fue", "quedó", "quedo"} for word in nearest) and words[place].endswith("a")
    has_pronoun = any(is_word("pronoun_before", word) for word in nearest)
    return (is_said_of_it or has_pronoun) and not _is_about_something_else(around)


def _lacks_helper(words: list[str], place: int) -> bool:
    if not _WANT_HELPER.fullmatch(words[place]):
        return False
    before = words[max(0, place - NEAR) : place]
    if before and is_thing(before[-1]):
        return False
    return not any(_HELPERS.fullmatch(word) for word in before) or words[place - 1 : place] == ["de"]


def _is_about_something_else(words: list[str]) -> bool:
    """Whether it is an identity or other data that was confirmed or changed, and no appointment is spoken of."""
    return any(is_word("other", word) for word in words) and not any(is_word("appointment", word) for word in words)


# --- Excuses ------------------------------------------------------------------------------------------------


def _asked(sentence: Sentence) -> range:
    """The tokens that ask; what a question takes as given is not asked."""
    words = sentence.words
    opened = max((place for place, word in enumerate(words) if word == "¿"), default=None)
    if opened is None:
        if not words or "?" not in words[-2:]:
            return range(0)
        opened = _begin_of_question(words)
    given = _GIVEN.search(sentence.text, sentence.starts[opened])
    return range(opened, sentence.place(given.end()) if given else len(words))


def _begin_of_question(words: list[str]) -> int:
    """Where a question without its opening mark begins: its first word, or behind the last clause's end."""
    lead = 2 if len(words) > 1 and words[1] == "," else 0
    if len(words) > lead and is_word("interrogative", words[lead]):
        return 0
    ends = [place for place, word in enumerate(words[:-2]) if is_boundary(word) or word in {"y", "and"}]
    return ends[-1] + 1 if ends else 0


def _is_excused_form(words: list[str], place: int, kind: str, *, asked: range) -> bool:
    told_by_speaker = bool(_FIRST_PERSON.fullmatch(words[place])) or _is_i_did(words, place)
    if place in asked and not told_by_speaker:
        return True
    return (
        _is_denied(words, place)
        or _is_to_come(words, place)
        or _is_conditional(words, place, is_past=told_by_speaker)
        or _is_of_someone_else(words, place)
        or (not told_by_speaker and _is_adjective_of_offer(words, place, kind))
    )


def _is_excused_statement(words: list[str], place: int, *, asked: range) -> bool:
    return place in asked or _is_denied(words, place) or _is_conditional(words, place, is_past=False)


def _is_i_did(words: list[str], place: int) -> bool:
    """Whether "I booked" or "I just booked" stands there: no question in English."""
    before = [word for word in words[max(0, place - 3) : place] if not is_word("only", word) and word != "already"]
    return bool(before) and before[-1] in {"i", "we", "i've", "we've"}


def _is_denied(words: list[str], place: int) -> bool:
    """Whether a denial stands right before, in the same clause ("aún no está", "nothing has been")."""
    crossed_noun = limited = False
    for back in range(place - 1, -1, -1):
        word = words[back]
        if is_word("negation_of_noun" if crossed_noun else "negation", word):
            return not limited
        if is_word("only", word):
            limited = True
        elif is_thing(word):
            crossed_noun = True
        elif not (is_word("weightless", word) or (crossed_noun and is_word("having", word)) or _is_row(words, back)):
            return False
    return False


def _is_row(words: list[str], place: int) -> bool:
    """Whether the word joins forms ("booked, moved or cancelled") or is one of them."""
    if words[place] == ",":
        return place > 0 and _is_any_form(words[place - 1])
    return is_word("or", words[place]) or _is_any_form(words[place])


def _is_any_form(word: str) -> bool:
    return bool(_ANY_FORM.fullmatch(word))


def _is_to_come(words: list[str], place: int) -> bool:
    before = [word for word in words[max(0, place - NEAR) : place] if not _is_adverb(word)]
    if not before:
        return False
    if is_word("irrealis", before[-1]) and not _is_form_of_past_be(before):
        return True
    helpers = 0
    while helpers < len(before) and is_word("helper_of_perfect", before[-1 - helpers]):
        helpers += 1
    return 0 < helpers < len(before) and is_word("modal", before[-1 - helpers])


def _is_form_of_past_be(before: list[str]) -> bool:
    """`being` and `got` never; `get` and `be` only behind what makes them wishes, which they always are here."""
    return before[-1] == "este" and len(before) > 1 and before[-2] in {"de", "en"}


def _is_adverb(word: str) -> bool:
    return word in {"ya", "now", "also", "automatically", "successfully", "siendo", "correctamente", "bien", "fully"}


def _is_conditional(words: list[str], place: int, *, is_past: bool) -> bool:
    """Whether the nearest condition of its clause is about it."""
    name = "condition_of_past" if is_past else "condition"
    start = max(clause(words, place)[0], place - CONDITION_REACH)
    for back in range(place - 1, start - 1, -1):
        if is_word(name, words[back]) or words[back - 1 : back + 1] in (
            ["una", "vez"],
            ["as", "soon"],
            ["tan", "pronto"],
        ):
            return True
        if is_word("closes_condition", words[back]):
            return False
    return False


def _is_of_someone_else(words: list[str], place: int) -> bool:
    word, after = words[place], words[place + 1 : place + 1 + NEAR]
    if word.startswith("regist") and after and is_word("nurse", after[0]):
        return True
    if word.startswith("book") and (words[place - 1 : place] == ["fully"] or after[:1] in (["out"], ["up"], ["solid"])):
        return True
    return after[:1] in (["by"], ["por"], ["para"], ["for"]) and any(is_word("someone_else", w) for w in after[1:3])


def _is_adjective_of_offer(words: list[str], place: int, kind: str) -> bool:
    """Whether it only describes appointments that are offered or spoken of in general."""
    neighbours = (*words[place - 1 : place], *words[place + 1 : place + 2])
    if kind == REGISTERED:
        first = clause(words, place)[0]
        return place > first and not _has_helper(words, place) and not is_word("registration", words[place - 1])
    if not any(is_word("appointment", word) for word in neighbours):
        return False
    start = clause(words, place)[0]
    before = words[start:place]
    if any(is_word("achieved", word) for word in before) or _has_helper(words, place):
        return False
    return any(is_word("offers", word) for word in before) or (
        bool(before)
        and is_word("generic", before[0])
        and not any(_TIME.fullmatch(word) for word in words[place : place + NEAR])
    )


def _has_helper(words: list[str], place: int) -> bool:
    return any(_HELPERS.fullmatch(word) for word in words[max(0, place - 3) : place])
