"""Seeds 4 and 5 over the socket: shapes, resuming, stopping, and nothing lost when nobody listens."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import httpx
import pytest
from django.db import connection

from chat.models import Contact, Message, MessageFeedback, Run, Thread
from sessions_store import services as sessions

pytestmark = pytest.mark.usefixtures("test_tools")

ANSWER = "Uno dos tres cuatro cinco seis siete ocho nueve diez."
SESSIONS = "/api/chat/realtime/sessions"


def events_of(body: str) -> list[dict[str, Any]]:
    """As the seeds' own loops parse: blocks that hold nothing but `data:`."""
    blocks = [block for block in body.split("\n\n") if block.strip()]
    assert all(block.startswith("data: ") for block in blocks)
    return [json.loads(block.removeprefix("data: ")) for block in blocks]


@pytest.fixture
def model(model_server: Any) -> Any:
    return model_server.tool_mode("off")


@pytest.fixture
def device(server: Any) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, timeout=30, headers={"Accept-Language": "en"}) as client:
        yield client


@pytest.fixture
def make_user(server: Any, django_user_model: Any) -> Iterator[Callable[[str], httpx.Client]]:
    clients = []

    def make(email: str) -> httpx.Client:
        django_user_model.objects.create_user(email, "a-good-password")
        client = httpx.Client(base_url=server.url, timeout=30, headers={"Accept-Language": "en"})
        clients.append(client)
        answer = client.post("/auth/login", json={"email": email, "password": "a-good-password"}).json()
        client.headers["Authorization"] = f"Bearer {answer['access_token']}"
        return client

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def user(make_user: Callable[[str], httpx.Client]) -> httpx.Client:
    return make_user("someone@example.com")


@pytest.fixture
def session(user: httpx.Client) -> str:
    return str(user.post(SESSIONS, json={"title": "Mi conversación"}).json()["id"])


# --- Seed 5 ---------------------------------------------------------------------------------------------


def test_the_website_stream_has_the_seeds_shape_and_headers(device: httpx.Client, model: Any) -> None:
    model.reply(ANSWER)

    response = device.post("/chat/stream", json={"content": "Hello", "media_urls": [], "audio_urls": []})

    *pieces, last = events_of(response.text)
    run = Run.objects.get()
    assert (response.status_code, response.headers["Content-Type"]) == (200, "text/event-stream")
    assert response.headers["Cache-Control"] == "no-cache, no-transform"
    assert response.headers["X-Accel-Buffering"] == "no"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.cookies["device_id"] == response.headers["X-Device-ID"]
    assert "".join(piece["content"] for piece in pieces) == ANSWER
    assert all(piece.keys() == {"content", "timestamp", "is_final", "seq"} for piece in pieces)
    assert [event["seq"] for event in [*pieces, last]] == list(range(2, len(pieces) + 3))
    assert last == {
        "content": "",
        "timestamp": last["timestamp"],
        "is_final": True,
        "message_id": str(Message.objects.get(direction="outgoing").id),
        "run_id": str(run.id),
        "flags": [],
        "seq": len(pieces) + 2,
    }


def test_the_website_answers_in_one_piece_too(device: httpx.Client, model: Any) -> None:
    model.reply(ANSWER)

    answer = device.post("/chat/", json={"content": "Hello, I want to schedule an appointment"}).json()

    assert (answer["content"], answer["flags"]) == (ANSWER, [])
    assert Contact.objects.get().phone_number == f"chat_{device.cookies['device_id']}"
    assert list(Message.objects.values_list("direction", "body")) == [
        ("incoming", "Hello, I want to schedule an appointment"),
        ("outgoing", ANSWER),
    ]


def test_an_event_source_gets_ids_and_resumes_by_them(device: httpx.Client, model: Any) -> None:
    model.reply(ANSWER)
    device.post("/chat/stream", json={"content": "Hello"})
    listening = {"Accept": "text/event-stream"}

    whole = device.get("/chat/stream", headers=listening | {"Last-Event-ID": "0"})
    seen = device.get("/chat/stream", headers=listening)

    blocks = [block for block in whole.text.split("\n\n") if block]
    numbers = [int(block.split("\n")[0].removeprefix("id: ")) for block in blocks]
    assert numbers == [json.loads(block.split("data: ")[1])["seq"] for block in blocks]
    assert (seen.status_code, seen.text) == (204, "")


