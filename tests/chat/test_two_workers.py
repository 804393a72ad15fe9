"""Two server processes, one database, one Redis: any worker serves any reader, and any of them may die."""

import asyncio
import json
import random
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from chat.models import Message, Run
from healthmate.accounts import services as accounts
from healthmate.common import clock
from tests.held_model import HeldModel
from tests.redis_server import RedisServer
from tests.server_process import ServerProcess

SESSIONS = "/api/chat/realtime/sessions"
WORDS = [f"palabra{number} " for number in range(1, 61)]
ANSWER = "".join(WORDS)
BEFORE_TEXT = 4  # events of a model server's stream
CUTS = 100  # of each family
OPEN = ("queued", "in_progress")


class Model(HeldModel):
    """One for all tests of the module, since its address is the workers'."""

    def begin(self) -> None:
        """Forget the test before."""
        self.reset().tool_mode("off")
        self._pieces = asyncio.Semaphore(0)
        self.flows = False

    async def piece(self) -> None:
        if not self.flows:
            await super().piece()


@dataclass
class Workers:
    """Both workers, and a device that talks with either."""

    a: ServerProcess
    b: ServerProcess
    model: Model
    headers: dict[str, str]

    def of_another_device(self) -> "Workers":
        """The same, for somebody else."""
        return replace(self, headers=self.headers | {"X-Device-ID": str(uuid4())})

    def client(self, worker: ServerProcess) -> httpx.Client:
        return httpx.Client(base_url=worker.url, headers=self.headers, timeout=60)

    @contextmanager
    def asking(self, worker: ServerProcess, content: str = "Hola") -> Iterator["Reading"]:
        """Send a message and read its answer."""
        with self.client(worker) as client, client.stream("POST", "/chat/stream", json={"content": content}) as stream:
            yield Reading(stream)

    @contextmanager
    def reading(self, worker: ServerProcess, run_id: str, after: int = 0) -> Iterator["Reading"]:
        """Read an answer that another connection has asked for."""
        ask = {"headers": {"Last-Event-ID": str(after)}, "params": {"run_id": run_id}}
        with self.client(worker) as client, client.stream("GET", "/chat/stream", **ask) as stream:
            yield Reading(stream)

    def shown(self, worker: ServerProcess) -> list[tuple[str, list[str]]]:
        """The conversation, as a page shows it."""
        with self.client(worker) as client:
            messages = client.get("/chat/history").json()["messages"]
        return [(message["content"], message["flags"]) for message in messages]


class Reading:
    """An open stream of the website."""

    def __init__(self, stream: httpx.Response) -> None:
        assert stream.status_code == 200
        self.run_id = stream.headers["X-Run-ID"]
        self._lines = stream.iter_lines()

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return self

    def __next__(self) -> dict[str, Any]:
        return next(json.loads(line.removeprefix("data: ")) for line in self._lines if line.startswith("data: "))

    def some(self, count: int) -> list[str]:
        """The next pieces."""
        return [next(self)["content"] for _ in range(count)]

    def rest(self) -> tuple[str, dict[str, Any]]:
        """What is still to come: the text, and the closing event."""
        *pieces, last = self
        return "".join(piece["content"] for piece in pieces), last


@pytest.fixture(scope="module")
def _model() -> Iterator[Model]:
    with Model() as model:
        yield model


@pytest.fixture(scope="module")
def _processes(
    django_db_setup: None, _redis_server: RedisServer, _model: Model, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[ServerProcess]]:
    settings = {
        "REDIS_URL": _redis_server.url,
        "OPENAI_BASE_URL": _model.base_url(),
        "OPENAI_API_KEY": "sk-test",
        "LLM_STALL_TIMEOUT": "40",
        "SHUTDOWN_GRACE": "3",
        "CHAT_TOOLS": "",
    }
    processes = [ServerProcess(tmp_path_factory.mktemp(name), **settings) for name in "ab"]
    yield processes
    for process in processes:
        process.end()


@pytest.fixture
def workers(
    database: None, redis_server: RedisServer, _processes: list[ServerProcess], _model: Model
) -> Iterator[Workers]:
    """Both workers at rest, and a new device."""
    for process in _processes:
        process.start()
    _model.begin()
    headers = {"X-Device-ID": str(uuid4()), "Accept-Language": "en"}
    yield Workers(*_processes, model=_model, headers=headers)
    assert not Run.objects.filter(status__in=OPEN).exists()


