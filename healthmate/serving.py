"""The production server: uvicorn as the settings want it, with what thousands of open streams need."""

import math
import resource
import signal
import socket
import sys
from types import FrameType
from typing import Any, NoReturn

from django.conf import settings
from uvicorn import Config, Server
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

APPLICATION = "healthmate.asgi:application"
BACKLOG = 4096  # connections that wait to be accepted; the kernel's somaxconn bounds it
IDLE_SECONDS = 75  # longer than nginx keeps idle connections (60), or it would write into closed ones
ENDING_SECONDS = 10  # to store, and tell readers, the end of what the grace was too short for
HEALTHCHECK_SECONDS = 30  # a worker that is silent for so long is replaced, with all its streams
FRAME_MARGIN = 16 * 1024  # bytes over MAX_FRAME_BYTES that still reach the application, which can tell what is wrong
WEBSOCKETS: dict[str, Any] = {
    "ws": "healthmate.websockets:Protocol",  # it holds back a client that floods
    "ws_max_size": settings.MAX_FRAME_BYTES + FRAME_MARGIN,
    "ws_per_message_deflate": False,
}


class Workers(Multiprocess):
    """Several processes on one socket."""

    def terminate_all(self) -> None:
        """Refuse who comes from now on: connections nobody will accept would only wait."""
        for listener in self.sockets:
            listener.close()
        super().terminate_all()


def server_config() -> Config:
    """Uvicorn's options, all of them here.

    Who the client is and whether it came by HTTPS is decided in the application, by PROXIES_IN_FRONT and BEHIND_PROXY
    alone; WebSocket frames are not compressed, which would cost memory per socket for nothing.
    """
    return Config(
        APPLICATION,
        host=settings.LISTEN_ADDRESS,
        port=settings.PORT,
        workers=settings.WORKERS,
        loop="uvloop",
        http="httptools",
        **WEBSOCKETS,
        lifespan="on",
        log_config=None,  # LOGGING in the settings rules
        proxy_headers=False,
        server_header=False,
        backlog=BACKLOG,
        timeout_keep_alive=IDLE_SECONDS,
        timeout_graceful_shutdown=math.ceil(settings.SHUTDOWN_GRACE) + ENDING_SECONDS,
        timeout_worker_healthcheck=HEALTHCHECK_SECONDS,
    )


def serve() -> None:
    """Serve until SIGTERM or SIGINT, then exit with 0; with uvicorn's STARTUP_FAILURE when it cannot start."""
    _allow_open_files()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _exit)  # uvicorn raises the signal again once it has shut down
    config = server_config()
    listener = config.bind_socket()
    _drop_the_unresponsive(listener)
    listener.listen(BACKLOG)  # who comes while the application is being loaded waits, and is not refused
    if config.workers > 1:
        workers = Workers(config, sockets=[listener])
        workers.run()
        started = all(worker.exitcode != STARTUP_FAILURE for worker in workers.processes)
    else:
        server = Server(config)
        server.run(sockets=[listener])
        started = server.started
    if not started:
        sys.exit(STARTUP_FAILURE)


def _allow_open_files() -> None:
    """A stream takes two sockets, the client's and the model's: the usual soft limit of 1024 would not do."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _drop_the_unresponsive(listener: socket.socket) -> None:
    """Have the kernel end connections whose client takes nothing for STREAM_STALL_TIMEOUT, and free what they hold.

    Closing them would not do: what is buffered would wait for the client for ever. Accepted sockets inherit this.
    """
    milliseconds = math.ceil(settings.STREAM_STALL_TIMEOUT * 1000)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, milliseconds)


def _exit(number: int, frame: FrameType | None) -> NoReturn:
    sys.exit(0)
