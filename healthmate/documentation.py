"""`/openapi.json`, `/docs` and `/redoc`: every script and style from this server, none inline."""

from functools import lru_cache
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import get_language
from django.views.decorators.http import require_safe
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from healthmate.common.db import in_db
from healthmate.health import OpenView

# Redoc searches in a worker that it makes from a blob; both set styles by script.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; worker-src blob:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)


class SchemaView(OpenView):
    """`GET /openapi.json`."""

    @extend_schema(exclude=True)
    async def get(self, request: Request) -> Response:
        """The whole interface in OpenAPI 3."""
        return Response(await in_db(schema, get_language()))


@require_safe
async def swagger(request: HttpRequest) -> HttpResponse:
    """Swagger UI."""
    return _page(request, "docs/swagger.html")


@require_safe
async def redoc(request: HttpRequest) -> HttpResponse:
    """Redoc."""
    return _page(request, "docs/redoc.html")


@lru_cache(maxsize=8)
def schema(language: str | None) -> dict[str, Any]:
    """The schema in the active language, named here for the cache."""
    made: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    return made


def _page(request: HttpRequest, template: str) -> HttpResponse:
    page = render(request, template)
    page.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
    return page
