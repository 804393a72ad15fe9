"""uvicorn's WebSocket protocol, with what RFC 6455 asks of it that its library does not do."""

import asyncio
import logging
from typing import Any

from uvicorn import Config
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.frames import Frame, Opcode
from websockets.server import ServerProtocol


class Protocol(WebSocketsSansIOProtocol):
    """Without compression, which would cost memory per socket for nothing."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.conn = _Connection(max_size=config.ws_max_size, logger=logging.getLogger("uvicorn.error"))


class _Connection(ServerProtocol):
    def recv_frame(self, frame: Frame) -> None:
        """A close frame may come between the fragments of a message (5.4) and is answered with its own code (5.5.1)."""
        if frame.opcode is Opcode.CLOSE:
            self.current_size = None
        super().recv_frame(frame)
