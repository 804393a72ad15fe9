"""`manage.py serve`."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from healthmate import serving


class Command(BaseCommand):
    """What `make serve` and a service manager start; the system checks run first."""

    help = (
        "Serve in production: uvicorn with WORKERS processes on LISTEN_ADDRESS and PORT. "
        "SIGTERM ends it: running answers get SHUTDOWN_GRACE seconds to finish."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        """Serve until a signal ends it. Raises CommandError with DEBUG."""
        if settings.DEBUG:
            raise CommandError("DEBUG is on, which tells strangers too much: take it out, or use `make run`.")
        serving.serve()
