"""What every run in progress has: its numbered events, what was shown, what it cost."""

from dataclasses import dataclass, field
from typing import Any

from chat.events import Evidence, TokenDelta
from chat.models import Assistant, Run
from chat.run_log import TERMINAL, RunLog
from chat.services.model_io import TurnDone
from chat.services.openai_service import OpenAIService
from chat.services.run_store import ClaimedRun


@dataclass
class BaseTurn:
    """The state of a run in progress; whatever happens, `text` is what the person has been shown."""

    claimed: ClaimedRun
    service: OpenAIService
    log: RunLog
    seq: int = 0
    is_over: bool = False
    text: str = ""
    model: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    flags: list[str] = field(default_factory=list)
    evidence: Evidence | None = None  # what an answer about a record rests on, once it is wrapped up

    def __post_init__(self) -> None:
        self.run_id = str(self.claimed.run_id)

    async def answer(self) -> None:
        """Make the whole answer. Raises ModelError or ApiError when it cannot be made."""
        raise NotImplementedError

    async def wrap_up(self, status: Run.Status) -> None:
        """Say what is left to say, however the run ends; nothing is shown after it."""

    async def emit(self, event: type[Any], **fields: Any) -> None:
        """Append the run's next event to its log."""
        self.seq += 1
        await self.log.append(event(run_id=self.run_id, seq=self.seq, **fields))
        self.is_over = issubclass(event, TERMINAL)

    async def say(self, text: str) -> None:
        """Show a piece of the answer."""
        if text:
            self.text += text
            self.seq += 1  # the narrow path: every token takes it
            await self.log.append(TokenDelta(run_id=self.run_id, seq=self.seq, text=text))

    @property
    def assistant(self) -> Assistant:
        """Who answers. Raises Assistant.DoesNotExist in an emergency, which nobody answers."""
        if self.claimed.assistant is None:
            raise Assistant.DoesNotExist
        return self.claimed.assistant

    def account(self, done: TurnDone) -> None:
        """Take up what a turn of the model cost and how it went."""
        self.model = "scripted" if done.scripted else done.model
        self.input_tokens += done.input_tokens
        self.output_tokens += done.output_tokens
        if done.scripted and "scripted" not in self.flags:
            self.flags.append("scripted")
        if done.cut_short and "partial" not in self.flags:
            self.flags.append("partial")
