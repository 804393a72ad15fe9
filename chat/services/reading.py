"""Reading a model server's stream: watched for silence, and at a pace while there are many."""

import asyncio
import math
from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx2
from django.conf import settings

from healthmate.common.loop import per_loop
from healthmate.common.patience import Patience

FEW_STREAMS, MANY_STREAMS = 10, 100
READ_SECONDS = 0.05  # between two reads of each of many streams: nobody reads faster, and each read has its price


async def chunks_of(response: httpx2.Response, *, deadline: float) -> AsyncIterator[bytes]:
    """The body as it comes. Raises TimeoutError at the deadline, or when the server falls silent after its first chunk.

    While many streams are read, what follows a chunk within READ_SECONDS is read together with the next.
    """
    iterator, reading = aiter(_bytes_of(response)), _reading()
    patience = Patience(stall=settings.LLM_STALL_TIMEOUT, first=math.inf, deadline=deadline)
    reading.streams += 1
    try:
        while True:
            with patience:
                chunk = await anext(iterator, None)
            if chunk is None:
                return
            yield chunk
            if pause := reading.pause:
                await asyncio.sleep(pause)
    finally:
        reading.streams -= 1
        patience.close()


@dataclass
class _Reading:
    """How many streams this process reads, and how long each pauses between two reads."""

    streams: int = 0

    @property
    def pause(self) -> float:
        """Seconds; next to nothing while there are few."""
        return READ_SECONDS * min(self.streams / MANY_STREAMS, 1.0) if self.streams > FEW_STREAMS else 0.0


@per_loop
def _reading() -> _Reading:
    return _Reading()


def _bytes_of(response: httpx2.Response) -> AsyncIterator[bytes]:
    """The body as it comes; decoded only where the server compressed it although it was asked not to."""
    return response.aiter_bytes() if "content-encoding" in response.headers else response.aiter_raw()
