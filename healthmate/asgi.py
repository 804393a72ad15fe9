"""The ASGI application: what a server starts, or refuses to start with a sentence that tells the mend."""

import os

from django.core import checks
from django.core.asgi import get_asgi_application
from django.core.handlers.asgi import ASGIHandler
from django.core.management.base import SystemCheckError

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "healthmate.settings")


def checked_application() -> ASGIHandler:
    """Django, if its system checks pass: servers do not run them. Raises SystemCheckError."""
    application = get_asgi_application()
    problems = [found for found in checks.run_checks() if found.is_serious() and not found.is_silenced()]
    if problems:
        raise SystemCheckError("\n\n".join(["HealthMate cannot start.", *map(str, problems)]))
    return application


application = checked_application()
