"""`manage.py runserver`, with which `make run` ends."""

from typing import Any

from daphne.server import Server
from django.conf import settings
from django.core.management.base import CommandError
from whitenoise.runserver_nostatic.management.commands import runserver


class FailingServer(Server):  # type: ignore[misc]
    """Daphne, which by itself ends as if all were well when it cannot listen, and takes frames of any size."""

    def __init__(self, *args: Any, **options: Any) -> None:
        # An application of daphne's cannot close with 1009, so daphne itself refuses what is too big.
        most = settings.MAX_FRAME_BYTES - 1
        limits = {"websocket_max_message_size": most, "websocket_max_frame_size": most}
        super().__init__(*args, **options | limits)
        self._problem = ""

    @property
    def ws_factory(self) -> Any:
        """What makes protocols for WebSockets; they say why they fail, before they go."""
        return self._ws_factory

    @ws_factory.setter
    def ws_factory(self, factory: Any) -> None:
        factory.setProtocolOptions(failByDrop=False)
        self._ws_factory = factory

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
