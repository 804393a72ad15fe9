"""`manage.py runserver`, with which `make run` ends."""

from typing import Any

from daphne.server import Server
from django.core.management.base import CommandError
from whitenoise.runserver_nostatic.management.commands import runserver


class FailingServer(Server):  # type: ignore[misc]
    """Daphne, which by itself ends as if all were well when it cannot listen."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._problem = ""

    def listen_error(self, failure: Any) -> None:
        """Remember why, and stop."""
        self._problem = failure.getErrorMessage().rstrip(".")
        self.stop()

    def run(self) -> None:
        """Serve until a signal ends it. Raises CommandError when the address cannot be listened on."""
        super().run()
        if self._problem:
            raise CommandError(f"{self._problem}. `PORT=8001 make run` takes another port.")


class Command(runserver.Command):  # type: ignore[misc]
    """The development server of Channels, without Django's static files."""

    server_cls = FailingServer