@pytest.mark.parametrize("given", ["x", "-1", "1.5", "9" * 30])
def test_a_bad_place_to_resume_is_refused(device: httpx.Client, given: str) -> None:
    device.post("/chat/create")

    response = device.get("/chat/stream", headers={"Last-Event-ID": given})

    assert (response.status_code, response.json()["error"]["code"]) == (400, "INVALID_REQUEST")


def test_a_device_keeps_its_conversation_until_its_session_expires(device: httpx.Client, model: Any) -> None:
    model.reply(ANSWER, times=None)
    first = device.post("/chat/", json={"content": "Hello"}).json()
    same = device.post("/chat/", json={"content": "Hello again"}).json()
    sessions.clear_session_lock(device.cookies["device_id"])
    fresh = device.post("/chat/", json={"content": "Hello"}).json()

    assert first["thread_id"] == same["thread_id"] != fresh["thread_id"]


@pytest.mark.parametrize("words", ["No soy yo, soy su hermana", "This is not me"])
def test_somebody_else_at_the_device_starts_afresh(device: httpx.Client, model: Any, words: str) -> None:
    model.reply(ANSWER, times=None)
    first = device.post("/chat/", json={"content": "Hello"}).json()

    assert device.post("/chat/", json={"content": words}).json()["thread_id"] != first["thread_id"]


def test_ten_messages_at_once_of_a_new_device_are_one_conversation(server: Any, model: Any) -> None:
    model.reply(ANSWER, times=None)
    headers = {"X-Device-ID": str(uuid4())}

    def ask(number: int) -> str:
        body = {"content": f"Hello {number}"}
        return httpx.post(f"{server.url}/chat/stream", json=body, headers=headers, timeout=60).text

    with ThreadPoolExecutor(10) as pool:
        answers = [events_of(text) for text in pool.map(ask, range(10))]

    assert ["".join(event["content"] for event in answer) for answer in answers] == [ANSWER] * 10
    said = list(Message.objects.values_list("direction", "body"))
    assert Thread.objects.count() == 1
    assert sorted(body for direction, body in said if direction == "incoming") == [f"Hello {n}" for n in range(10)]
    assert [direction for direction, _ in said] == ["incoming", "outgoing"] * 10


@pytest.mark.parametrize("odd", ["100 % de %s y %(x)s", "it's; DROP TABLE chat_run; -- \\'", "$1 {0} 🩺 \u202e", "%"])
def test_whatever_is_written_is_stored_as_it_is(device: httpx.Client, model: Any, odd: str) -> None:
    model.reply(odd)

    answer = device.post("/chat/", json={"content": odd}).json()

    assert answer["content"] == odd
    assert list(Message.objects.values_list("body", flat=True)) == [odd, odd]


def test_without_the_lock_table_the_message_is_answered_all_the_same(
    device: httpx.Client, model: Any, caplog: pytest.LogCaptureFixture
) -> None:
    model.reply(ANSWER, times=None)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE conversation_states RENAME TO conversation_states_away")
    try:
        answer = device.post("/chat/", json={"content": "Hello"}).json()
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE conversation_states_away RENAME TO conversation_states")

    assert answer["content"] == ANSWER
    assert "session locks: read failed (ProgrammingError); going on without" in caplog.text
    assert "session locks: write failed (ProgrammingError); going on without" in caplog.text


def test_an_image_goes_to_the_model_and_is_kept(device: httpx.Client, model: Any) -> None:
    model.reply(ANSWER)
    url = "https://93.184.216.34/rash.jpg"

    device.post("/chat/", json={"content": "What is this?", "media_urls": [url]})

    assert model.last_request.body["input"][-1]["content"] == [
        {"type": "input_text", "text": "What is this?"},
        {"type": "input_image", "image_url": url, "detail": "auto"},
    ]
    assert Message.objects.get(direction="incoming").media_url == url


