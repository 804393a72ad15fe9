"""Everything that people read is there in Spanish, and what is compiled is what is written."""

import string
from pathlib import Path

import polib
import pytest
from babel.messages.extract import extract_from_dir

ROOT = Path(__file__).resolve().parents[2]
CATALOGUE = ROOT / "locale" / "es" / "LC_MESSAGES"
KEYWORDS = {"_": None, "gettext": None, "gettext_lazy": None, "ngettext": (1, 2), "ngettext_lazy": (1, 2)}


@pytest.fixture(scope="module")
def spanish() -> polib.POFile:
    return polib.pofile(str(CATALOGUE / "django.po"))


def names_in(text: str) -> set[str]:
    named = {name for _, name, _, _ in string.Formatter().parse(text) if name}
    return named | {part.split(")")[0] for part in text.split("%(")[1:]}


def test_every_text_of_the_code_is_in_the_catalogue(spanish: polib.POFile) -> None:
    found = set()
    for package in ("healthmate", "patients", "sessions_store", "chat", "realtime"):
        for _, _, text, _, _ in extract_from_dir(str(ROOT / package), [("**.py", "python")], keywords=KEYWORDS):
            found.add(text[0] if isinstance(text, tuple) else text)

    assert found - {entry.msgid for entry in spanish} == set()


def test_every_text_is_translated_with_the_same_placeholders(spanish: polib.POFile) -> None:
    for entry in spanish:
        assert entry.translated(), entry.msgid
        for text in entry.msgstr_plural.values() or [entry.msgstr]:
            assert names_in(text) == names_in(entry.msgid), entry.msgid


def test_the_compiled_catalogue_is_up_to_date(spanish: polib.POFile) -> None:
    compiled = polib.mofile(str(CATALOGUE / "django.mo"))

    assert {e.msgid: (e.msgstr, e.msgstr_plural) for e in compiled} == {
        e.msgid: (e.msgstr, e.msgstr_plural) for e in spanish
    }
