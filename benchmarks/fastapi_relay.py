"""A plain FastAPI relay over the SDK, as the seeds do it: nothing is checked and nothing is kept."""

import json
import os
from collections.abc import AsyncIterator

from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from openai import AsyncOpenAI
from pydantic import BaseModel

app = FastAPI()
client = AsyncOpenAI(base_url=os.environ["OPENAI_BASE_URL"], api_key="none", max_retries=0)


class Message(BaseModel):
    """What a client sends."""

    content: str


@app.post("/api/chat/realtime/sessions/{session_id}/stream")
async def stream(session_id: str, message: Message) -> StreamingResponse:
    """Relay the model's answer in seed 4's events."""
    return StreamingResponse(relay(session_id, message.content), media_type="text/event-stream")


async def relay(session_id: str, content: str) -> AsyncIterator[str]:
    """Seed 4's events, one by one."""
    yield data(type="start", session_id=session_id)
    text = ""
    events = await client.responses.create(model="bench", input=content, stream=True)
    async for event in events:
        if event.type == "response.output_text.delta":
            text += event.delta
            yield data(type="content", content=event.delta)
    yield data(type="done", message_id="none", full_content=text)


def data(**fields: str) -> str:
    """One event."""
    return f"data: {json.dumps(fields)}\n\n"