@pytest.mark.parametrize("field", ["media_urls", "audio_urls"])
def test_an_address_inside_is_refused_and_nothing_is_stored(device: httpx.Client, field: str) -> None:
    response = device.post("/chat/", json={"content": "Hello", field: ["http://127.0.0.1/x"]})

    error = response.json()["error"]
    assert (response.status_code, error["code"]) == (400, "URL_REFUSED")
    assert error["details"]["url"] == "http://127.0.0.1/x"
    assert not Message.objects.exists()


# --- Seed 4 ---------------------------------------------------------------------------------------------


def test_a_session_has_the_seeds_shape(user: httpx.Client, django_user_model: Any) -> None:
    response = user.post(SESSIONS, json={"title": "Mi conversación"})

    thread = Thread.objects.get()
    times = (moment.isoformat().replace("+00:00", "Z") for moment in (thread.created_at, thread.updated_at))
    created, updated = times
    assert (response.status_code, response.json()) == (
        201,
        {
            "id": str(thread.id),
            "user_id": str(django_user_model.objects.get().id),
            "title": "Mi conversación",
            "created_at": created,
            "updated_at": updated,
        },
    )


def test_the_session_stream_has_the_seeds_shape(user: httpx.Client, session: str, model: Any) -> None:
    model.reply(ANSWER)

    response = user.post(f"{SESSIONS}/{session}/stream", json={"content": "¿Cómo puedo ser más productivo?"})

    start, *pieces, done = events_of(response.text)
    run = Run.objects.get()
    assert start == {"type": "start", "session_id": session, "run_id": str(run.id), "seq": 1}
    assert [piece["type"] for piece in pieces] == ["content"] * len(pieces)
    assert "".join(piece["content"] for piece in pieces) == ANSWER
    assert done == {
        "type": "done",
        "message_id": str(Message.objects.get(direction="outgoing").id),
        "full_content": ANSWER,
        "flags": [],
        "run_id": str(run.id),
        "seq": len(pieces) + 2,
    }


def test_an_initial_message_is_the_first_run(user: httpx.Client, model: Any) -> None:
    model.reply(ANSWER)
    created = user.post(SESSIONS, json={"initial_message": "Hola, ¿cómo puedo mejorar?"}).json()

    *_, done = events_of(user.get(f"{SESSIONS}/{created['id']}/stream").text)

    assert created["title"] == "Hola, ¿cómo puedo mejorar?"
    assert done["full_content"] == ANSWER


