"""A WebSocket client that sends whatever a test wants, allowed or not, and shows what comes back frame by frame."""

import base64
import os
import socket
import struct
from typing import NamedTuple, Self
from urllib.parse import urlsplit

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA


class Frame(NamedTuple):
    opcode: int
    payload: bytes
    fin: bool = True

    @property
    def close_code(self) -> int | None:
        """None for a close frame without one."""
        assert self.opcode == CLOSE
        return struct.unpack("!H", self.payload[:2])[0] if self.payload else None


def encoded(opcode: int, payload: bytes = b"", *, fin: bool = True, rsv: int = 0, mask: bool = True) -> bytes:
    """A frame of a client's (RFC 6455, 5.2)."""
    first, masked, size = (fin << 7) | (rsv << 4) | opcode, mask << 7, len(payload)
    if size < 126:
        head = struct.pack("!BB", first, masked | size)
    elif size < 65536:
        head = struct.pack("!BBH", first, masked | 126, size)
    else:
        head = struct.pack("!BBQ", first, masked | 127, size)
    if not mask:
        return head + payload
    key = os.urandom(4)
    stream = (key * (size // 4 + 1))[:size]
    return head + key + (int.from_bytes(payload, "big") ^ int.from_bytes(stream, "big")).to_bytes(size, "big")


class RawSocket:
    """An open WebSocket as a TCP socket; `options` are TCP's."""

    def __init__(self, url: str, **options: int) -> None:
        at = urlsplit(url)
        self.tcp = socket.socket()
        self.tcp.settimeout(30)
        for name, value in options.items():
            level = socket.SOL_SOCKET if name.startswith("SO_") else socket.IPPROTO_TCP
            self.tcp.setsockopt(level, getattr(socket, name), value)
        self.tcp.connect((at.hostname, at.port))
        key = base64.b64encode(os.urandom(16)).decode()
        self.tcp.sendall(
            f"GET {at.path}?{at.query} HTTP/1.1\r\nHost: {at.netloc}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode()
        )
        self._read = b""
        while b"\r\n\r\n" not in self._read:
            self._read += self.tcp.recv(65536)
        head, _, self._read = self._read.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101"), head

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.tcp.close()

    def send(self, *frames: bytes) -> None:
        self.tcp.sendall(b"".join(frames))

    def receive(self) -> Frame | None:
        """The next frame; None at the connection's end."""
        head = self._take(2)
        if head is None:
            return None
        size = head[1]
        assert size < 128, "a server masks nothing"
        if size >= 126:
            wide = self._take(2 if size == 126 else 8)
            assert wide is not None
            size = int.from_bytes(wide, "big")
        payload = self._take(size)
        assert payload is not None
        return Frame(head[0] & 0x0F, payload, bool(head[0] & 0x80))

    def rest(self) -> list[Frame]:
        """Every frame up to the connection's end."""
        frames = []
        while frame := self.receive():
            frames.append(frame)
        return frames

    def _take(self, size: int) -> bytes | None:
        while len(self._read) < size:
            try:
                data = self.tcp.recv(65536)
            except ConnectionResetError:
                return None
            if not data:
                return None
            self._read += data
        taken, self._read = self._read[:size], self._read[size:]
        return taken
