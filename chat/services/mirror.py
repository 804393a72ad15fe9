"""Threads as OpenAI Conversations, for clinics that want them there (OPENAI_CONVERSATIONS)."""

import logging
from uuid import UUID

from django.conf import settings

from chat.models import Thread
from chat.services.model_io import ModelError
from chat.services.openai_service import OpenAIService
from healthmate.common.db import in_db

logger = logging.getLogger(__name__)


async def mirror(service: OpenAIService, *, thread_id: UUID, question: str, answer: str) -> None:
    """Copy a finished turn, if the clinic wants that; our own thread stays the one that counts."""
    if not (settings.OPENAI_CONVERSATIONS and answer):
        return
    known = await in_db(_conversation_of, thread_id)
    try:
        conversation_id = await service.mirror_turn(known, question, answer)
    except ModelError as error:
        logger.warning("thread %s was not mirrored: %s", thread_id, error.reason)
        return
    if conversation_id != known:
        await in_db(_remember, thread_id, conversation_id)


def _conversation_of(thread_id: UUID) -> str:
    return Thread.objects.values_list("conversation_id", flat=True).get(id=thread_id)


def _remember(thread_id: UUID, conversation_id: str) -> None:
    Thread.objects.filter(id=thread_id).update(conversation_id=conversation_id)
