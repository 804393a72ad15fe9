"""Conversations, named after OpenAI's terms."""

from chat.models.assistants import Assistant
from chat.models.clinical import ClinicalQuery
from chat.models.conversations import Contact, Message, MessageFeedback, Thread
from chat.models.runs import IdempotencyKey, Run, ToolCall

__all__ = [
    "Assistant",
    "ClinicalQuery",
    "Contact",
    "IdempotencyKey",
    "Message",
    "MessageFeedback",
    "Run",
    "Thread",
    "ToolCall",
]
