"""`/ws/chat` in /openapi.json, and so in /docs: every frame with its JSON Schema and an example."""

import json
from pathlib import Path
from typing import Any

SCHEMAS = Path(__file__).parent / "schemas"
FROM_CLIENT = ("query", "ping", "cancel", "resume")
TO_CLIENT = ("connected", "status", "stream_start", "token", "stream_end", "complete", "error", "pong")
INTRODUCTION = """\
Clinicians ask about one patient's record; the answer streams, and cites the records that it rests on.

Say who you are in one of four ways: the header `Authorization: Bearer <access token>`, the subprotocols
`bearer, <access token>`, `?ticket=` (from `POST /auth/ws-ticket`, good once), or `?token=`. The user needs the
permission to view clinical records. Frames are JSON texts of less than 64 KiB. Several sessions may run at once on one
socket; a bad frame costs an `error` frame, never the socket. Under DEBUG there is a page to try it: `/docs/ws`.

A question goes: `status` four times, `stream_start`, `token`..., `stream_end`, `complete`; or `error` at any point.
"""


def add_socket(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """Postprocessing hook of drf-spectacular."""
    parts = [INTRODUCTION, "## Frames that clients send", *map(_described, FROM_CLIENT)]
    parts += ["## Frames that clients get", *map(_described, TO_CLIENT)]
    result["paths"]["/ws/chat"] = {
        "get": {
            "operationId": "ws_chat",
            "tags": ["clinicians"],
            "summary": "Ask a record, over a WebSocket",
            "description": "\n\n".join(parts),
            "parameters": [_parameter("token", "An access token."), _parameter("ticket", "A ticket for one socket.")],
            "security": [{"bearer": []}, {}],
            "responses": {"101": {"description": "The socket opens; refusals are told over it, before it closes."}},
        }
    }
    return result


def _parameter(name: str, description: str) -> dict[str, Any]:
    return {"in": "query", "name": name, "schema": {"type": "string"}, "description": description}


def _described(name: str) -> str:
    schema = json.loads((SCHEMAS / f"{name}.json").read_text(encoding="utf-8"))
    (example,) = schema["examples"]
    shown = json.dumps(example, ensure_ascii=False)
    rules = json.dumps({key: value for key, value in schema.items() if key != "examples"}, ensure_ascii=False, indent=2)
    return f"### {name}\n\n{schema['description']}\n\n```json\n{shown}\n```\n\nJSON Schema:\n\n```json\n{rules}\n```"
