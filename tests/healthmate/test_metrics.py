"""`/metrics`: what is counted, by how many workers, and who may see it."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.core.checks import run_checks
from django.db import OperationalError, connection
from prometheus_client.parser import text_string_to_metric_families

from chat.models import Message, Run, Thread
from healthmate.common import metrics

TOKEN = "a-token-for-prometheus"
FALLBACKS = "healthmate_session_lock_fallbacks_total"
ROOT = Path(__file__).resolve().parents[2]
WORKER = """
from healthmate.workers import share_counts
share_counts()
import django
django.setup()
from healthmate.common import metrics
metrics.count_session_lock_fallback("read")
metrics.count_session_lock_fallback("write")
print(metrics.exposition("", {})[0].decode())
"""


def figures(text: str) -> dict[tuple[str, ...], float]:
    """Every sample by its name and the values of its labels."""
    families = text_string_to_metric_families(text)
    return {(s.name, *s.labels.values()): s.value for family in families for s in family.samples}


@pytest.fixture
def ask(database: None) -> Callable[..., Any]:
    """Ask the ASGI application from an address, with headers of the request's own."""
    from healthmate.asgi import application

    async def get(address: str = "127.0.0.1", **headers: str) -> httpx.Response:
        transport = httpx.ASGITransport(application, client=(address, 50_000))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.get("/metrics", headers={name: value.encode() for name, value in headers.items()})

    return get


def test_a_scrape_from_this_machine_tells_counts_runs_and_the_process(http: httpx.Client) -> None:
    thread = Thread.objects.create()
    message = Message.objects.create(thread=thread, number=1, turn=1, direction="incoming", body="Hola")
    for status in ("queued", "queued", "in_progress"):
        Run.objects.create(thread=thread, message=message, status=status)
    before = figures(http.get("/metrics").text)
    metrics.count_session_lock_fallback("read")

    response = http.get("/metrics/")

    after = figures(response.text)
    assert (response.status_code, response.headers["Cache-Control"]) == (200, "no-store")
    assert response.headers["Content-Type"].startswith("text/plain; version=")
    assert after[FALLBACKS, "read"] == before[FALLBACKS, "read"] + 1
    assert {name[1] for name in after if name[0] == FALLBACKS} == {"read", "write", "clear"}
    assert after["healthmate_runs_open", "queued"] == 2
    assert after["healthmate_runs_open", "in_progress"] == 1
    assert after["process_resident_memory_bytes",] > 0
    Run.objects.all().delete()


def test_messages_that_are_served_without_the_lock_table_are_counted(http: httpx.Client) -> None:
    before = figures(http.get("/metrics").text)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE conversation_states RENAME TO conversation_states_away")
    try:
        answer = http.post("/chat/", json={"content": "Hola"})
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE conversation_states_away RENAME TO conversation_states")

    after = figures(http.get("/metrics").text)
    assert (answer.status_code, bool(answer.json()["content"])) == (200, True)
    assert after[FALLBACKS, "read"] > before[FALLBACKS, "read"]
    assert after[FALLBACKS, "write"] > before[FALLBACKS, "write"]
    assert after[FALLBACKS, "clear"] == before[FALLBACKS, "clear"]


async def test_openmetrics_is_spoken_to_who_asks_for_it(ask: Callable[..., Any], monkeypatch: Any) -> None:
    monkeypatch.setattr(metrics, "_gauges", {})
    response = await ask(Accept="application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5")

    assert response.headers["Content-Type"].startswith("application/openmetrics-text")
    assert response.content.endswith(b"# EOF\n")


@pytest.mark.parametrize("error", [OperationalError, TimeoutError])
async def test_without_the_database_the_counts_are_told_all_the_same(
    ask: Callable[..., Any], monkeypatch: Any, caplog: pytest.LogCaptureFixture, error: type[Exception]
) -> None:
    def away() -> dict[str, float]:
        raise error("password=secret")

    monkeypatch.setattr(metrics, "_gauges", {})
    metrics.register_gauge("healthmate_test", "For a test.", label="kind", read=away)

    response = await ask()

    assert response.status_code == 200
    assert (FALLBACKS, "read") in figures(response.text)
    assert b"healthmate_test" not in response.content
    assert f"the database does not answer ({error.__name__})" in caplog.text
    assert "secret" not in caplog.text


