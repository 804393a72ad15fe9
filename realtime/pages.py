"""`/docs/ws`: a page to try the WebSocket with, for development; all it loads is this server's own."""

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe


@require_safe
async def tester(request: HttpRequest) -> HttpResponse:
    """The test page of seed 3. Raises Http404 unless DEBUG is on."""
    if not settings.DEBUG:
        raise Http404
    page = render(request, "docs/ws.html")
    host = request.get_host()
    page.headers["Content-Security-Policy"] = (
        f"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        f"connect-src 'self' ws://{host} wss://{host}; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    )
    return page
