"""One run from its first event to its last: safety, the model's turns, the tools between them."""

import asyncio
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from chat.context import call_items
from chat.events import ToolCalled, ToolFinished
from chat.models import Run
from chat.safety.truth import TruthGate
from chat.services.base_turn import BaseTurn
from chat.services.model_io import FunctionCall, ModelError, ModelRequest, TextDelta, TurnDone
from chat.services.tool_runner import ToolOutcome, run_tool
from chat.tool_registry import registered_tools
from healthmate.common.db import in_db


@dataclass
class Turn(BaseTurn):
    """A patient's run in progress."""

    outcomes: list[ToolOutcome] = field(default_factory=list)

    async def answer(self) -> None:
        """Make the whole answer. Raises ModelError when the model server fails in the middle."""
        if self.claimed.emergency:
            self.flags.append("emergency")
            self.model = "rules"
            await self.say(self.claimed.emergency)
            return
        items = list(self.claimed.items)
        for rounds_left in range(self.assistant.max_tool_rounds, -1, -1):
            done = await self._model_turn(self._request(items, allow_tools=rounds_left > 0))
            if not done.calls or rounds_left == 0:
                break
            for outcome in await self._run_tools(done):
                call = outcome.call
                items += call_items(call.call_id, call.name, call.arguments, outcome.result.data)
        await self._say_what_was_done()
        if not self.text.strip():
            raise ModelError("the model answered nothing")

    def _request(self, items: list[dict[str, Any]], *, allow_tools: bool) -> ModelRequest:
        assistant = self.assistant
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
        self.account(done)
        return done

    async def _run_tools(self, done: TurnDone) -> list[ToolOutcome]:
        offered = frozenset(self.assistant.tools)
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

    async def wrap_up(self, status: Run.Status) -> None:
        """Tell what was done, however the run ends."""
        await self._say_what_was_done()

    async def _say_what_was_done(self) -> None:
        """Confirmations and the question for consent are the server's words, whatever the model wrote, and however
        the run ends."""
        for outcome in self.outcomes:
            words = outcome.result.receipt or outcome.result.data.get("question")
            if words and words not in self.text:
                await self.say(f"\n\n{words}" if self.text.strip() else words)
