"""OPENAI_CONVERSATIONS copies finished turns; a failing copy harms nothing."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from chat.models import Thread
from chat.services.mirror import mirror
from chat.services.openai_service import OpenAIService
from healthmate.common.db import in_db

pytestmark = pytest.mark.usefixtures("database", "closed_clients")


class Conversations(BaseHTTPRequestHandler):
    """The two calls of OpenAI's Conversations API that a mirror needs."""

    received: list[tuple[str, Any]] = []
    status = 200

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.received.append((self.path, body))
        answer = json.dumps({"id": "conv_1", "object": "conversation", "created_at": 1, "metadata": {}}).encode()
        self.send_response(self.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def conversations(settings: Any) -> Iterator[type[Conversations]]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Conversations)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    settings.OPENAI_BASE_URL = f"http://127.0.0.1:{server.server_port}/v1"
    settings.OPENAI_CONVERSATIONS = True
    Conversations.received, Conversations.status = [], 200
    yield Conversations
    server.shutdown()
    server.server_close()


async def test_turns_go_into_one_conversation(conversations: type[Conversations]) -> None:
    thread = await in_db(Thread.objects.create)
    for number in (1, 2):
        await mirror(OpenAIService(), thread_id=thread.id, question=f"q{number}", answer=f"a{number}")

    await in_db(thread.refresh_from_db)
    assert thread.conversation_id == "conv_1"
    assert conversations.received == [
        ("/v1/conversations", {"items": [{"role": "user", "content": "q1"}, {"role": "assistant", "content": "a1"}]}),
        (
            "/v1/conversations/conv_1/items",
            {"items": [{"role": "user", "content": "q2"}, {"role": "assistant", "content": "a2"}]},
        ),
    ]


async def test_a_failing_copy_is_logged_and_forgotten(
    conversations: type[Conversations], caplog: pytest.LogCaptureFixture
) -> None:
    conversations.status = 400
    thread = await in_db(Thread.objects.create)

    await mirror(OpenAIService(), thread_id=thread.id, question="q", answer="a")

    assert f"thread {thread.id} was not mirrored: HTTP 400" in caplog.text


async def test_nothing_is_copied_unless_asked_for(conversations: type[Conversations], settings: Any) -> None:
    settings.OPENAI_CONVERSATIONS = False
    thread = await in_db(Thread.objects.create)

    await mirror(OpenAIService(), thread_id=thread.id, question="q", answer="a")

    assert conversations.received == []
