"""What goes to a model and what comes back, in our own terms: no vendor type passes the door."""

from dataclasses import dataclass, field
from typing import Any

from healthmate.common.errors import LLM_ERROR, LLM_TIMEOUT, ErrorCode

InputItem = dict[str, Any]  # a Responses API input item: a message, a function call or its output


@dataclass(frozen=True, kw_only=True)
class ModelRequest:
    """One request for a turn of the model; retries send exactly the same."""

    model: str
    instructions: str
    input: list[InputItem]
    tools: list[dict[str, Any]] = field(default_factory=list)
    max_output_tokens: int
    allow_tools: bool = True


@dataclass(frozen=True, slots=True)
class TextDelta:
    """The next piece of text."""

    text: str


@dataclass(frozen=True, slots=True)
class FunctionCall:
    """A tool the model asks for; `arguments` is what it wrote, JSON or not."""

    call_id: str
    name: str
    arguments: str


@dataclass(frozen=True, kw_only=True)
class TurnDone:
    """The model's turn is whole: its calls, what it cost, and who served it."""

    calls: tuple[FunctionCall, ...] = ()
    model: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    scripted: bool = False
    cut_short: bool = False  # the output limit was reached


ModelEvent = TextDelta | TurnDone


class ModelError(Exception):
    """The model server did not give an answer; `retry_after` is in seconds where it named a wait."""

    error: ErrorCode = LLM_ERROR

    def __init__(self, reason: str, *, retryable: bool = True, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retryable = retryable
        self.retry_after = retry_after


class ModelTimeoutError(ModelError):
    """The model server took too long, or fell silent in the middle."""

    error = LLM_TIMEOUT
