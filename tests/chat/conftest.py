"""Conversations over the socket, and tools of the tests' own, which know nothing of patients."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx
import pytest
from pydantic import Field

from chat.models import Assistant
from chat.services.openai_service import close_clients
from healthmate.common.steps import close_connections
from healthmate.common.tools import IdentityGrant, IdentityLevel, ToolArguments, ToolContext, ToolResult, refuse, tool


class EchoArguments(ToolArguments):
    text: str = Field(max_length=20)


@tool(arguments=EchoArguments)
def echo(arguments: EchoArguments, context: ToolContext) -> ToolResult:
    """Repeat a text."""
    return ToolResult(ok=True, data={"text": arguments.text, "said": list(context.said)})


class NoArguments(ToolArguments):
    pass


@tool(arguments=NoArguments, level=IdentityLevel.MATCHED)
def secret(arguments: NoArguments, context: ToolContext) -> ToolResult:
    """Tell who is writing."""
    return ToolResult(ok=True, data={"patient_id": context.patient_id})


@tool(arguments=NoArguments, writes=True, needs_consent=True)
def enrol(arguments: NoArguments, context: ToolContext) -> ToolResult:
    """Store somebody who agreed."""
    return ToolResult(ok=True, data={"consent": context.consent}, did="registered", receipt="RECEIPT-1")


@tool(arguments=NoArguments)
def explode(arguments: NoArguments, context: ToolContext) -> ToolResult:
    """Fail."""
    raise RuntimeError(context.said[-1])


@tool(arguments=NoArguments)
def identify_nobody(arguments: NoArguments, context: ToolContext) -> ToolResult:
    """Find nobody."""
    return refuse("NOT_IDENTIFIED", "Nobody.")


@tool(arguments=NoArguments)
def grant(arguments: NoArguments, context: ToolContext) -> ToolResult:
    """Identify the newest patient."""
    from patients.models import Patient

    patient = Patient.objects.latest("id")
    identity = IdentityGrant(patient_id=patient.pk, level=IdentityLevel.MATCHED)
    return ToolResult(ok=True, data={"identified": True}, identity=identity)


@pytest.fixture
def test_tools(settings: Any, database: None) -> list[str]:
    """Assistants that offer only the tools above."""
    names = ["echo", "secret", "enrol", "explode", "identify_nobody", "grant"]
    settings.CHAT_TOOLS = [f"{__name__}.{name}" for name in names]
    Assistant.objects.update(tools=names)
    return names


@dataclass
class Talk:
    """A conversation of one device."""

    http: httpx.Client
    thread_id: str

    def post(self, message: Any, **headers: str) -> httpx.Response:
        return self.http.post(f"/chat/update/{self.thread_id}", json={"message": message}, headers=headers)

    def say(self, message: str) -> dict[str, Any]:
        response = self.post(message)
        assert response.status_code == 200, response.text
        return response.json()

    def history(self) -> list[dict[str, Any]]:
        return self.http.get(f"/chat/{self.thread_id}").json()["messages"]


@pytest.fixture
def make_talk(server: Any) -> Callable[..., Talk]:
    """Start a conversation of a new device."""
    clients = []

    def make(language: str = "es") -> Talk:
        client = httpx.Client(base_url=server.url, timeout=60, headers={"Accept-Language": language})
        clients.append(client)
        return Talk(client, client.post("/chat/create", json={}).json()["thread_id"])

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def talk(make_talk: Callable[..., Talk]) -> Talk:
    """A conversation of a new device."""
    return make_talk()


@pytest.fixture
async def closed_clients() -> AsyncIterator[None]:
    """For tests that use the door in an event loop of their own."""
    yield
    await close_clients()
    await close_connections()


@pytest.fixture
def model_server(llmock: Any, settings: Any) -> Any:
    """The product configured for llmock as its model server."""
    settings.OPENAI_BASE_URL = llmock.base_url()
    settings.OPENAI_API_KEY = f"sk-{uuid4()}"  # a provider, and so a circuit breaker, of the test's own
    settings.LLM_STALL_TIMEOUT = 0.5
    return llmock
