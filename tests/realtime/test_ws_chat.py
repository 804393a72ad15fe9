"""`manage.py ws_chat` against a running server."""

import asyncio
import builtins
import json
import threading
from collections.abc import Callable, Iterator
from io import StringIO
from typing import Any

import pytest
import uvicorn
from django.core.management import CommandError, call_command

from chat.models import Assistant
from healthmate.accounts.models import User
from healthmate.serving import WEBSOCKETS
from tests.conftest import LiveServer
from tests.realtime.conftest import PASSWORD, STATUSES, resource

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


AT = "2026-11-21T10:30:15Z"
GOOD: list[dict[str, Any]] = [
    *({"type": "status", "status": status, "message": "..."} for status in STATUSES),
    {"type": "stream_start", "timestamp": AT},
    {"type": "token", "token": "Hola"},
    {"type": "stream_end", "timestamp": AT},
    {
        "type": "complete",
        "timestamp": AT,
        "patient_info": None,
        "answer": {"text": "Hola", "confidence": 1.0, "model_used": "m", "citations": []},
        "metadata": {"total_records_analyzed": 1, "vector_chunks_used": 1},
        "flags": [],
    },
]
Frames = list[dict[str, Any] | str]
LACKING = object()


class OtherServer:
    """Speaks seed 3 but for what `spoil` makes of an answer's frames."""

    def __init__(self) -> None:
        self.spoil: Callable[[Frames], Frames] = lambda frames: frames
        config = uvicorn.Config(self, log_level="error", lifespan="off", port=0, **WEBSOCKETS)
        self.server = uvicorn.Server(config)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            headers = [(b"content-type", b"application/json")]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": b'{"access_token": "good"}'})
            return
        await send({"type": "websocket.accept"})

        async def say(frame: dict[str, Any] | str) -> None:
            await send({"type": "websocket.send", "text": frame if isinstance(frame, str) else json.dumps(frame)})

        if (b"authorization", b"Bearer good") not in scope["headers"]:
            await say({"type": "error", "error": {"code": "UNAUTHORIZED", "message": "No."}})
            await send({"type": "websocket.close", "code": 4401})
            return
        await say({"type": "connected", "user_id": "0d6a7a0e-2f3c-4f0e-8c37-0f5d3c2f9b10", "message": "Hi"})
        while (event := await receive())["type"] != "websocket.disconnect":
            if event["type"] == "websocket.receive":
                asked = json.loads(event["text"])
                if asked["type"] == "ping":
                    await say({"type": "pong"})
                    continue
                session = {"session_id": asked["session_id"]}
                for frame in self.spoil([frame | session | {"seq": seq} for seq, frame in enumerate(GOOD, 1)]):
                    await say(frame)


@pytest.fixture
def other_server() -> Iterator[OtherServer]:
    other = OtherServer()
    thread = threading.Thread(target=lambda: asyncio.run(other.server.serve()), daemon=True)
    thread.start()
    while not other.server.started:
        thread.join(0.01)
    yield other
    other.server.should_exit = True
    thread.join(10)


def changed(index: int, **changes: Any) -> Callable[[Frames], Frames]:
    """Spoil one frame; LACKING takes a key away."""

    def spoil(frames: Frames) -> Frames:
        frame = {**frames[index], **changes}  # type: ignore[dict-item]
        return [*frames[:index], {k: v for k, v in frame.items() if v is not LACKING}, *frames[index + 1 :]]

    return spoil


def test_a_broken_server_does_not_pass(other_server: OtherServer) -> None:
    port = other_server.server.servers[0].sockets[0].getsockname()[1]

    def check() -> str:
        output = StringIO()
        try:
            call_command(
                "ws_chat",
                test=True,
                url=f"ws://127.0.0.1:{port}/ws/chat",
                email="x",
                password="x",
                stdout=output,
                no_color=True,
            )
        except CommandError as error:
            return f"{output.getvalue()}{error}"
        return output.getvalue()

    assert check() == ALL_WELL
    for spoil, said in {
        (lambda frames: frames[:5] + frames[6:]): "the frames come as",
        (lambda frames: [frames[4], *frames[:4], *frames[5:]]): "the frames come as",
        changed(5, session_id="another"): "frames are of the sessions ['another']",
        changed(5, seq=5): "the frames are numbered [1, 2, 3, 4, 5, 5, 7, 8]",
        changed(5, seq=LACKING): "a bad token frame: 'seq' is a required property",
        changed(5, token=LACKING): "a bad token frame: 'token' is a required property",
        changed(5, token=7): "a bad token frame: 7 is not of type 'string'",
        changed(5, token="Adiós"): "the tokens are not the answer",
        changed(7, answer={}): "a bad complete frame: 'text' is a required property",
        changed(7, metadata=LACKING): "a bad complete frame: 'metadata' is a required property",
        changed(5, type="tokens"): "what is no frame (ValueError: no such type: tokens)",
        changed(5, type=LACKING): "what is no frame (KeyError: 'type')",
        changed(5, type=[]): "what is no frame (TypeError",
        (lambda frames: [*frames[:2], "{"]): "what is no frame (JSONDecodeError",
        (lambda frames: [*frames[:2], "[]"]): "what is no frame (TypeError",
    }.items():
        other_server.spoil = spoil
        told = check()
        assert told.startswith("authentication: ok\nping/pong: ok\nstreaming: FAILED\n  "), told
        assert said in told
        assert told.endswith("1 of 3 checks failed.")
