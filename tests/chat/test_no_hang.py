"""No message keeps the server's loop busy: every rule answers hostile text in time.

A hang test, not a benchmark: the bound is far above what any of it takes, and CPU time is counted.
"""

import importlib
import inspect
import pkgutil
import re
import time
import tomllib
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

import chat.scripted
import chat.vocabulary
from chat import intents, language
from chat.safety import red_flags
from chat.safety.truth import TruthGate
from healthmate.common import dates, text

SECONDS = 0.5
LONGEST = 4000
SHORT = 120  # enough for what doubles with every word
OTHER_ARGUMENTS = {
    "today": date(2026, 6, 1),
    "default": "es",
    "language": "es",
    "options": [{"label": "lunes 10:00", "starts_at": "2026-06-01T10:00:00-05:00", "practitioner": "Laura Ruiz"}] * 5,
}


def _gate(text: str) -> str:
    gate = TruthGate(done=[], references={"HM-ABC234": "booked"})
    return gate.release(text) + gate.finish("en")


def _takes_text(function: Any) -> bool:
    """Whether it is a rule about a message: text first, and nothing else that this test cannot supply."""
    first, *others = [*inspect.signature(function).parameters.values(), None]
    needed = [p.name for p in others if p is not None and p.default is inspect.Parameter.empty]
    return first is not None and first.name in {"text", "folded"} and set(needed) <= set(OTHER_ARGUMENTS)


def _rules() -> dict[str, Callable[[str], Any]]:
    scripted = [
        importlib.import_module(f"chat.scripted.{module.name}")
        for module in pkgutil.iter_modules(chat.scripted.__path__)
    ]
    rules: dict[str, Callable[[str], Any]] = {"TruthGate": _gate}
    for module in (language, intents, red_flags, dates, text, *scripted):
        for name, function in inspect.getmembers(module, inspect.isfunction):
            if not name.startswith("_") and _takes_text(function):
                rules[f"{function.__module__}.{name}"] = _with_others(function)
    return rules


def _with_others(function: Callable[..., Any]) -> Callable[[str], Any]:
    parameters = inspect.signature(function).parameters.values()
    others = {p.name: OTHER_ARGUMENTS[p.name] for p in parameters if p.name in OTHER_ARGUMENTS and p.default is p.empty}
    return lambda message: function(message, **others)


def _vocabulary_words() -> list[str]:
    files = Path(chat.vocabulary.__file__).parent.glob("*.toml")
    strings = [string for file in files for string in _strings(tomllib.loads(file.read_text(encoding="utf-8")))]
    return sorted({word for string in strings for word in re.findall(r"[^\W_]+(?:'\w+)?", string)})


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _strings(item)


# What rules look for first, what they pass over, and what they end at.
LEADS = ["cc", "cédula", "documento", "no", "hace", "desde", "soy", "mi", "my", "tu cita", "tengo", "antes", "del"]
TOKENS = """
no n nº número cc c.c. cédula documento id ti pasaporte es is mi my de el la soy me llamo hace desde antes hasta from
entre proximo next semana lunes mon mañana enero 1 12 99 1990 1/1 1.1 1-1 1:1 a.m. dr. cita hm- hm-abc quedó reservada
booked i've tu your si sí yes no, ni sin not quiero dolor pecho sangre hijo hija tomo took respirar breathe tengo have
"""
SEPARATORS = [
    " ",
    "\n",
    "\t",
    ".",
    ",",
    ";",
    ":",
    "-",
    "/",
    "'",
    "’",
    "¿",
    "?",
    "!",
    "*",
    "_",
    "\u200b",
    "\u0301",
    "👍",
    "(",
]
ENDS = ["", "x", "1", ".", "?", "!x", "\n", " no", "'"]
WORDS = TOKENS.split()
RULES = _rules()


def _in_time(rule: Callable[[str], Any], message: str) -> None:
    started = time.process_time()
    rule(message)
    taken = time.process_time() - started
    assert taken < SECONDS, f"{taken:.2f} s for {message[:30]!r} * ... {message[-10:]!r}"


def _long(token: str, end: str) -> str:
    return (token * LONGEST)[: LONGEST - len(end)] + end


def test_the_rules_are_there() -> None:
    named = {name.rpartition(".")[2] for name in RULES}

    assert named >= {
        "TruthGate",
        "fold",
        "says_yes",
        "says_no",
        "says_not_me",
        "detect_language",
        "detect_intent",
        "red_flags",
        "emergency_answer",
        "dates_in",
        "span_of",
        "part_of_day_of",
        "document_in",
        "birth_date_in",
        "name_in",
        "wish_of",
    }


@pytest.mark.parametrize("name", sorted(RULES))
def test_repetitions_take_no_time(name: str) -> None:
    for number, token in enumerate([*WORDS, *SEPARATORS]):
        for separator in ("", " ", ", "):
            _in_time(RULES[name], _long(token + separator, ENDS[number % len(ENDS)]))


@pytest.mark.parametrize("name", sorted(RULES))
def test_pairs_of_words_and_broken_ends_take_no_time(name: str) -> None:
    for number, token in enumerate(WORDS):
        other, separator = WORDS[(number * 7 + 3) % len(WORDS)], SEPARATORS[number % len(SEPARATORS)]
        _in_time(RULES[name], _long(f"{token} {other}{separator}", ENDS[number % len(ENDS)]))
        for lead in LEADS:
            _in_time(RULES[name], f"{lead} " + f"{token} " * (SHORT // (len(token) + 1)) + "x")
        _in_time(RULES[name], f"{token} " + _long(f"{other} ", "x"))


@pytest.mark.parametrize("name", sorted(RULES))
def test_every_word_of_the_vocabulary_repeated_takes_no_time(name: str) -> None:
    for word in _vocabulary_words():
        for beginning in {word, word[:-1] or word}:
            _in_time(RULES[name], f"{beginning} " * (SHORT // (len(beginning) + 1)) + "¬")
