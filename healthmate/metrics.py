"""`/metrics`: what Prometheus scrapes; for operators, never for the public."""

import asyncio
import logging
from collections.abc import Mapping
from ipaddress import ip_address

from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare
from django.views.decorators.http import require_safe

from healthmate.common import errors, metrics
from healthmate.common.db import in_db
from healthmate.common.envelope import as_json_response
from healthmate.common.errors import ApiError

logger = logging.getLogger(__name__)

READ_SECONDS = 2.0  # for what the database knows; a scrape waits ten
FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP", "Via")


@require_safe
async def show(request: HttpRequest) -> HttpResponse:
    """`GET /metrics`, with METRICS_TOKEN as bearer token; without that setting only from this machine itself."""
    if settings.METRICS_TOKEN:
        if not _has_token(request):
            return as_json_response(ApiError(errors.UNAUTHORIZED))
    elif not _is_from_here(request):
        return as_json_response(ApiError(errors.NOT_FOUND))
    body, content_type = metrics.exposition(request.headers.get("Accept", ""), await _readings())
    return HttpResponse(body, content_type=content_type, headers={"Cache-Control": "no-store"})


async def _readings() -> Mapping[str, metrics.Reading]:
    """What the database tells; nothing while it does not answer, since the counts are wanted then most of all."""
    try:
        async with asyncio.timeout(READ_SECONDS):
            return await in_db(metrics.read_gauges)
    except (DatabaseError, TimeoutError) as error:
        logger.warning("metrics: the database does not answer (%s)", type(error).__name__)
        return {}


def _has_token(request: HttpRequest) -> bool:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return scheme.lower() == "bearer" and constant_time_compare(token.strip(), settings.METRICS_TOKEN)


def _is_from_here(request: HttpRequest) -> bool:
    """Whether a program of this machine asks, and no proxy for somebody else."""
    proxied = settings.PROXIES_IN_FRONT or settings.SECURE_PROXY_SSL_HEADER
    if proxied or any(name in request.headers for name in FORWARDED):
        return False
    try:
        peer = ip_address(str(request.META.get("REMOTE_ADDR")))
    except ValueError:  # a socket without addresses: a proxy is at its other end
        return False
    return (getattr(peer, "ipv4_mapped", None) or peer).is_loopback
