"""Seed 2's facade, as its example uses it."""

import threading
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from chat.services.model_io import ModelError
from chat.services.openai_service import OpenAIService
from healthmate.common.errors import ApiError

pytestmark = pytest.mark.usefixtures("database", "closed_clients")


class Recorder:
    def __init__(self) -> None:
        self.deltas: list[str] = []
        self.ended: list[str] = []

    async def on_text_delta(self, delta: str, snapshot: str) -> None:
        self.deltas.append(delta)
        assert snapshot == "".join(self.deltas)

    async def on_end(self, message: Any) -> None:
        self.ended.append(message.body)


async def test_the_seeds_example(model_server: Any) -> None:
    model_server.reply("El dataset tiene tres columnas.")
    recorder = Recorder()
    service = OpenAIService()

    thread_id = await service.create_thread()
    await service.add_message_to_thread(thread_id, "¿Qué puedes decirme sobre este dataset?")
    answer = await service.run_thread(
        thread_id=thread_id,
        instructions="Actúa como un analista de datos profesional",
        event_handler_creator=lambda: recorder,
    )

    latest = await service.get_latest_message(thread_id)
    assert [message.body for message in await service.get_messages(thread_id)] == [
        "¿Qué puedes decirme sobre este dataset?",
        "El dataset tiene tres columnas.",
    ]
    assert latest is not None
    assert latest.id == answer.id
    assert "".join(recorder.deltas) == recorder.ended[0] == answer.body
    body = model_server.last_request.body
    assert (body["instructions"], body["store"], body["input"]) == (
        "Actúa como un analista de datos profesional",
        False,
        [{"role": "user", "content": "¿Qué puedes decirme sobre este dataset?"}],
    )


async def test_a_message_needs_a_thread() -> None:
    with pytest.raises(ApiError, match="THREAD_NOT_FOUND"):
        await OpenAIService().add_message_to_thread(uuid.uuid4(), "hola")


async def test_embeddings_have_the_configured_length(settings: Any) -> None:
    settings.EMBEDDING_DIMENSIONS = 64

    near, also_near, far = await OpenAIService().embed(
        ["alergia a la penicilina", "alergia: penicilina", "vacuna gripe"]
    )

    def closeness(one: list[float], other: list[float]) -> float:
        return sum(a * b for a, b in zip(one, other, strict=True))

    assert len(near) == 64
    assert closeness(near, also_near) > closeness(near, far)


async def test_embeddings_of_another_length_are_refused_with_both_numbers(model_server: Any, settings: Any) -> None:
    settings.EMBEDDING_DIMENSIONS = 3

    with pytest.raises(ModelError, match=r"answers \d+ dimensions, EMBEDDING_DIMENSIONS is 3"):
        await OpenAIService().embed(["hola"])


async def test_without_a_server_nothing_is_transcribed() -> None:
    with pytest.raises(ModelError, match="no model server"):
        await OpenAIService().transcribe(b"RIFF", filename="a.wav")


VECTOR = '{"object": "embedding", "index": 0, "embedding": %s}'
FAULTY = {
    "no vectors": '{"data": []}',
    "none at all": "{}",
    "null": '{"data": null}',
    "a list": "[]",
    "no JSON": "{",
    "too few": '{"data": [' + VECTOR % "[1.0, 2.0]" + "]}",
    "no numbers": '{"data": [' + ", ".join([VECTOR % '["1.0", "2.0"]'] * 2) + "]}",
    "not a number": '{"data": [' + ", ".join([VECTOR % "[NaN, 2.0]"] * 2) + "]}",
    "infinite": '{"data": [' + ", ".join([VECTOR % "[1.0, -Infinity]"] * 2) + "]}",
    "larger than a float": '{"data": [' + ", ".join([VECTOR % "[1.0, 1e39]"] * 2) + "]}",
    "larger than anything": '{"data": [' + ", ".join([VECTOR % f"[1.0, 1{'0' * 400}]"] * 2) + "]}",
    "null for a vector": '{"data": [' + ", ".join([VECTOR % "null"] * 2) + "]}",
    "null for an item": '{"data": [null, null]}',
    "a text for a vector": '{"data": [' + ", ".join([VECTOR % '"AAAA"'] * 2) + "]}",
}


@pytest.fixture
def faulty_server(settings: Any) -> Iterator[dict[str, str]]:
    """A model server whose answer to everything is the `body` that a test sets."""
    answer: dict[str, str] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer["body"])))
            self.end_headers()
            self.wfile.write(answer["body"].encode())

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        settings.OPENAI_BASE_URL = f"http://127.0.0.1:{server.server_address[1]}/v1"
        settings.OPENAI_API_KEY = f"sk-{uuid.uuid4()}"
        settings.EMBEDDING_DIMENSIONS = 2
        yield answer
        server.shutdown()
        thread.join()


async def test_what_is_no_embedding_is_an_error_of_the_model(faulty_server: dict[str, str]) -> None:
    for name, faulty_server["body"] in FAULTY.items():
        with pytest.raises(ModelError):
            pytest.fail(f"{name}: {await OpenAIService().embed(['hola', 'adiós'])}")
    second, first = VECTOR.replace("0", "1") % "[3.0, 4.0]", VECTOR % "[1, 2.5]"
    faulty_server["body"] = '{"data": [' + second + ", " + first + "]}"
    assert await OpenAIService().embed(["hola", "adiós"]) == [[1.0, 2.5], [3.0, 4.0]]
