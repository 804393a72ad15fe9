"""The contract between `chat`, which runs tools, and the apps that offer them (design, section 4)."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum
from functools import cached_property
from typing import Any, Generic, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict

Args = TypeVar("Args", bound="ToolArguments")


class IdentityLevel(IntEnum):
    """How far the server knows who is writing; kept on the thread, set by the server alone."""

    ANONYMOUS = 0
    MATCHED = 1  # document and birth date
    VERIFIED = 2  # one-time code, or a JWT


class ToolArguments(BaseModel):
    """Base of every tool's arguments: what is not declared is refused."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


@dataclass(frozen=True, kw_only=True)
class ToolContext:
    """What the server knows about the call; nothing here comes from the model."""

    thread_id: UUID
    run_id: UUID
    actor: str  # a short hash of the device, or the user's id: for limits and access events
    level: IdentityLevel = IdentityLevel.ANONYMOUS
    patient_id: int | None = None
    said: tuple[str, ...] = ()  # the person's own messages in this thread, oldest first
    language: str = "es"
    consent: str | None = None  # the words with which the person agreed, when a tool needs consent


@dataclass(frozen=True, kw_only=True)
class IdentityGrant:
    """A tool's finding of who is writing; `chat` puts it on the thread."""

    patient_id: int
    level: IdentityLevel


@dataclass(frozen=True, kw_only=True)
class ToolResult:
    """What a tool did. `data` goes to the model; the rest stays on the server."""

    ok: bool
    data: dict[str, Any] = field(default_factory=dict)
    code: str | None = None  # set on every refusal
    identity: IdentityGrant | None = None
    did: str | None = None  # "booked", "moved", "cancelled" or "registered" once it is committed
    receipt: str | None = None  # the confirmation in the patient's language, rendered by the server


@dataclass(frozen=True, kw_only=True)
class Tool(Generic[Args]):
    """A function that the model may ask for. `run` is synchronous and runs inside a transaction."""

    name: str
    description: str
    arguments: type[Args]
    run: Callable[[Args, ToolContext], ToolResult]
    level: IdentityLevel = IdentityLevel.ANONYMOUS
    writes: bool = False
    needs_consent: bool = False
    waits_after: tuple[str, ...] = ()  # not in the same run as these: the person has to speak between

    @cached_property
    def as_function(self) -> dict[str, Any]:
        """The tool as the Responses API wants it declared."""
        return {
            "type": "function",
            "name": self.name,
            "description": self.description,
            "parameters": self.arguments.model_json_schema(),
            "strict": False,
        }


def tool(
    *,
    arguments: type[Args],
    level: IdentityLevel = IdentityLevel.ANONYMOUS,
    writes: bool = False,
    needs_consent: bool = False,
    waits_after: tuple[str, ...] = (),
) -> Callable[[Callable[[Args, ToolContext], ToolResult]], Tool[Args]]:
    """Declare a tool: the function's name is its name, its docstring what the model reads."""

    def declare(function: Callable[[Args, ToolContext], ToolResult]) -> Tool[Args]:
        return Tool(
            name=function.__name__,
            description=" ".join((function.__doc__ or "").split()),
            arguments=arguments,
            run=function,
            level=level,
            writes=writes,
            needs_consent=needs_consent,
            waits_after=waits_after,
        )

    return declare


def refuse(code: str, message: str, **data: Any) -> ToolResult:
    """A refusal that the model can read and pass on in its own words."""
    return ToolResult(ok=False, code=code, data={"error": {"code": code, "message": message}, **data})
