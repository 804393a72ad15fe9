"""Staff see conversations whole, and lists cost the same however long they are."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from chat.models import Assistant, Contact, Message, Run, Thread, ToolCall

pytestmark = pytest.mark.django_db


@pytest.fixture
def make_thread() -> Callable[..., Thread]:
    def make(number: int = 0, **fields: Any) -> Thread:
        contact = Contact.objects.create(phone_number=f"chat_device-with-a-secret-id-{number}")
        thread = Thread.objects.create(contact=contact, assistant=Assistant.objects.first(), **fields)
        question = Message.objects.create(thread=thread, number=1, turn=1, direction="incoming", body="<b>Hola</b>")
        run = Run.objects.create(
            thread=thread,
            message=question,
            assistant=thread.assistant,
            status="completed",
            finished_at="2026-01-01T00:00:00Z",
        )
        ToolCall.objects.create(run=run, position=0, call_id="c", name="find_slots", arguments="{}", ok=True)
        Message.objects.create(
            thread=thread, number=2, turn=1, direction="outgoing", body="Buenas", run=run, flags=["scripted"]
        )
        return thread

    return make


def test_a_thread_reads_as_a_transcript(admin_client: Client, make_thread: Callable[..., Thread]) -> None:
    thread = make_thread()

    page = admin_client.get(reverse("admin:chat_thread_change", args=[thread.id])).content.decode()

    assert "&lt;b&gt;Hola&lt;/b&gt;" in page
    assert page.index("Hola") < page.index("find_slots ok · scripted") < page.index("Buenas")
    assert "secret-id" not in page


@pytest.mark.parametrize("model", ["assistant", "contact", "thread", "run"])
def test_lists_show_no_secret_and_cost_the_same_for_more_rows(
    admin_client: Client, make_thread: Callable[..., Thread], model: str
) -> None:
    url = reverse(f"admin:chat_{model}_changelist")
    make_thread(0)
    with CaptureQueriesContext(
        connection,
    ) as few:
        admin_client.get(url)
    for number in range(1, 6):
        make_thread(number)
    with CaptureQueriesContext(connection) as many:
        response = admin_client.get(url, {"q": "a"} if model == "assistant" else {})

    assert response.status_code == 200
    assert len(many) <= len(few)
    assert "secret-id" not in response.content.decode()


@pytest.mark.parametrize("model", ["contact", "thread", "run"])
def test_what_happened_cannot_be_edited(admin_client: Client, make_thread: Callable[..., Thread], model: str) -> None:
    thread = make_thread()
    row = {"contact": thread.contact, "thread": thread, "run": thread.runs.get()}[model]

    page = admin_client.get(reverse(f"admin:chat_{model}_change", args=[row.pk]))
    change = admin_client.post(reverse(f"admin:chat_{model}_change", args=[row.pk]), {})

    assert (page.status_code, change.status_code) == (200, 403)


def test_an_assistants_tools_are_chosen_among_the_registered(admin_client: Client) -> None:
    assistant = Assistant.objects.get(slug="scheduling")
    url = reverse("admin:chat_assistant_change", args=[assistant.pk])
    form = {"slug": "scheduling", "name": "Anna", "instructions": "Be kind.", "max_tool_rounds": 3, "active": "on"}

    assert admin_client.post(url, form | {"tools": ["find_slots"]}).status_code == 302
    assert admin_client.post(url, form | {"tools": ["no_such_tool"]}).status_code == 200

    assistant.refresh_from_db()
    assert (assistant.tools, assistant.instructions) == (["find_slots"], "Be kind.")


def test_staff_mark_what_was_raised_as_seen(admin_client: Client, make_thread: Callable[..., Thread]) -> None:
    thread = make_thread(raised="emergency")

    admin_client.post(
        reverse("admin:chat_thread_changelist"), {"action": "mark_as_seen", "_selected_action": [str(thread.id)]}
    )

    thread.refresh_from_db()
    assert thread.raised == ""
