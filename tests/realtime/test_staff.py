"""Questions about records in the admin, and nowhere else: neither over REST nor for staff who may not read records."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from chat.models import Run, Thread
from healthmate.accounts.models import User
from patients.models import AccessEvent
from tests.realtime.conftest import Socket


@pytest.fixture
def staff(make_user: Callable[..., User]) -> Callable[..., Client]:
    """A client of the admin's, of somebody who may see conversations."""

    def make(*, may_read: bool) -> Client:
        user = make_user(f"{may_read}@clinic.example", may_read=may_read)
        User.objects.filter(pk=user.pk).update(is_staff=True)
        user.user_permissions.add(*Permission.objects.filter(codename__in=["view_thread", "view_run"]))
        client = Client()
        client.force_login(User.objects.get(pk=user.pk))
        return client

    return make


def test_a_question_is_in_the_admin_for_those_who_may_read_records(
    socket: Socket, record: int, staff: Callable[..., Client]
) -> None:
    socket.ask()
    thread, run = Thread.objects.get(), Run.objects.get()
    read = staff(may_read=True)
    transcript = read.get(reverse("admin:chat_thread_change", args=[thread.id]))
    assert "Metformina 850 mg" in transcript.content.decode()
    assert AccessEvent.objects.filter(purpose="transcript", thread_id=thread.id).exists()
    assert "30995750" in read.get(reverse("admin:chat_run_change", args=[run.id])).content.decode()

    other = staff(may_read=False)
    assert str(thread.id) not in other.get(reverse("admin:chat_thread_changelist")).content.decode()
    assert other.get(reverse("admin:chat_thread_change", args=[thread.id])).status_code == 302
    assert "30995750" not in other.get(reverse("admin:chat_run_change", args=[run.id])).content.decode()


def test_a_question_is_no_conversation_over_rest(
    socket: Socket, record: int, clinician: User, token_of: Any, http: httpx.Client
) -> None:
    socket.ask()
    thread = Thread.objects.get()
    http.headers["Authorization"] = f"Bearer {token_of(clinician)}"

    assert http.get(f"/chat/{thread.id}").status_code == 404
    assert http.post(f"/chat/update/{thread.id}", json={"message": "Hola"}).status_code == 404
    assert http.get("/chat/history").json()["messages"] == []
    assert str(thread.id) not in http.get("/api/chat/realtime/sessions").text
    assert Run.objects.count() == 1