def test_ten_messages_at_once_through_two_workers_are_answered_one_by_one(workers: Workers) -> None:
    model = workers.model
    model.flows = True
    for number in range(10):
        model.reply(f"Answer {number}.")
    with workers.client(workers.a) as a, workers.client(workers.b) as b:
        thread = a.post("/chat/create").json()["thread_id"]

        def say(number: int) -> dict[str, Any]:
            client = (a, b)[number % 2]
            return client.post(f"/chat/update/{thread}", json={"message": f"Question {number}"}).json()

        with ThreadPoolExecutor(10) as pool:
            answers = list(pool.map(say, range(10)))
        messages = b.get(f"/chat/{thread}").json()["messages"]

    questions, told = messages[::2], messages[1::2]
    assert [message["role"] for message in messages] == ["user", "assistant"] * 10
    assert {message["content"] for message in questions} == {f"Question {number}" for number in range(10)}
    assert [message["content"] for message in told] == [f"Answer {number}." for number in range(10)]
    asked = [request.body["input"][-1]["content"] for request in model.requests]
    assert asked == [message["content"] for message in questions]
    by_question = {question["content"]: answer["id"] for question, answer in zip(questions, told, strict=True)}
    assert [answer["message_id"] for answer in answers] == [by_question[f"Question {number}"] for number in range(10)]


def test_one_key_at_both_workers_at_once_is_one_message(workers: Workers) -> None:
    workers.model.reply("Hello.", times=None).flows = True
    with workers.client(workers.a) as a, workers.client(workers.b) as b:
        thread = a.post("/chat/create").json()["thread_id"]

        def say(number: int) -> dict[str, Any]:
            client, key = (a, b)[number % 2], {"Idempotency-Key": "k-1"}
            return client.post(f"/chat/update/{thread}", json={"message": "Hi"}, headers=key).json()

        with ThreadPoolExecutor(10) as pool:
            answers = list(pool.map(say, range(10)))

    assert answers == [answers[0]] * 10
    assert answers[0]["content"] == "Hello."
    assert list(Message.objects.values_list("body", flat=True)) == ["Hi", "Hello."]
    assert (Run.objects.count(), len(workers.model.requests)) == (1, 1)


@pytest.fixture(params=["device", "user"])
def path(request: pytest.FixtureRequest, workers: Workers, django_user_model: Any) -> str:
    """Where to send messages and read answers; for a user, with a token among the workers' headers."""
    if request.param == "device":
        return "/chat/stream"
    django_user_model.objects.create_user("somebody@example.com", "a-good-password")
    pair = accounts.log_in(email="somebody@example.com", password="a-good-password")
    workers.headers = {"Authorization": f"Bearer {pair.access_token}"}
    with workers.client(workers.a) as a:
        return f"{SESSIONS}/{a.post(SESSIONS, json={}).json()['id']}/stream"


async def test_a_reader_cut_at_any_byte_gets_exactly_the_rest_from_the_other_worker(
    workers: Workers, path: str
) -> None:
    workers.model.reply(ANSWER, times=None)
    headers = workers.headers | {"Accept": "text/event-stream"}
    at_a, at_b = (
        httpx.AsyncClient(base_url=worker.url, headers=headers, timeout=60, limits=httpx.Limits(max_connections=None))
        for worker in (workers.a, workers.b)
    )
    all_read = asyncio.Barrier(CUTS + 1)

    async def cut_and_resume(run_id: str, cut: int) -> list[dict[str, Any]]:
        had = b""
        async with at_a.stream("GET", path, params={"run_id": run_id}) as response:
            await all_read.wait()
            async for chunk in response.aiter_raw():
                had += chunk
                if len(had) >= cut:
                    break
        before = blocks_of(had[:cut])
        last = {"Last-Event-ID": str(before[-1]["seq"])} if before else {}
        rest = await at_b.get(path, params={"run_id": run_id}, headers=last)
        return [*before, *blocks_of(rest.content)]

    async with at_a, at_b:
        workers.model.flows = True
        length = len((await at_a.post(path, json={"content": "Hola"})).content)
        workers.model.flows = False
        seed = random.randrange(2**32)
        cuts = [random.Random(seed).randrange(length) for _ in range(CUTS)]
        async with at_a.stream("POST", path, json={"content": "Hola"}) as response:
            run_id = response.headers["X-Run-ID"]
            readers = [asyncio.create_task(cut_and_resume(run_id, cut)) for cut in cuts]
            await all_read.wait()
            chunks, whole = response.aiter_raw(), b""
            for word in WORDS:  # none is there before somebody has read the one before
                workers.model.allow()
                while word.encode() not in whole:
                    whole += await anext(chunks)
            whole += b"".join([chunk async for chunk in chunks])
        got = await asyncio.gather(*readers)

    wanted = blocks_of(whole)
    assert "".join(event.get("content", "") for event in wanted) == ANSWER
    for cut, events in zip(cuts, got, strict=True):
        assert events == wanted, (seed, cut)


