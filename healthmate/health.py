"""`/health`: whether this process lives, and whether it can serve."""

import asyncio
import logging
import time
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from healthmate.common import health
from healthmate.common.db import in_db
from healthmate.common.health import Finding, HealthCheck
from healthmate.common.loop import per_loop
from healthmate.common.schema import PUBLIC, answer
from healthmate.common.views import ApiView

logger = logging.getLogger(__name__)

PROBE_SECONDS = 2.0
FRESH_SECONDS = 1.0  # nobody is throttled here, so one answer serves all who ask in that time
OK, DOWN = "ok", "unavailable"
NO_STORE = {"Cache-Control": "no-store"}


async def database() -> Finding:
    """A query goes through."""
    await in_db(_select_one)
    return Finding(ok=True)


async def migrations() -> Finding:
    """The tables are those that this version expects."""
    pending = await in_db(_pending_migrations)
    return Finding(ok=not pending, details={"pending": pending})


async def redis() -> Finding:
    """The shared cache answers; registered when REDIS_URL is set."""
    await asyncio.to_thread(cache.get, "health")
    return Finding(ok=True)


def register_checks() -> None:
    """Register the probes of what every deployment has."""
    health.register("database", database)
    health.register("migrations", migrations)
    if settings.REDIS_URL:
        health.register("redis", redis)


def _select_one() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def _pending_migrations() -> int:
    return len(_expected_migrations() - MigrationRecorder(connection).applied_migrations().keys())


@lru_cache
def _expected_migrations() -> frozenset[tuple[str, str]]:
    """What is on disk: read once, since it takes longer than the probe should."""
    return frozenset(MigrationLoader(None).graph.nodes)


class CheckOut(serializers.Serializer[object]):
    """One dependency."""

    status = serializers.ChoiceField(choices=[OK, DOWN])
    latency_ms = serializers.FloatField(help_text="How long the probe took.")
    pending = serializers.IntegerField(required=False, help_text="Migrations that are not applied yet.")
    mode = serializers.CharField(required=False, help_text="Which model server answers.")


class HealthOut(serializers.Serializer[object]):
    """Answer of `GET /health`."""

    status = serializers.ChoiceField(choices=[OK, DOWN])
    checks = serializers.DictField(child=CheckOut())


class LiveOut(serializers.Serializer[object]):
    """Answer of `GET /health/live`."""

    status = serializers.CharField()


class Latest:
    """The last report of this event loop, and the lock under which the next one is made."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.made_at = float("-inf")
        self.report: dict[str, Any] = {}

    async def get(self) -> dict[str, Any]:
        """A report no older than FRESH_SECONDS."""
        async with self.lock:
            if time.monotonic() - self.made_at >= FRESH_SECONDS:
                self.report, self.made_at = await make_report(), time.monotonic()
            return self.report


latest = per_loop(Latest)


async def make_report() -> dict[str, Any]:
    """Ask every probe at once: `{status, checks: {name: {status, latency_ms, ...}}}`."""
    checks = health.registered()
    found = await asyncio.gather(*(_ask(name, check) for name, check in checks.items()))
    fit = all(finding["status"] == OK for finding, check in zip(found, checks.values(), strict=True) if check.needed)
    return {"status": OK if fit else DOWN, "checks": dict(zip(checks, found, strict=True))}


async def _ask(name: str, check: HealthCheck) -> dict[str, Any]:
    started = time.perf_counter()
    try:
        async with asyncio.timeout(PROBE_SECONDS):
            finding = await check.probe()
    except Exception as error:  # a probe reports, whatever breaks in it; the reason is for the log only
        logger.warning("health: %s failed with %s", name, type(error).__name__)
        finding = Finding(ok=False)
    latency = round((time.perf_counter() - started) * 1000, 2)
    return {"status": OK if finding.ok else DOWN, "latency_ms": latency, **finding.details}


class OpenView(ApiView):
    """A view that asks nobody who they are and limits nobody."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    throttle_classes = ()


class HealthView(OpenView):
    """`GET /health`."""

    @extend_schema(
        tags=["operations"],
        summary="Ready to serve?",
        description="Every dependency with its latency; 503 when one that is needed does not answer.",
        auth=PUBLIC,
        responses={
            200: answer(
                HealthOut,
                {
                    "status": OK,
                    "checks": {
                        "database": {"status": OK, "latency_ms": 1.2},
                        "migrations": {"status": OK, "latency_ms": 3.4, "pending": 0},
                        "model": {"status": OK, "latency_ms": 0.1, "mode": "scripted"},
                    },
                },
                "Ready.",
            ),
            503: answer(
                HealthOut,
                {"status": DOWN, "checks": {"database": {"status": DOWN, "latency_ms": 2000.0}}},
                "Not ready.",
            ),
        },
    )
    async def get(self, request: Request) -> Response:
        """Ready?"""
        report = await latest().get()
        return Response(report, status=200 if report["status"] == OK else 503, headers=NO_STORE)


class LiveView(OpenView):
    """`GET /health/live`."""

    @extend_schema(
        tags=["operations"],
        summary="Alive?",
        description="Answers as long as the process does; touches nothing else.",
        auth=PUBLIC,
        responses={200: answer(LiveOut, {"status": OK}, "Alive.")},
    )
    async def get(self, request: Request) -> Response:
        """Alive?"""
        return Response({"status": OK}, headers=NO_STORE)