def test_a_client_cut_anywhere_gets_exactly_the_rest(user: httpx.Client, session: str, model: Any) -> None:
    model.reply(ANSWER).pace(5)
    whole = user.post(f"{SESSIONS}/{session}/stream", json={"content": "Hola"}).text
    events = events_of(whole)

    for cut in range(0, len(whole), max(1, len(whole) // 200)):
        had = [event for event in whole[:cut].split("\n\n")[:-1] if event]
        rest = events_of(user.get(f"{SESSIONS}/{session}/stream", params={"after": len(had)}).text)
        assert [*events[: len(had)], *rest] == events


def test_a_client_that_leaves_in_the_middle_resumes_and_misses_nothing(
    user: httpx.Client, session: str, model: Any
) -> None:
    model.reply(ANSWER).pace(40)
    had = ""
    with user.stream("POST", f"{SESSIONS}/{session}/stream", json={"content": "Hola"}) as response:
        for text in response.iter_text():
            had += text
            if had.count("\n\n") > 3:
                break
    first = events_of(had.rsplit("\n\n", 1)[0])

    rest = events_of(user.get(f"{SESSIONS}/{session}/stream", params={"after": first[-1]["seq"]}).text)

    assert [event["seq"] for event in [*first, *rest]] == list(range(1, len(first) + len(rest) + 1))
    assert "".join(event.get("content", "") for event in [*first, *rest]) == ANSWER


def test_an_answer_nobody_listens_to_is_in_the_history(
    user: httpx.Client, session: str, model: Any, server: Any
) -> None:
    model.reply(ANSWER).pace(20)
    with user.stream("POST", f"{SESSIONS}/{session}/stream", json={"content": "Hola"}) as response:
        next(response.iter_raw())
    server.settle()

    assert user.get(f"{SESSIONS}/{session}").json()["messages"][-1]["content"] == ANSWER


def test_stop_ends_generation_and_keeps_the_partial_text(user: httpx.Client, session: str, model: Any) -> None:
    model.reply(ANSWER * 50).pace(40)
    with user.stream("POST", f"{SESSIONS}/{session}/stream", json={"content": "Hola"}) as response:
        lines = response.iter_lines()
        while "content" not in next(lines):
            pass
        stopped = user.post(f"{SESSIONS}/{session}/stop").json()
        *_, done = [json.loads(line.removeprefix("data: ")) for line in lines if line]

    run, partial = Run.objects.get(), Message.objects.get(direction="outgoing")
    assert stopped == {"stopped": True, "run_id": str(run.id)}
    assert (done["type"], done["flags"], done["full_content"]) == ("done", ["cancelled", "partial"], partial.body)
    assert (ANSWER * 50).startswith(partial.body)
    assert (run.status, partial.flags) == ("cancelled", ["cancelled", "partial"])
    assert model.last_request.completed is False
    assert user.post(f"{SESSIONS}/{session}/stop").json() == {"stopped": False, "run_id": None}


def end_every_connection() -> None:
    """As a restart of the database does; only this test's own is spared, and its pool is told."""
    others = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT pg_terminate_backend(pid, 5000) {others} AND backend_type = 'client backend'")
    connection.pool.check()  # type: ignore[attr-defined]


def test_the_first_message_after_a_restart_of_the_database_is_answered(
    user: httpx.Client, session: str, model: Any
) -> None:
    model.reply(ANSWER, times=None)
    user.post(f"{SESSIONS}/{session}/stream", json={"content": "Hola"})
    end_every_connection()

    answers = [user.post(f"{SESSIONS}/{session}/stream", json={"content": "Otra vez"}) for _ in range(3)]

    assert [events_of(answer.text)[-1]["full_content"] for answer in answers] == [ANSWER] * 3


def test_regenerate_takes_the_place_of_the_answer(user: httpx.Client, session: str, model: Any) -> None:
    model.reply("Primera.").reply("Segunda.")
    user.post(f"{SESSIONS}/{session}/stream", json={"content": "Hola"})

    *_, done = events_of(user.post(f"{SESSIONS}/{session}/regenerate").text)

    shown = [message["content"] for message in user.get(f"{SESSIONS}/{session}").json()["messages"]]
    assert (done["full_content"], shown) == ("Segunda.", ["Hola", "Segunda."])
    assert model.last_request.body["input"] == [{"role": "user", "content": "Hola"}]


def test_nothing_to_regenerate(user: httpx.Client, session: str) -> None:
    response = user.post(f"{SESSIONS}/{session}/regenerate")

    assert (response.status_code, response.json()["error"]["code"]) == (409, "NOTHING_TO_REGENERATE")


def test_feedback_is_kept_and_the_last_word_counts(user: httpx.Client, session: str, model: Any) -> None:
    model.reply(ANSWER)
    user.post(f"{SESSIONS}/{session}/stream", json={"content": "Hola"})
    answer = Message.objects.get(direction="outgoing")
    url = f"{SESSIONS}/{session}/messages/{answer.id}/feedback"

    user.post(url, json={"rating": "down"})
    response = user.post(url, json={"rating": "up", "comment": "Claro"})

    assert (response.status_code, response.json()) == (
        200,
        {"message_id": str(answer.id), "rating": "up", "comment": "Claro"},
    )
    assert MessageFeedback.objects.values_list("rating", "comment").get() == ("up", "Claro")
    assert user.post(url, json={"rating": "meh"}).status_code == 400


def test_sessions_are_listed_renamed_and_deleted(user: httpx.Client) -> None:
    first, second = (user.post(SESSIONS, json={"title": title}).json() for title in ("Una", "Dos"))

    page = user.get(SESSIONS, params={"limit": 1}).json()
    renamed = user.patch(f"{SESSIONS}/{first['id']}", json={"title": "Otra"}).json()
    deleted = user.delete(f"{SESSIONS}/{second['id']}")

    assert (page["count"], page["previous"], page["results"]) == (2, None, [second])
    assert page["next"].endswith(f"{SESSIONS}?limit=1&offset=1")
    assert renamed["title"] == "Otra"
    assert deleted.status_code == 204
    assert user.get(f"{SESSIONS}/{second['id']}").status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "", None),
        ("PATCH", "", {"title": "x"}),
        ("DELETE", "", None),
        ("GET", "/stream", None),
        ("POST", "/stream", {"content": "x"}),
        ("POST", "/stop", {}),
        ("POST", "/regenerate", {}),
        ("POST", "/messages/5b0f4c1e-9a53-4d5c-8d0e-2f6f9f2f4a10/feedback", {"rating": "up"}),
    ],
)
def test_a_session_is_its_users_alone(
    make_user: Callable[[str], httpx.Client], session: str, server: Any, method: str, path: str, body: Any
) -> None:
    other = make_user("other@example.com")

    refused = other.request(method, f"{SESSIONS}/{session}{path}", json=body)
    anonymous = httpx.request(method, f"{server.url}{SESSIONS}/{session}{path}", json=body)

    assert (refused.status_code, refused.json()["error"]["code"]) == (404, "THREAD_NOT_FOUND")
    assert (anonymous.status_code, anonymous.json()["error"]["code"]) == (401, "UNAUTHORIZED")


