"""Runs the tools that a model asks for: checked, bound to the thread's identity, stored, never fatal."""

import json
import logging
import time
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.utils.translation import gettext as _
from django.utils.translation import override
from pydantic import ValidationError

from chat.language import says_yes
from chat.models import Message, Run, Thread, ToolCall
from chat.owners import actor_of
from chat.services.model_io import FunctionCall
from chat.tool_registry import registered_tools
from healthmate.common.tools import IdentityLevel, Tool, ToolContext, ToolResult, refuse

logger = logging.getLogger(__name__)

TOOL_SECONDS = 10
MAX_SAID = 200  # messages of the person's that a tool may look back on


@dataclass(frozen=True)
class ToolOutcome:
    """A call and its result, as the model, the client and the transcript see it."""

    call: FunctionCall
    result: ToolResult

    @property
    def references(self) -> dict[str, str]:
        """References of stored appointments that the answer speaks of, with their status."""
        listed = [self.result.data, *self.result.data.get("appointments", []), *self.result.data.get("recent", [])]
        return {item["reference"]: str(item.get("status") or "") for item in listed if item.get("reference")}


def run_tool(*, run_id: UUID, position: int, call: FunctionCall, offered: frozenset[str]) -> ToolOutcome:
    """Run one call; whatever goes wrong becomes a refusal that the model can read.

    The record of the call is kept with what it did, or neither is.
    """
    run = Run.objects.select_related("thread__contact", "message").get(id=run_id)
    started = time.monotonic()
    with override(run.thread.language):
        try:
            with transaction.atomic():
                result = _run(run, call, offered)
                _record(run, position, call, result, started)
        except Exception as error:  # the boundary to other apps' code: a broken tool must not end the run
            logger.exception("tool %s failed in run %s: %s", call.name, run_id, type(error).__name__)
            result = refuse("TOOL_FAILED", _("This could not be done because of a fault on our side."))
            _record(run, position, call, result, started)
    return ToolOutcome(call, result)


def _record(run: Run, position: int, call: FunctionCall, result: ToolResult, started: float) -> None:
    ToolCall.objects.create(
        run=run,
        position=position,
        call_id=call.call_id,
        name=call.name,
        arguments=call.arguments,
        output=result.data,
        ok=result.ok,
        code=result.code or "",
        duration_ms=int((time.monotonic() - started) * 1000),
    )


def _run(run: Run, call: FunctionCall, offered: frozenset[str]) -> ToolResult:
    tool = registered_tools().get(call.name) if call.name in offered else None
    if tool is None:
        return refuse("UNKNOWN_TOOL", "There is no such tool.", tools=sorted(offered))
    try:
        arguments = tool.arguments.model_validate_json(call.arguments or "{}")
    except ValidationError as error:
        return refuse("INVALID_ARGUMENTS", "The arguments do not fit the tool.", problems=_problems(error))
    context = _context(run)
    if context.level < tool.level:
        return refuse("IDENTITY_REQUIRED", _("We need to know who you are first: document and birth date."))
    if tool.waits_after and run.tool_calls.filter(name__in=tool.waits_after, ok=True).exists():
        return refuse("ANSWER_REQUIRED", "Ask the person first, and call this again after their yes.")
    if tool.needs_consent:
        words = _consent(run)
        if words is None:
            return _ask_for_consent(run)
        context = replace(context, consent=words)
    return _called(tool, arguments, context, run.thread)


def _called(tool: Tool[Any], arguments: Any, context: ToolContext, thread: Thread) -> ToolResult:
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL statement_timeout = '{TOOL_SECONDS}s'")
    result = tool.run(arguments, context)
    if result.identity:
        thread.patient_id = result.identity.patient_id
        thread.identity_level = result.identity.level
        thread.save(update_fields=["patient", "identity_level", "updated_at"])
    return result


def _context(run: Run) -> ToolContext:
    thread = run.thread
    said = Message.objects.filter(
        thread=thread, direction=Message.Direction.INCOMING, turn__lte=run.message.turn
    ).order_by("-number")
    return ToolContext(
        thread_id=thread.id,
        run_id=run.id,
        actor=actor_of(thread),
        level=IdentityLevel(thread.identity_level if thread.patient_id else IdentityLevel.ANONYMOUS),
        patient_id=thread.patient_id,
        said=tuple(reversed(said.values_list("body", flat=True)[:MAX_SAID])),
        language=thread.language,
    )


def _consent(run: Run) -> str | None:
    """The person's words, when this message answers the question for consent with a yes."""
    asked = run.thread.consent_asked_turn
    if asked is None or run.message.number <= asked or not says_yes(run.message.text):
        return None
    between = Message.objects.filter(
        thread=run.thread,
        direction=Message.Direction.INCOMING,
        number__gt=asked,
        number__lt=run.message.number,
    )
    return None if between.exists() else run.message.body


def _ask_for_consent(run: Run) -> ToolResult:
    run.thread.consent_asked_turn = run.message.number
    run.thread.save(update_fields=["consent_asked_turn", "updated_at"])
    question = _(
        "To register you we need to store your name, document, birth date and contact details, only for your care. "
        "Do you agree?"
    )
    return refuse("CONSENT_REQUIRED", "Ask this question and call the tool again after a yes.", question=question)


def _problems(error: ValidationError) -> list[dict[str, str]]:
    """Where and what, without the values: they may be a patient's."""
    return [
        {"field": ".".join(map(str, problem["loc"])), "problem": problem["type"]}
        for problem in json.loads(error.json(include_input=False, include_url=False, include_context=False))
    ]