def test_a_killed_workers_answers_end_at_the_other_with_what_was_shown(workers: Workers) -> None:
    shown = WORDS[:5]
    workers.model.reply(ANSWER, times=2).stall(after_chunks=BEFORE_TEXT + len(shown), seconds=60, times=2)
    workers.model.reply("I am.").flows = True
    nobodys = workers.of_another_device()
    with workers.asking(workers.a) as at_a, nobodys.asking(workers.a) as unread, ThreadPoolExecutor() as pool:
        assert at_a.some(len(shown)) == unread.some(len(shown)) == shown
        with workers.reading(workers.b, at_a.run_id) as at_b, workers.client(workers.b) as b:
            assert at_b.some(2) == shown[:2]
            workers.a.kill()
            with pytest.raises(httpx.RemoteProtocolError):
                next(at_a)
            next_answer = pool.submit(b.post, "/chat/", json={"content": "Are you there?"})
            lapse(at_a.run_id, unread.run_id)
            text, last = at_b.rest()
            assert next_answer.result().json()["content"] == "I am."
    with workers.reading(workers.b, at_a.run_id, after=3) as resumed:
        again = resumed.rest()

    said = "\n\n" + last["error"]["message"]
    assert text == "".join(shown[2:]) + said
    assert again == (text, last | {"timestamp": again[1]["timestamp"]})
    assert last == {
        "content": "",
        "timestamp": last["timestamp"],
        "is_final": True,
        "message_id": str(Message.objects.get(run=at_a.run_id).id),
        "run_id": at_a.run_id,
        "flags": ["partial"],
        "error": {"code": "RUN_INTERRUPTED", "message": last["error"]["message"], "retryable": True},
        "seq": len(shown) + 2,
    }
    partial = [("Hola", []), ("".join(shown), ["partial"])]
    assert workers.shown(workers.b) == [*partial, ("Are you there?", []), ("I am.", [])]
    assert nobodys.shown(workers.b) == partial
    statuses = Run.objects.order_by("created_at").values_list("status", flat=True)
    assert list(statuses) == ["interrupted", "interrupted", "completed"]


def test_a_terminated_worker_finishes_what_it_can_and_marks_the_rest(workers: Workers) -> None:
    workers.model.stall(after_chunks=BEFORE_TEXT + 3, seconds=60, times=2).reply(ANSWER, times=2).reply("Uno dos tres.")
    short, others = workers.of_another_device(), workers.of_another_device()
    with (
        others.asking(others.b) as others_at_b,
        others.reading(others.a, others_at_b.run_id) as others_at_a,
        workers.asking(workers.a) as long_at_a,
    ):
        workers.model.allow(6)
        assert long_at_a.some(3) == others_at_b.some(3) == others_at_a.some(3) == WORDS[:3]
        with (
            workers.asking(workers.a, "And then?") as waiting_at_a,
            workers.reading(workers.b, long_at_a.run_id) as long_at_b,
            workers.reading(workers.b, waiting_at_a.run_id) as waiting_at_b,
            short.asking(short.a) as short_at_a,
        ):
            workers.model.allow(1)
            assert short_at_a.some(1) == ["Uno "]
            workers.a.send(signal.SIGTERM)
            workers.model.allow(2)
            finished = short_at_a.rest()
            ends = [reading.rest() for reading in (long_at_a, long_at_b, waiting_at_a, waiting_at_b)]
            assert list(others_at_a) == []  # let go without an end: it is to go on elsewhere
            assert workers.a.wait() == 0
        with others.reading(others.b, others_at_b.run_id, after=4) as resumed, others.client(others.b) as b:
            assert b.post("/chat/stop").json() == {"stopped": True, "run_id": others_at_b.run_id}
            assert [reading.rest()[1]["flags"] for reading in (resumed, others_at_b)] == [["cancelled", "partial"]] * 2
    shown = workers.shown(workers.b)
    with workers.client(workers.b) as b:
        workers.model.reply("Sí.").flows = True
        after = b.post("/chat/", json={"content": "Are you there?"}).json()

    assert (finished[0], finished[1]["flags"]) == ("dos tres.", [])
    assert [last["error"]["code"] for _, last in ends] == ["RUN_INTERRUPTED"] * 4
    assert [last["flags"] for _, last in ends] == [["partial"], ["partial"], [], []]
    assert shown == [("Hola", []), ("".join(WORDS[:3]), ["partial"]), ("And then?", [])]
    assert after["content"] == "Sí."
    runs = Run.objects.order_by("created_at").values_list("status", "error_code")
    assert list(runs) == [
        ("cancelled", ""),
        ("interrupted", "RUN_INTERRUPTED"),
        ("interrupted", "RUN_INTERRUPTED"),
        ("completed", ""),
        ("completed", ""),
    ]


