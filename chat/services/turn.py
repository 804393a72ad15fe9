"""One run from its first event to its last: safety, the model's turns, the tools between them."""

import asyncio
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from chat.context import call_items
from chat.events import TokenDelta, ToolCalled, ToolFinished
from chat.models import Assistant
from chat.run_log import TERMINAL, RunLog
from chat.safety.truth import TruthGate
from chat.services.model_io import FunctionCall, ModelError, ModelRequest, TextDelta, TurnDone
from chat.services.openai_service import OpenAIService
from chat.services.run_store import ClaimedRun
from chat.services.tool_runner import ToolOutcome, run_tool
from chat.tool_registry import registered_tools
from healthmate.common.db import in_db


@dataclass
class Turn:
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
    outcomes: list[ToolOutcome] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.run_id = str(self.claimed.run_id)

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

    async def answer(self) -> None:
        """Make the whole answer. Raises ModelError when the model server fails in the middle."""
        if self.claimed.emergency:
            self.flags.append("emergency")
            self.model = "rules"
            await self.say(self.claimed.emergency)
            return
        items = list(self.claimed.items)
        for rounds_left in range(self._assistant.max_tool_rounds, -1, -1):
            done = await self._model_turn(self._request(items, allow_tools=rounds_left > 0))
            if not done.calls or rounds_left == 0:
                break
            for outcome in await self._run_tools(done):
                call = outcome.call
                items += call_items(call.call_id, call.name, call.arguments, outcome.result.data)
        await self.say_what_was_done()
        if not self.text.strip():
            raise ModelError("the model answered nothing")

    @property
    def _assistant(self) -> Assistant:
        if self.claimed.assistant is None:
            raise Assistant.DoesNotExist
        return self.claimed.assistant

    def _request(self, items: list[dict[str, Any]], *, allow_tools: bool) -> ModelRequest:
        assistant = self._assistant
        tools = registered_tools()
        return ModelRequest(
            model=assistant.effective_model,
            instructions=self.claimed.instructions,
            input=list(items),
            tools=[tools[name].as_function for name in assistant.tools if name in tools],
            max_output_tokens=assistant.effective_max_output_tokens,
            allow_tools=allow_tools,
        )

    async def _model_turn(self, request: ModelRequest) -> TurnDone:
        gate = TruthGate(
            done=[outcome.result.did for outcome in self.outcomes if outcome.result.did],
            references={code: status for outcome in self.outcomes for code, status in outcome.references.items()},
        )
        done = TurnDone()
        if self.text:
            await self.say("\n\n" if not self.text.endswith("\n") else "")
        async with aclosing(self.service.respond(request)) as events:
            async for event in events:
                if isinstance(event, TextDelta):
                    await self.say(gate.release(event.text))
                else:
                    done = event
        await self.say(gate.finish(self.claimed.language))
        self._account(done)
        return done

    def _account(self, done: TurnDone) -> None:
        self.model = "scripted" if done.scripted else done.model
        self.input_tokens += done.input_tokens
        self.output_tokens += done.output_tokens
        if done.scripted and "scripted" not in self.flags:
            self.flags.append("scripted")
        if done.cut_short and "partial" not in self.flags:
            self.flags.append("partial")

    async def _run_tools(self, done: TurnDone) -> list[ToolOutcome]:
        offered = frozenset(self._assistant.tools)
        outcomes = []
        for call in done.calls:
            await self.emit(ToolCalled, name=call.name)
            outcome = await self._run_tool(call, offered)
            await self.emit(ToolFinished, name=call.name, ok=outcome.result.ok, code=outcome.result.code)
            outcomes.append(outcome)
        return outcomes

    async def _run_tool(self, call: FunctionCall, offered: frozenset[str]) -> ToolOutcome:
        """Run a tool to its end even when the run is stopped: what it commits must be told."""
        running = asyncio.ensure_future(
            in_db(run_tool, run_id=self.claimed.run_id, position=len(self.outcomes), call=call, offered=offered)
        )
        try:
            await asyncio.shield(running)
        finally:
            outcome = await running
            self.outcomes.append(outcome)
        return outcome

    async def say_what_was_done(self) -> None:
        """Confirmations and the question for consent are the server's words, whatever the model wrote, and however
        the run ends."""
        for outcome in self.outcomes:
            words = outcome.result.receipt or outcome.result.data.get("question")
            if words and words not in self.text:
                await self.say(f"\n\n{words}" if self.text.strip() else words)
