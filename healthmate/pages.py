"""`/`: the clinic's chat page. All it loads is this server's own, and nothing is inline."""

import re

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)


@require_safe
async def chat(request: HttpRequest) -> HttpResponse:
    """The page to talk with the assistant."""
    context = {
        "clinic": settings.CLINIC_NAME,
        "emergency_number": settings.EMERGENCY_NUMBER,
        "emergency_tel": re.sub(r"[^0-9+*#]", "", settings.EMERGENCY_NUMBER),
        "max_chars": settings.MAX_MESSAGE_CHARS,
    }
    page = render(request, "chat/page.html", context)
    page.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
    page.headers["Cache-Control"] = "no-store"  # or "back" would show an earlier person's conversation
    return page