def test_a_stop_at_one_worker_ends_the_answer_of_the_other(workers: Workers) -> None:
    workers.model.reply(ANSWER).reply("Second.")
    with workers.asking(workers.a) as at_a, workers.reading(workers.b, at_a.run_id) as at_b:
        workers.model.allow(3)
        assert at_a.some(3) == at_b.some(3) == WORDS[:3]
        with workers.client(workers.a) as a, workers.client(workers.b) as b, ThreadPoolExecutor() as pool:
            named = {"run_id": at_a.run_id}
            stops = [pool.submit(client.post, "/chat/stop", params=named) for client in (b, a, b, a)]
            stopped = [stop.result().json() for stop in stops]
            ends = [at_a.rest(), at_b.rest()]
            again = [b.post("/chat/stop", params=params).json() for params in (named, {})]

    partial = Message.objects.get(direction="outgoing")
    assert stopped == [{"stopped": True, "run_id": at_a.run_id}] * 4
    assert again == [stopped[0], {"stopped": False, "run_id": None}]
    assert [text for text, _ in ends] == ["", ""]
    assert [(last["message_id"], last["flags"]) for _, last in ends] == [
        (str(partial.id), ["cancelled", "partial"])
    ] * 2
    assert (partial.body, partial.flags) == ("".join(WORDS[:3]), ["cancelled", "partial"])
    assert Run.objects.get().status == "cancelled"
    assert [request.completed for request in workers.model.requests] == [False]


def test_a_waiting_message_can_be_stopped_by_its_name_at_either_worker(workers: Workers) -> None:
    workers.model.reply("First.").reply("Third.")
    with (
        workers.asking(workers.a) as first,
        workers.asking(workers.a) as waiting,
        workers.reading(workers.b, waiting.run_id) as waiting_at_b,
        workers.asking(workers.b) as third,
        workers.client(workers.b) as b,
    ):
        stopped = b.post("/chat/stop", params={"run_id": waiting.run_id}).json()
        ends = [waiting.rest(), waiting_at_b.rest()]
        workers.model.allow(10)
        told = [first.rest()[0], third.rest()[0]]

    assert stopped == {"stopped": True, "run_id": waiting.run_id}
    assert [(text, last["flags"], last["message_id"]) for text, last in ends] == [("", ["cancelled"], None)] * 2
    assert told == ["First.", "Third."]
    statuses = Run.objects.order_by("message__number").values_list("status", flat=True)
    assert list(statuses) == ["completed", "cancelled", "completed"]


def lapse(*run_ids: str) -> None:
    """Let the time pass after which a worker that does not renew its leases counts as dead."""
    over = clock.now() - timedelta(seconds=1)
    assert Run.objects.filter(id__in=run_ids, status__in=OPEN).update(lease_until=over) == len(run_ids)


def blocks_of(stream: bytes) -> list[dict[str, Any]]:
    """The events that came whole, without the moment at which each worker wrote them."""
    events = []
    for block in stream.decode(errors="ignore").split("\n\n")[:-1]:
        number, data = block.split("\n")
        event = json.loads(data.removeprefix("data: "))
        assert number == f"id: {event['seq']}"
        events.append({name: value for name, value in event.items() if name != "timestamp"})
    return events
