"""The page at `/` before any script runs; the rest is in tests/browser."""

import re
from pathlib import Path
from typing import Any

import httpx
import polib
import pytest

ROOT = Path(__file__).resolve().parents[2]


def test_it_loads_only_from_here_and_has_nothing_inline(http: httpx.Client) -> None:
    page = http.get("/")

    assert page.status_code == 200
    policy = dict(rule.strip().split(" ", 1) for rule in page.headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert {policy["script-src"], policy["style-src"], policy["connect-src"]} == {"'self'"}
    assert "Accept-Language" in page.headers["Vary"]
    assert page.headers["Cache-Control"] == "no-store"
    assert not re.search(r"<script(?![^>]* src=)|<style| on[a-z]+=| style=|(?:https?:)?//", page.text)
    for link in re.findall(r'(?:src|href)="(/[^"]+)"', page.text):
        assert http.get(link).status_code == 200, link


@pytest.mark.parametrize(
    ("number", "tel"),
    [("123", "tel:123"), ("01 8000 91-12", "tel:0180009112"), ("+57 1", "tel:+571")],
)
def test_it_names_the_emergency_number_and_the_clinic(http: httpx.Client, settings: Any, number: str, tel: str) -> None:
    settings.EMERGENCY_NUMBER, settings.CLINIC_NAME = number, "Clínica <del> Parque"
    page = http.get("/", headers={"Accept-Language": "en"}).text

    assert f'<a href="{tel}">Call {number}</a>' in page
    assert "<h1>Clínica &lt;del&gt; Parque</h1>" in page
    assert "a program, not a person" in page


def test_every_text_of_a_template_is_in_the_catalogue() -> None:
    spanish = {
        entry.msgid for entry in polib.pofile(str(ROOT / "locale/es/LC_MESSAGES/django.po")) if entry.translated()
    }
    found = set()
    for template in (ROOT / "templates").rglob("*.html"):
        text = template.read_text()
        found |= set(re.findall(r"""{% translate ["'](.+?)["'] %}""", text))
        for block in re.findall(r"{% blocktranslate %}(.+?){% endblocktranslate %}", text, re.DOTALL):
            found.add(re.sub(r"{{ (\w+) }}", r"%(\1)s", block))

    assert len(found) > 20
    assert found - spanish == set()
