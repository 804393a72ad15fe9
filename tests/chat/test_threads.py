"""Seed 1's endpoints: who may read and write what, and what becomes of bad input."""

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import httpx
import pytest

from chat.models import Assistant, Contact, Message, Run, Thread
from chat.services.conversations import MAX_WAITING
from healthmate.common.devices import short_hash
from tests.chat.conftest import Talk

NOT_YOURS = {
    "error": {"code": "THREAD_NOT_FOUND", "message": "This conversation does not exist or is not yours."},
}


@pytest.fixture
def english(server: Any) -> httpx.Client:
    with httpx.Client(base_url=server.url, timeout=30, headers={"Accept-Language": "en"}) as client:
        yield client


def test_a_device_without_an_id_gets_one(english: httpx.Client) -> None:
    response = english.post("/chat/create")

    device = response.headers["X-Device-ID"]
    thread = Thread.objects.get()
    assert response.status_code == 201
    assert response.json() == {"thread_id": str(thread.id)}
    assert response.cookies["device_id"] == device
    assert "HttpOnly" in response.headers["Set-Cookie"]
    assert thread.contact.phone_number == f"chat_{device}"


def test_a_device_keeps_the_id_it_brings(english: httpx.Client) -> None:
    device = str(uuid.uuid4())

    response = english.post("/chat/create", headers={"X-Device-ID": device})

    assert response.headers["X-Device-ID"] == device
    assert "Set-Cookie" not in response.headers
    assert Contact.objects.get().phone_number == f"chat_{device}"


def test_history_has_each_answer_after_its_question(make_talk: Callable[..., Talk]) -> None:
    talk = make_talk("en")
    answer = talk.say("hello")

    question, stored = Message.objects.all()
    assert talk.history() == [
        {
            "id": str(question.id),
            "role": "user",
            "direction": "incoming",
            "content": "hello",
            "media_url": None,
            "flags": [],
            "created_at": question.created_at.isoformat().replace("+00:00", "Z"),
        },
        {
            "id": answer["message_id"],
            "role": "assistant",
            "direction": "outgoing",
            "content": answer["content"],
            "media_url": None,
            "flags": ["scripted"],
            "created_at": stored.created_at.isoformat().replace("+00:00", "Z"),
        },
    ]


@pytest.mark.parametrize("other", [None, str(uuid.uuid4())], ids=["nobody", "another device"])
def test_a_thread_is_its_devices_alone(make_talk: Callable[..., Talk], server: Any, other: str | None) -> None:
    talk = make_talk("en")
    headers = {"Accept-Language": "en"} | ({"X-Device-ID": other} if other else {})

    read = httpx.get(f"{server.url}/chat/{talk.thread_id}", headers=headers)
    write = httpx.post(f"{server.url}/chat/update/{talk.thread_id}", headers=headers, json={"message": "hi"})

    assert [(r.status_code, r.json()) for r in (read, write)] == [(404, NOT_YOURS)] * 2
    assert not Message.objects.exists()


def test_a_device_cannot_pass_for_a_user(server: Any, django_user_model: Any) -> None:
    user = django_user_model.objects.create_user("someone@example.com", "a-password")
    contact = Contact.objects.create(phone_number=f"chat_user:{user.id}", user=user)
    thread = Thread.objects.create(contact=contact)

    response = httpx.get(f"{server.url}/chat/{thread.id}", headers={"X-Device-ID": str(user.id)})

    assert response.status_code == 404


@pytest.mark.parametrize(
    "thread_id", ["nonsense", str(uuid.uuid4()), "%00", "1" * 300], ids=["nonsense", "unknown", "nul", "long"]
)
def test_an_unknown_or_malformed_thread_is_not_found(english: httpx.Client, thread_id: str) -> None:
    english.post("/chat/create")

    response = english.post(f"/chat/update/{thread_id}", json={"message": "hi"})

    assert (response.status_code, response.json()) == (404, NOT_YOURS)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b'{"message": ""}', 400, "INVALID_REQUEST"),
        (b'{"message": " \\n\\t "}', 400, "INVALID_REQUEST"),
        (b'{"message": 7}', 400, "INVALID_REQUEST"),
        (b'{"message": true}', 400, "INVALID_REQUEST"),
        (b'{"message": null}', 400, "INVALID_REQUEST"),
        (b'{"message": ["hi"]}', 400, "INVALID_REQUEST"),
        (b'{"text": "hi"}', 400, "INVALID_REQUEST"),
        (b'{"message": "a\\u0000b"}', 400, "INVALID_REQUEST"),
        (b'{"message": "\\ud800"}', 400, "INVALID_REQUEST"),
        (b'["message"]', 400, "INVALID_REQUEST"),
        (b'{"message": "hi"', 400, "INVALID_JSON"),
        (b'{"message": "\xff"}', 400, "INVALID_JSON"),
        (b"[" * 100_000, 400, "INVALID_JSON"),
        (b'{"message": "' + b"x" * 4001 + b'"}', 413, "MESSAGE_TOO_LONG"),
        (b'{"message": "' + b"x" * 3_000_000 + b'"}', 413, "BODY_TOO_LARGE"),
    ],
)
def test_bad_bodies_are_refused_and_store_nothing(
    make_talk: Callable[..., Talk], body: bytes, status: int, code: str
) -> None:
    talk = make_talk("en")

    response = talk.http.post(
        f"/chat/update/{talk.thread_id}", content=body, headers={"Content-Type": "application/json"}
    )

    error = response.json()["error"]
    assert (response.status_code, error["code"]) == (status, code)
    assert error["message"]
    assert not Message.objects.exists()
    assert not Run.objects.exists()


