"""The scripted model as a transport: under the same SDK client, it speaks the Responses API in process.

It is the embedded default and the outage mode; nothing above the door knows the difference (design, section 4).
"""

import hashlib
import json
import re
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx2
import msgspec
from django.utils.translation import override

from chat.scripted.conversation import read_conversation
from chat.scripted.policy import Call, Say, decide
from chat.scripted.record_summary import read_record_request, summary_of
from healthmate.common.text import fold

MODEL_NAME = "scripted"


class ScriptedTransport(httpx2.AsyncBaseTransport):
    """Answers `/responses` (streamed or not) and `/embeddings` by rules; anything else with a 404."""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """See httpx's transport API."""
        body = json.loads(await request.aread() or b"{}")
        path = request.url.path.rstrip("/")
        if path.endswith("/responses"):
            answer = _answer(body)
            if body.get("stream"):
                headers = {"content-type": "text/event-stream; charset=utf-8"}
                return httpx2.Response(200, headers=headers, stream=_Stream(_events(answer)), request=request)
            return httpx2.Response(200, json=answer, request=request)
        if path.endswith("/embeddings"):
            return httpx2.Response(200, json=_embeddings(body), request=request)
        error = {"error": {"message": "not scripted", "type": "invalid_request_error", "code": "not_found"}}
        return httpx2.Response(404, json=error, request=request)


class _Stream(httpx2.AsyncByteStream):
    def __init__(self, events: Iterator[dict[str, Any]]) -> None:
        self._events = events

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for number, event in enumerate(self._events):
            data = msgspec.json.encode({**event, "sequence_number": number})
            yield b"event: " + event["type"].encode() + b"\ndata: " + data + b"\n\n"


def _answer(body: dict[str, Any]) -> dict[str, Any]:
    conversation = read_conversation(body)
    about_record = read_record_request(body)
    with override(conversation.language):
        move = Say(summary_of(about_record)) if about_record else decide(conversation)
    item: dict[str, Any]
    if isinstance(move, Call):
        item = {
            "type": "function_call",
            "id": f"fc_{uuid.uuid4().hex}",
            "call_id": f"call_{uuid.uuid4().hex}",
            "name": move.name,
            "arguments": json.dumps(move.arguments, ensure_ascii=False),
            "status": "completed",
        }
        spent = len(item["arguments"])
    else:
        part = {"type": "output_text", "text": move.text, "annotations": []}
        item = {
            "type": "message",
            "id": f"msg_{uuid.uuid4().hex}",
            "role": "assistant",
            "status": "completed",
            "content": [part],
        }
        spent = len(move.text)
    return _response(body, item, spent)


def _response(body: dict[str, Any], item: dict[str, Any], spent: int) -> dict[str, Any]:
    """A Response object; tokens are estimated at four characters each."""
    asked = len(json.dumps(body.get("input"), ensure_ascii=False)) + len(str(body.get("instructions") or ""))
    return {
        "id": f"resp_{uuid.uuid4().hex}",
        "object": "response",
        "created_at": int(time.time()),
        "status": "completed",
        "model": MODEL_NAME,
        "output": [item],
        "parallel_tool_calls": False,
        "tool_choice": body.get("tool_choice", "auto"),
        "tools": body.get("tools") or [],
        "usage": {
            "input_tokens": asked // 4,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": -(-spent // 4),
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": asked // 4 - (-spent // 4),
        },
    }


def _events(answer: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The stream that OpenAI's server sends for such a response."""
    item = answer["output"][0]
    pending = {**answer, "status": "in_progress", "output": [], "usage": None}
    yield {"type": "response.created", "response": pending}
    if item["type"] == "message":
        place = {"item_id": item["id"], "output_index": 0, "content_index": 0}
        text = item["content"][0]["text"]
        opened = {**item, "status": "in_progress", "content": []}
        yield {"type": "response.output_item.added", "output_index": 0, "item": opened}
        for word in re.findall(r"\s*\S+|\s+$", text):
            yield {"type": "response.output_text.delta", **place, "delta": word}
        yield {"type": "response.output_text.done", **place, "text": text}
    else:
        opened = {**item, "status": "in_progress", "arguments": ""}
        yield {"type": "response.output_item.added", "output_index": 0, "item": opened}
        done = {"item_id": item["id"], "output_index": 0, "arguments": item["arguments"]}
        yield {"type": "response.function_call_arguments.done", **done}
    yield {"type": "response.output_item.done", "output_index": 0, "item": item}
    yield {"type": "response.completed", "response": answer}


def _embeddings(body: dict[str, Any]) -> dict[str, Any]:
    texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
    dimensions = int(body.get("dimensions") or 1536)
    data = [
        {"object": "embedding", "index": index, "embedding": _embedding(text, dimensions)}
        for index, text in enumerate(texts)
    ]
    return {"object": "list", "model": MODEL_NAME, "data": data, "usage": {"prompt_tokens": 0, "total_tokens": 0}}


def _embedding(text: str, dimensions: int) -> list[float]:
    """Feature hashing of words: texts that share words are near each other, and nothing more is claimed."""
    vector = [0.0] * dimensions
    for word in re.findall(r"\w+", fold(text)):
        digest = hashlib.blake2b(word.encode(), digest_size=8).digest()
        number = int.from_bytes(digest, "big")
        vector[number % dimensions] += 1.0 if number >> 63 else -1.0
    length = sum(value * value for value in vector) ** 0.5 or 1.0
    return [value / length for value in vector]
