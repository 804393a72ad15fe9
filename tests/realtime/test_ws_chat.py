"""`manage.py ws_chat` against a running server."""

import builtins
from collections.abc import Callable, Iterator
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from chat.models import Assistant
from healthmate.accounts.models import User
from tests.conftest import LiveServer
from tests.realtime.conftest import PASSWORD, resource

ALL_WELL = "authentication: ok\nping/pong: ok\nstreaming: ok\n"


@pytest.fixture
def ws_chat(server: LiveServer, clinician: User, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Run the command as the clinician; `typed` is what is written at its prompts."""

    def run(*typed: str, **options: Any) -> str:
        lines: Iterator[str] = iter(typed)
        monkeypatch.setattr(builtins, "input", lambda prompt="": next(lines))
        given = {"url": f"{server.ws_url}/ws/chat", "email": clinician.email, "password": PASSWORD} | options
        output = StringIO()
        try:
            call_command("ws_chat", stdout=output, no_color=True, **given)
        except CommandError as error:
            raise CommandError(f"{output.getvalue()}{error}") from error
        return output.getvalue()

    return run


def test_the_checks_of_seed_3(ws_chat: Callable[..., str], record: int) -> None:
    assert ws_chat(test=True) == ALL_WELL
    Assistant.objects.filter(slug="clinical").update(active=False)
    with pytest.raises(CommandError, match=r"streaming: FAILED\n  PROCESSING_ERROR: .+\n1 of 3 checks failed."):
        ws_chat(test=True)


def test_a_server_that_says_no(ws_chat: Callable[..., str], clinician: User) -> None:
    with pytest.raises(CommandError, match=r"El correo|contraseña"):
        ws_chat(test=True, password="wrong")
    with pytest.raises(CommandError, match="does not answer as HealthMate does"):
        ws_chat(test=True, url="ws://127.0.0.1:9/ws/chat")
    clinician.user_permissions.clear()
    with pytest.raises(CommandError, match="2 of 3 checks failed"):
        ws_chat(test=True)


def test_a_talk(ws_chat: Callable[..., str], record: int, make_record: Callable[..., int]) -> None:
    make_record(resource("Condition", "Asma \x1b[31mroja"), number="1", name="Ana Rojas")

    said = ws_chat("30995750", "¿A qué es alérgica?", "/patient", "/patient 8 1", "¿Tiene asma?", "")

    assert "🔍 Buscando datos del paciente...\n" in said
    assert "Penicilina; active [1]." in said
    assert "  [1] 2016-04-18  " in said
    assert "confidence 1.00 · scripted · 1 pieces out of 3 records" in said
    assert "Write for example: /patient 8 30995750" in said
    assert "Asma \\x1b[31mroja" in said
    with pytest.raises(CommandError, match=r"PATIENT_NOT_FOUND: .+\n"):
        ws_chat(document_number="2", question="¿Y?")