def test_another_content_type_is_refused(make_talk: Callable[..., Talk]) -> None:
    talk = make_talk("en")

    response = talk.http.post(f"/chat/update/{talk.thread_id}", data={"message": "hi"})

    assert (response.status_code, response.json()) == (
        415,
        {"error": {"code": "UNSUPPORTED_MEDIA_TYPE", "message": "Send JSON with Content-Type: application/json."}},
    )


def test_the_longest_message_is_taken(make_talk: Callable[..., Talk]) -> None:
    assert make_talk("en").say("é" * 4000)["flags"] == ["scripted"]


def test_both_forms_of_an_address_answer(make_talk: Callable[..., Talk]) -> None:
    talk = make_talk("en")

    assert talk.http.post(f"/chat/update/{talk.thread_id}/", json={"message": "hi"}).status_code == 200
    assert talk.http.get(f"/chat/{talk.thread_id}/").status_code == 200
    assert talk.http.post("/chat/create/").status_code == 201


def test_ten_messages_at_once_are_answered_one_by_one(make_talk: Callable[..., Talk]) -> None:
    talk = make_talk("en")

    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda number: talk.say(f"hello {number}"), range(10)))

    history = talk.history()
    assert [message["role"] for message in history] == ["user", "assistant"] * 10
    assert {answer["message_id"] for answer in answers} == {message["id"] for message in history[1::2]}
    assert sorted(message["content"] for message in history[::2]) == [f"hello {number}" for number in range(10)]
    runs = Run.objects.order_by("message__number")
    assert all(earlier.finished_at <= later.started_at for earlier, later in pairwise(runs))


def test_the_same_idempotency_key_gets_the_same_answer(make_talk: Callable[..., Talk]) -> None:
    talk = make_talk("en")

    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: talk.post("hello", **{"Idempotency-Key": "k-1"}).json(), range(10)))

    assert answers == [answers[0]] * 10
    assert (Message.objects.filter(direction="incoming").count(), Run.objects.count()) == (1, 1)


def test_an_idempotency_key_is_for_one_message(make_talk: Callable[..., Talk]) -> None:
    talk = make_talk("en")
    talk.post("hello", **{"Idempotency-Key": "k-1"})

    response = talk.post("something else", **{"Idempotency-Key": "k-1"})

    assert (response.status_code, response.json()["error"]["code"]) == (409, "IDEMPOTENCY_KEY_REUSED")


def test_past_twenty_waiting_messages_the_next_is_refused_and_not_stored(make_talk: Callable[..., Talk]) -> None:
    talk = make_talk("en")
    thread = Thread.objects.get()
    from chat.owners import Owner
    from chat.services.conversations import Incoming, accept_message

    owner = Owner(device_id=thread.contact.phone_number.removeprefix("chat_"))
    for number in range(MAX_WAITING):
        accept_message(owner=owner, thread_id=thread.id, incoming=Incoming(content=str(number)))

    response = talk.post("one too many")

    assert (response.status_code, response.json()["error"]["code"]) == (409, "RUN_ACTIVE")
    assert Message.objects.count() == MAX_WAITING


def test_a_run_of_a_dead_process_is_closed_and_frees_the_thread(make_talk: Callable[..., Talk]) -> None:
    talk = make_talk("en")
    talk.say("hello")
    Run.objects.update(status="in_progress", finished_at=None, lease_until="2020-01-01T00:00:00Z")

    assert talk.say("are you there?")["content"]
    assert list(Run.objects.order_by("created_at").values_list("status", "error_code")) == [
        ("interrupted", "RUN_INTERRUPTED"),
        ("completed", ""),
    ]


def test_the_log_names_devices_by_a_hash_and_holds_no_text(
    make_talk: Callable[..., Talk], caplog: pytest.LogCaptureFixture
) -> None:
    talk = make_talk("en")
    device = talk.http.cookies["device_id"]
    talk.say("my private words")
    talk.post("")

    assert "private words" not in caplog.text
    assert device not in caplog.text
    assert short_hash(device) != device


def test_a_run_that_cannot_begin_ends_and_says_so(make_talk: Callable[..., Talk]) -> None:
    talk = make_talk("en")
    Assistant.objects.update(active=False)

    response = talk.post("hello")

    run = Run.objects.get()
    assert (response.status_code, response.json()["error"]["code"]) == (500, "PROCESSING_ERROR")
    assert response.json()["error"]["details"]["stored_message_id"] == str(run.message_id)
    assert (run.status, run.error_code) == ("failed", "PROCESSING_ERROR")
