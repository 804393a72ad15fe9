"""The words in recordings that people attach."""

import asyncio
import logging
from collections.abc import Sequence

from chat.media.addresses import STRICT, Rules
from chat.media.recordings import fetch_located
from chat.media.urls import Target, locate_all
from chat.services.model_io import ModelError
from chat.services.openai_service import OpenAIService
from healthmate.common.errors import TRANSCRIPTION_UNAVAILABLE, ApiError
from healthmate.common.loop import per_loop

logger = logging.getLogger(__name__)

RECORDINGS_AT_ONCE = 8  # of one process, each up to Rules.max_bytes in memory


async def transcripts_of(
    urls: Sequence[str], service: OpenAIService, *, field: str = "audio_urls", rules: Rules = STRICT
) -> list[str]:
    """What is said in each recording, in order; all addresses are checked before any is fetched.

    Raises ApiError URL_REFUSED (the address, or what is behind it), TRANSCRIPTION_UNAVAILABLE.
    """
    targets = await locate_all(urls, field=field, rules=rules)
    return [await _transcript(target, url, service, field, rules) for url, target in zip(urls, targets, strict=True)]


async def _transcript(target: Target, url: str, service: OpenAIService, field: str, rules: Rules) -> str:
    async with _slots():
        audio = await fetch_located(target, named=url, field=field, rules=rules)
        try:
            return await service.transcribe(audio.content, filename=audio.filename)
        except ModelError as error:
            logger.warning("a recording was not transcribed: %s", error.reason)
            raise ApiError(TRANSCRIPTION_UNAVAILABLE) from error


@per_loop
def _slots() -> asyncio.Semaphore:
    return asyncio.Semaphore(RECORDINGS_AT_ONCE)
