"""uvicorn's WebSocket protocol, with what RFC 6455 asks of it that its library does not do."""

import asyncio
import logging
from typing import Any

from uvicorn import Config
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.frames import Frame, Opcode
from websockets.server import ServerProtocol

LISTEN_SECONDS = 5.0  # at most, to a client that is being let go
QUIET_SECONDS = 0.2  # after which it has nothing more to say

INVALID_DATA = 1007  # RFC 6455, 7.4.1


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
        self._listens_until: float | None = None
        self.conn = _Connection(max_size=config.ws_max_size, logger=logging.getLogger("uvicorn.error"))

    def data_received(self, data: bytes) -> None:
        """Answer a handshake that is too long as well: uvicorn would leave its client waiting."""
        super().data_received(data)
        if self.conn.handshake_exc is not None and not self.handshake_initiated:
            self.transport.write(b"".join(self.conn.data_to_send()))
            self.transport.close()

    def send_receive_event_to_app(self) -> None:
        """Text that is no UTF-8 is its sender's mistake: uvicorn would log each with a traceback."""
        if self.curr_msg_data_type == "text" and not self.close_sent and not _is_utf8(self.frames):
            self.frames = []
            self.conn.send_close(INVALID_DATA)
            self.handle_parser_exception()
        else:
            super().send_receive_event_to_app()

    def handle_parser_exception(self) -> None:
        """Tell the client what is wrong, then read on what it still sends: a reset would overtake the close frame."""
        now = self.loop.time()
        if self._listens_until is None:
            self._listens_until = now + LISTEN_SECONDS
            closed = self.conn.close_sent
            code, reason = (closed.code, closed.reason) if closed else (1006, "")
            self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
            self.transport.write(b"".join(self.conn.data_to_send()))
            self.close_sent = True
            if self.read_paused:
                self.read_paused = False
                self.transport.resume_reading()
        if self.close_timer is not None:
            self.close_timer.cancel()
        self.close_timer = self.loop.call_later(min(QUIET_SECONDS, self._listens_until - now), self.transport.close)


def _is_utf8(fragments: list[bytes]) -> bool:
    try:
        b"".join(fragments).decode()
    except UnicodeDecodeError:
        return False
    return True


class _Connection(ServerProtocol):
    def recv_frame(self, frame: Frame) -> None:
        """A close frame may come between the fragments of a message (5.4) and is answered with its own code (5.5.1)."""
        if frame.opcode is Opcode.CLOSE:
            self.current_size = None
        super().recv_frame(frame)