def test_api_chat_works_on_its_own(user: httpx.Client, model: Any) -> None:
    model.reply("Uno.").reply("Dos.")

    first = user.post("/api/chat", json={"content": "Hola"}).json()
    second = user.post("/api/chat", json={"content": "Hola", "session_id": first["session_id"]}).json()

    assert (first["content"], second["content"]) == ("Uno.", "Dos.")
    assert first["session_id"] == second["session_id"]


@pytest.mark.parametrize("path", ["/chat/", "/api/chat"])
def test_one_key_is_one_message_in_every_family(user: httpx.Client, model: Any, path: str) -> None:
    model.reply(ANSWER, times=None)

    with ThreadPoolExecutor(10) as pool:
        answers = list(
            pool.map(
                lambda _: user.post(path, json={"content": "Hola"}, headers={"Idempotency-Key": "k"}).json(), range(10)
            )
        )

    assert answers == [answers[0]] * 10
    assert (Run.objects.count(), Thread.objects.count()) == (1, 1)


def test_other_origins_may_read_a_stream_when_they_are_allowed(device: httpx.Client, model: Any, settings: Any) -> None:
    settings.CORS_ALLOWED_ORIGINS = ["https://clinic.example"]
    model.reply(ANSWER, times=None)

    allowed = device.post("/chat/stream", json={"content": "Hi"}, headers={"Origin": "https://clinic.example"})
    foreign = device.post("/chat/stream", json={"content": "Hi"}, headers={"Origin": "https://evil.example"})

    assert allowed.headers["Access-Control-Allow-Origin"] == "https://clinic.example"
    assert "Access-Control-Allow-Origin" not in foreign.headers


@pytest.mark.parametrize("after", [0, 57])
def test_the_reader_of_a_dead_workers_run_is_told_so(user: httpx.Client, session: str, model: Any, after: int) -> None:
    thread = Thread.objects.get()
    message = Message.objects.create(thread=thread, number=1, turn=1, direction="incoming", body="Hola")
    run = Run.objects.create(thread=thread, message=message, status="in_progress", lease_until="2020-01-01T00:00:00Z")

    *_, last = events_of(user.get(f"{SESSIONS}/{session}/stream", params={"after": after}).text)

    run.refresh_from_db()
    assert (last["type"], last["code"], last["run_id"]) == ("error", "RUN_INTERRUPTED", str(run.id))
    assert run.status == "interrupted"


def test_a_run_that_the_log_has_forgotten_is_told_from_the_database(
    user: httpx.Client, session: str, model: Any
) -> None:
    thread = Thread.objects.get()
    message = Message.objects.create(thread=thread, number=1, turn=1, direction="incoming", body="Hola")
    run = Run.objects.create(thread=thread, message=message, status="completed", finished_at="2026-01-01T00:00:00Z")
    Message.objects.create(thread=thread, number=2, turn=1, direction="outgoing", body=ANSWER, run=run)

    start, piece, done = events_of(user.get(f"{SESSIONS}/{session}/stream").text)

    assert (start["type"], piece["content"], done["full_content"]) == ("start", ANSWER, ANSWER)
