import asyncio

import pytest

from healthmate import health as endpoint
from healthmate.common import health
from healthmate.common.health import Finding


@pytest.fixture
def probes(monkeypatch):
    """Probes of the test's own instead of the registered ones."""
    monkeypatch.setattr(health, "_checks", {})
    return health.register


async def fine():
    return Finding(ok=True, details={"mode": "scripted"})


async def broken():
    raise RuntimeError("password=secret host=db.internal")


async def unfit():
    return Finding(ok=False, details={"pending": 3})


async def stuck():
    await asyncio.Event().wait()


def times(report):
    return [check.pop("latency_ms") for check in report["checks"].values()]


async def test_it_is_ready_when_every_dependency_is(probes):
    probes("database", fine)
    report = await endpoint.make_report()
    assert all(latency >= 0 for latency in times(report))
    assert report == {"status": "ok", "checks": {"database": {"status": "ok", "mode": "scripted"}}}


@pytest.mark.parametrize("probe", [broken, unfit])
async def test_it_is_not_ready_when_one_that_is_needed_fails(probes, probe):
    probes("database", probe)
    probes("model", fine, needed=False)
    report = await endpoint.make_report()
    times(report)
    details = {"pending": 3} if probe is unfit else {}
    assert report == {
        "status": "unavailable",
        "checks": {"database": {"status": "unavailable", **details}, "model": {"status": "ok", "mode": "scripted"}},
    }


async def test_one_that_is_not_needed_is_reported_only(probes):
    probes("model", broken, needed=False)
    report = await endpoint.make_report()
    times(report)
    assert report == {"status": "ok", "checks": {"model": {"status": "unavailable"}}}


async def test_a_probe_that_hangs_is_given_up(probes, monkeypatch):
    monkeypatch.setattr(endpoint, "PROBE_SECONDS", 0.05)
    probes("database", stuck)
    report = await endpoint.make_report()
    assert report["checks"]["database"]["status"] == "unavailable"
    assert 40 < report["checks"]["database"]["latency_ms"] < 1000


async def test_reasons_and_addresses_are_not_told_or_logged(probes, caplog):
    probes("database", broken)
    report = str(await endpoint.make_report())
    for secret in ("password", "db.internal"):
        assert secret not in report + caplog.text
    assert "database failed with RuntimeError" in caplog.text


async def test_many_that_ask_at_once_share_one_probe(probes):
    asked = []

    async def count():
        asked.append(1)
        return Finding(ok=True)

    probes("database", count)
    await asyncio.gather(*(endpoint.latest().get() for _ in range(50)))
    assert len(asked) == 1


async def test_a_database_that_is_down_is_answered_with_503(probes, async_client):
    probes("database", broken)
    response = await async_client.get("/health")
    body = response.json()
    times(body)
    assert response.status_code == 503
    assert body == {"status": "unavailable", "checks": {"database": {"status": "unavailable"}}}


def test_it_answers_over_http_without_a_token_or_a_limit(http, settings):
    settings.RATE_ADDRESS = "1/min"
    for _ in range(3):
        response = http.get("/health")
        assert response.status_code == 200, response.text
        assert response.headers["cache-control"] == "no-store"
    body = response.json()
    assert all(latency >= 0 for latency in times(body))
    assert body["status"] == "ok"
    assert body["checks"]["database"] == {"status": "ok"}
    assert body["checks"]["migrations"] == {"status": "ok", "pending": 0}
    assert body["checks"]["model"] == {"status": "ok", "mode": "scripted"}
    assert http.get("/health/live").json() == {"status": "ok"}


async def test_being_alive_needs_no_database(async_client):
    response = await async_client.get("/health/live")
    assert (response.status_code, response.json()) == (200, {"status": "ok"})


@pytest.mark.django_db
def test_migrations_that_are_not_applied_are_counted():
    from django.db import connection
    from django.db.migrations.recorder import MigrationRecorder

    assert endpoint._pending_migrations() == 0
    MigrationRecorder(connection).record_unapplied("accounts", "0001_initial")
    assert endpoint._pending_migrations() == 1
