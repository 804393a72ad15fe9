"""What a request to the model says: the server's facts, the conversation, and what tools answered."""

import json
import re
from dataclasses import dataclass, field
from datetime import date
from typing import Any

_FACT = re.compile(r"^- (clinic|you are|now|emergency number|answer in|identity): (.+)$", re.MULTILINE)
_HOURS = {
    "es": re.compile(r"^horario(?: de atenci[oó]n)?: *(\S.*)$", re.MULTILINE | re.IGNORECASE),
    "en": re.compile(r"^opening hours: *(\S.*)$", re.MULTILINE | re.IGNORECASE),
}


@dataclass(frozen=True)
class ToolRecord:
    """A tool call of the conversation with its answer; `turn` counts the person's messages before it."""

    name: str
    arguments: dict[str, Any]
    output: dict[str, Any]
    turn: int

    @property
    def code(self) -> str | None:
        """The refusal's code; None when the tool did its work."""
        error = self.output.get("error")
        return str(error.get("code") or "ERROR") if isinstance(error, dict) else None

    @property
    def message(self) -> str:
        """The refusal's sentence."""
        error = self.output.get("error")
        return str(error.get("message") or "") if isinstance(error, dict) else ""


@dataclass
class Conversation:
    """A request, read."""

    facts: dict[str, str]
    hours: dict[str, str]  # by language, as the instructions have them
    tools: frozenset[str]
    said: list[str] = field(default_factory=list)  # by the person, oldest first
    told: list[tuple[int, str]] = field(default_factory=list)  # by the assistant, after how many of those
    records: list[ToolRecord] = field(default_factory=list)
    awaits_tool: bool = False  # the newest item is a tool's answer

    @property
    def language(self) -> str:
        """`es` or `en`."""
        return "en" if "(en)" in self.facts.get("answer in", "") else "es"

    @property
    def today(self) -> date:
        """Today where the clinic is."""
        found = re.search(r"\d{4}-\d\d-\d\d", self.facts.get("now", ""))
        return date.fromisoformat(found[0]) if found else date.today()  # noqa: DTZ011 - no clinic was named

    @property
    def text(self) -> str:
        """The message to answer."""
        return self.said[-1] if self.said else ""

    @property
    def identified(self) -> bool:
        """Whether the server, or a tool in this very request, knows who is writing."""
        if self.facts.get("identity", "anonymous") != "anonymous":
            return True
        return any(r.name in {"fetch_patient_info", "create_patient"} and not r.code for r in self.new_records)

    @property
    def first_name(self) -> str:
        """The patient's first name, where a tool has told it."""
        names = [str(r.output.get("first_name") or "") for r in self.records]
        return next((name for name in reversed(names) if name), "")

    @property
    def new_records(self) -> list[ToolRecord]:
        """What tools answered since the person's last message."""
        return [record for record in self.records if record.turn == len(self.said)]

    def last(self, name: str, *, since: int = 0) -> ToolRecord | None:
        """The newest answer of a tool after turn `since`, refusals included."""
        return next((record for record in reversed(self.records) if record.name == name and record.turn > since), None)

    def answer_to(self, turn: int) -> str:
        """What the assistant said last to the person's message of that turn (the first is 1)."""
        return next((text for when, text in reversed(self.told) if when == turn), "")


def read_conversation(body: dict[str, Any]) -> Conversation:
    """A Responses API request body, understood; items of other kinds are passed over."""
    instructions = str(body.get("instructions") or "")
    hours = {language: pattern.search(instructions) for language, pattern in _HOURS.items()}
    conversation = Conversation(
        facts=dict(_FACT.findall(instructions)),
        hours={language: found[1].strip() for language, found in hours.items() if found},
        tools=frozenset(str(tool.get("name")) for tool in body.get("tools") or () if isinstance(tool, dict))
        if body.get("tool_choice") != "none"
        else frozenset(),
    )
    items = body.get("input")
    calls: dict[str, dict[str, Any]] = {}
    for item in [{"role": "user", "content": items}] if isinstance(items, str) else items or ():
        if isinstance(item, dict):
            _read_item(conversation, calls, item)
    return conversation


def _read_item(conversation: Conversation, calls: dict[str, dict[str, Any]], item: dict[str, Any]) -> None:
    conversation.awaits_tool = False
    if item.get("type") == "function_call":
        calls[str(item.get("call_id"))] = item
    elif item.get("type") == "function_call_output":
        call = calls.get(str(item.get("call_id")), {})
        record = ToolRecord(
            name=str(call.get("name") or ""),
            arguments=_json_object(call.get("arguments")),
            output=_json_object(item.get("output")),
            turn=len(conversation.said),
        )
        conversation.records.append(record)
        conversation.awaits_tool = True
    elif item.get("role") == "user":
        conversation.said.append(_text_of(item.get("content")))
    elif item.get("role") == "assistant":
        conversation.told.append((len(conversation.said), _text_of(item.get("content"))))


def _text_of(content: Any) -> str:
    if isinstance(content, str):
        return content
    return " ".join(str(part.get("text") or "") for part in content or () if isinstance(part, dict))


def _json_object(text: Any) -> dict[str, Any]:
    try:
        value = json.loads(text) if isinstance(text, str) else text
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
