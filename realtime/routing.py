"""Which WebSocket addresses there are; every other one is answered with 404 before a socket opens."""

from typing import Any

from realtime.consumers import ClinicianConsumer
from realtime.middleware import Authenticated

_chat = Authenticated(ClinicianConsumer.as_asgi())
_routes = {"/ws/chat": _chat, "/ws/chat/": _chat}


async def application(scope: Any, receive: Any, send: Any) -> None:
    """The ASGI entry of WebSockets."""
    await _routes.get(scope["path"], _not_found)(scope, receive, send)


async def _not_found(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    if "websocket.http.response" in scope.get("extensions", {}):
        await send({"type": "websocket.http.response.start", "status": 404, "headers": []})
        await send({"type": "websocket.http.response.body", "body": b""})
    else:
        await send({"type": "websocket.close"})