@pytest.mark.parametrize(
    ("address", "header"),
    [
        ("203.0.113.7", None),
        ("10.0.0.5", None),
        ("::ffff:203.0.113.7", None),
        ("", None),
        ("127.0.0.1", "X-Forwarded-For"),
        ("127.0.0.1", "X-Real-IP"),
        ("::1", "Forwarded"),
    ],
)
async def test_without_a_token_nobody_else_sees_it(ask: Callable[..., Any], address: str, header: str | None) -> None:
    response = await ask(address, **({header: "127.0.0.1"} if header else {}))

    assert (response.status_code, response.json()["error"]["code"]) == (404, "NOT_FOUND")


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"])
async def test_without_a_token_this_machine_does(ask: Callable[..., Any], monkeypatch: Any, address: str) -> None:
    monkeypatch.setattr(metrics, "_gauges", {})
    assert (await ask(address)).status_code == 200


@pytest.mark.parametrize(
    ("name", "value"), [("PROXIES_IN_FRONT", 1), ("SECURE_PROXY_SSL_HEADER", ("HTTP_X_FORWARDED_PROTO", "https"))]
)
async def test_behind_a_proxy_nobody_is_from_here(
    ask: Callable[..., Any], settings: Any, name: str, value: Any
) -> None:
    setattr(settings, name, value)
    assert (await ask()).status_code == 404


@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        (f"Bearer {TOKEN}", 200),
        (f"bearer {TOKEN}", 200),
        (f"Bearer {TOKEN}x", 401),
        (f"Basic {TOKEN}", 401),
        (TOKEN, 401),
        ("Bearer ñandú", 401),
        ("", 401),
    ],
)
async def test_with_a_token_it_is_the_token_that_counts(
    ask: Callable[..., Any], settings: Any, monkeypatch: Any, authorization: str, status: int
) -> None:
    monkeypatch.setattr(metrics, "_gauges", {})
    settings.METRICS_TOKEN = TOKEN
    for address in ("203.0.113.7", "127.0.0.1"):
        response = await ask(address, Authorization=authorization)
        assert response.status_code == status
    if status == 401:
        assert response.json()["error"]["code"] == "UNAUTHORIZED"
        assert response.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_token_that_could_be_guessed_is_refused_at_start(settings: Any) -> None:
    settings.METRICS_TOKEN = "short"
    assert [found.id for found in run_checks() if found.id == "healthmate.E006"] == ["healthmate.E006"]
    settings.METRICS_TOKEN = TOKEN
    assert not [found for found in run_checks() if found.id == "healthmate.E006"]


def test_the_workers_of_a_server_count_together_and_forget_servers_that_are_gone(tmp_path: Path) -> None:
    (tmp_path / "metrics" / "2147483646-1.00").mkdir(parents=True)
    environment = {
        **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
        "DJANGO_SETTINGS_MODULE": "healthmate.settings",
        "ENV_FILE": os.devnull,
        "SECRET_KEY": "a-key-for-tests-only-a-key-for-tests-only-a-key-for-tests",
        "DATABASE_URL": "postgresql://nobody@127.0.0.1:9/none",
        "DATA_DIR": str(tmp_path),
        "WORKERS": "2",
    }
    command = [sys.executable, "-c", WORKER]
    told = [
        figures(subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True).stdout)
        for _ in range(2)
    ]

    assert [worker[FALLBACKS, "read"] for worker in told] == [1, 2]
    assert told[1] == {(FALLBACKS, "read"): 2, (FALLBACKS, "write"): 2, (FALLBACKS, "clear"): 0}
    (folder,) = (tmp_path / "metrics").iterdir()
    assert folder.name.startswith(f"{os.getpid()}-")
