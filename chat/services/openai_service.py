"""The only door to OpenAI, or to any server that speaks its Responses API (seed 2, design section 4)."""

import asyncio
import logging
import random
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AsyncExitStack, aclosing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Protocol
from uuid import UUID

import httpx2
import msgspec
import openai
from django.conf import settings
from openai import AsyncAPIResponse, AsyncOpenAI, DefaultAioHttpClient, DefaultAsyncHttpxClient
from openai.types import CreateEmbeddingResponse
from openai.types.responses import Response
from purgatory import AsyncCircuitBreakerFactory
from purgatory.domain.model import OpenedState

from chat.context import history_items
from chat.models import Message
from chat.services import conversations
from chat.services.model_io import ModelError, ModelEvent, ModelRequest, ModelTimeoutError, TextDelta
from chat.services.reading import chunks_of
from chat.services.replay import Replay
from chat.services.response_stream import read_response
from chat.services.scripted_model import ScriptedTransport
from healthmate.common.db import in_db
from healthmate.common.health import Finding
from healthmate.common.loop import per_loop

logger = logging.getLogger(__name__)

_encode = msgspec.json.Encoder().encode

MAX_ATTEMPTS = 3
FIRST_BACKOFF = 0.5  # seconds; doubles with every attempt
CONNECT_TIMEOUT = 5.0
# No limit: each answer that is being written has one, and those beyond the SDK's 1000 would wait until they time out.
CONNECTIONS = httpx2.Limits(max_connections=0)
RETRYABLE_STATUS = frozenset({408, 409, 429, 500, 502, 503, 504, 529})
# What `responses.with_streaming_response.create` sends. It copies every tool's schema through the SDK's parameter types
# first, at each request, which costs more than relaying fifty tokens.
STREAMED = {
    "Accept-Encoding": "identity",
    "Content-Type": "application/json",
    "X-Stainless-Raw-Response": "stream",
}
LARGEST = 3.4e38  # what fits the four bytes that pgvector keeps of a number
BREAKER_FAILURES = 3
BREAKER_SECONDS = 15.0


class EventHandler(Protocol):
    """What `run_thread` tells its caller while the model answers."""

    async def on_text_delta(self, delta: str, snapshot: str) -> None:
        """A piece of text, and all text so far."""

    async def on_end(self, message: Message) -> None:
        """The answer is whole and stored."""


@dataclass(frozen=True)
class Provider:
    """A model server: the SDK's client for it, and whether it is being spared."""

    client: AsyncOpenAI
    breakers: AsyncCircuitBreakerFactory

    async def breaker(self) -> Any:
        """The circuit breaker: an async context that raises OpenedState while the server is spared."""
        return await self.breakers.get_breaker("model", threshold=BREAKER_FAILURES, ttl=BREAKER_SECONDS)


class OpenAIService:
    """Facade over the model server; with none configured, or while it is down, the scripted model."""

    # --- Seed 2 -----------------------------------------------------------------------------------

    async def create_thread(self) -> UUID:
        """Start a conversation and return its id; it is stored here, never at the model server."""
        return (await in_db(conversations.create_thread)).id

    async def add_message_to_thread(self, thread_id: UUID, content: str) -> UUID:
        """Store what a person said; returns the message's id. Raises ApiError THREAD_NOT_FOUND."""
        return (await in_db(conversations.add_message, thread_id=thread_id, content=content)).id

    async def get_messages(self, thread_id: UUID) -> list[Message]:
        """All messages, oldest first."""
        return await in_db(conversations.messages_of, thread_id=thread_id)

    async def get_latest_message(self, thread_id: UUID) -> Message | None:
        """The newest message of either side."""
        messages = await self.get_messages(thread_id)
        return messages[-1] if messages else None

    async def run_thread(
        self, thread_id: UUID, instructions: str, event_handler_creator: Callable[[], EventHandler]
    ) -> Message:
        """Answer the thread under `instructions`, without tools; the answer is stored and returned.

        Raises ModelError when the model server fails; what was said stays stored.
        """
        handler = event_handler_creator()
        request = ModelRequest(
            model=settings.OPENAI_MODEL,
            instructions=instructions,
            input=history_items(await self.get_messages(thread_id)),
            max_output_tokens=settings.MAX_OUTPUT_TOKENS,
        )
        text = ""
        async with aclosing(self.respond(request)) as events:
            async for event in events:
                if isinstance(event, TextDelta):
                    text += event.text
                    await handler.on_text_delta(event.text, text)
        message = await in_db(conversations.add_answer, thread_id=thread_id, text=text)
        await handler.on_end(message)
        return message

    # --- One turn of the model ----------------------------------------------------------------------

    async def respond(self, request: ModelRequest) -> AsyncGenerator[ModelEvent]:
        """Yield text pieces and one TurnDone last.

        Broken attempts are retried within LLM_TIMEOUT. When the server is down and nothing was said
        yet, the scripted model answers instead. Raises ModelError, ModelTimeoutError.
        """
        provider = _configured_provider()
        if provider is not None:
            said_something = False
            try:
                async with await provider.breaker(), aclosing(_retried(provider, request)) as events:
                    async for event in events:
                        said_something = True
                        yield event
                return
            except OpenedState:
                logger.info("model server is being spared; the scripted model answers")
            except ModelError as error:
                logger.warning("model server failed: %s", error.reason)
                if said_something or isinstance(error, ModelTimeoutError):
                    raise
        async with aclosing(_attempt(_scripted_provider(), request, _deadline())) as events:
            async for event in events:
                yield event if isinstance(event, TextDelta) else replace(event, scripted=True)

    async def mirror_turn(self, conversation_id: str, question: str, answer: str) -> str:
        """Append a turn to OpenAI's Conversation, made when the id is empty; returns its id. Raises ModelError."""
        provider = _configured_provider()
        if provider is None:
            raise ModelError("no model server is configured to mirror to", retryable=False)
        client = provider.client.with_options(max_retries=MAX_ATTEMPTS - 1)
        items: list[Any] = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
        with _translated():
            if not conversation_id:
                return (await client.conversations.create(items=items)).id
            await client.conversations.items.create(conversation_id, items=items)
        return conversation_id

    # --- Beside the conversation ----------------------------------------------------------------------

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """One vector of EMBEDDING_DIMENSIONS numbers per text.

        Never falls back on another model: vectors of two models do not compare. Raises ModelError.
        """
        provider = _configured_provider() or _scripted_provider()
        try:
            with _translated():
                answer = await provider.client.with_options(max_retries=MAX_ATTEMPTS - 1).embeddings.create(
                    model=settings.OPENAI_EMBEDDING_MODEL,
                    input=list(texts),
                    dimensions=settings.EMBEDDING_DIMENSIONS,
                    encoding_format="float",
                )
            vectors = _vectors_of(answer, count=len(texts))
        # The SDK takes whatever JSON comes for an answer, and stumbles over some of it.
        except (ValueError, TypeError, AttributeError, ArithmeticError, msgspec.MsgspecError) as error:
            raise ModelError(f"no embeddings in the answer: {type(error).__name__}", retryable=False) from error
        for vector in vectors:
            if len(vector) != settings.EMBEDDING_DIMENSIONS:
                raise ModelError(
                    f"the embedding model answers {len(vector)} dimensions, "
                    f"EMBEDDING_DIMENSIONS is {settings.EMBEDDING_DIMENSIONS}",
                    retryable=False,
                )
        return vectors

    async def transcribe(self, audio: bytes, *, filename: str) -> str:
        """The words in a recording. Raises ModelError; no server configured is one."""
        provider = _configured_provider()
        if provider is None:
            raise ModelError("no model server is configured to transcribe with", retryable=False)
        with _translated():
            answer = await provider.client.with_options(max_retries=MAX_ATTEMPTS - 1).audio.transcriptions.create(
                model=settings.OPENAI_TRANSCRIBE_MODEL, file=(filename, audio)
            )
        return answer.text


async def probe() -> Finding:
    """For `/health`: `scripted` without a server, else its breaker's state; asks the server nothing."""
    provider = _configured_provider()
    if provider is None:
        return Finding(ok=True, details={"mode": "scripted"})
    state = (await provider.breaker()).context.state
    return Finding(ok=state == "closed", details={"mode": "server" if state == "closed" else "scripted"})


# --- Attempts ---------------------------------------------------------------------------------------


async def _retried(provider: Provider, request: ModelRequest) -> AsyncGenerator[ModelEvent]:
    """Attempts until one is whole; text that an earlier attempt already gave is not given again."""
    deadline = _deadline()
    replay = Replay()
    for attempt in range(1, MAX_ATTEMPTS + 1):
        try:
            async with aclosing(_attempt(provider, request, deadline)) as events:
                async for event in events:
                    if not isinstance(event, TextDelta):
                        yield event
                    elif fresh := replay.fresh(event.text):
                        yield TextDelta(fresh)
            return
        except ModelError as error:
            wait = _wait_before_retry(attempt, error)
            if attempt == MAX_ATTEMPTS or not error.retryable or _now() + wait >= deadline:
                raise
            logger.info("model server attempt %d failed (%s), next in %.1f s", attempt, error.reason, wait)
            await asyncio.sleep(wait)
            replay.restart()


def _wait_before_retry(attempt: int, error: ModelError) -> float:
    """Seconds: what the server asked for, else doubling with jitter."""
    jitter: float = random.uniform(1.0, 1.25)  # noqa: S311 - spreads load, guards nothing
    if error.retry_after is not None:
        return error.retry_after * jitter + 0.05
    return float(FIRST_BACKOFF * 2 ** (attempt - 1) * jitter)


async def _attempt(provider: Provider, request: ModelRequest, deadline: float) -> AsyncGenerator[ModelEvent]:
    with _translated():
        async with AsyncExitStack() as stack:
            async with asyncio.timeout_at(deadline):
                response = await provider.client.post(
                    "/responses",
                    cast_to=AsyncAPIResponse[Response],
                    content=_encode(_parameters(request)),
                    options={"headers": STREAMED, "timeout": httpx2.Timeout(None, connect=CONNECT_TIMEOUT)},
                )
            stack.push_async_callback(response.close)
            chunks = chunks_of(response.http_response, deadline=deadline)
            async for event in await stack.enter_async_context(aclosing(read_response(chunks))):
                yield event


def _parameters(request: ModelRequest) -> dict[str, Any]:
    parameters: dict[str, Any] = {
        "model": request.model,
        "instructions": request.instructions,
        "input": request.input,
        "max_output_tokens": request.max_output_tokens,
        "store": False,
        "stream": True,
    }
    if request.tools:
        parameters |= {"tools": request.tools, "tool_choice": "auto" if request.allow_tools else "none"}
    return parameters


@contextmanager
def _translated() -> Any:
    """Errors of the SDK and its transport, in our terms; their texts may quote the request and stay out."""
    try:
        yield
    except (TimeoutError, openai.APITimeoutError, httpx2.TimeoutException) as error:
        # The SDK's transport calls a refused connection a timeout; it is an outage.
        if any(isinstance(cause, httpx2.ConnectTimeout) for cause in (error, error.__cause__)):
            raise ModelError("no connection") from error
        raise ModelTimeoutError("timeout") from error
    except openai.APIStatusError as error:
        raise ModelError(
            f"HTTP {error.status_code}",
            retryable=error.status_code in RETRYABLE_STATUS,
            retry_after=_retry_after(error.response.headers),
        ) from error
    except (openai.OpenAIError, httpx2.HTTPError, httpx2.StreamError) as error:
        raise ModelError(type(error).__name__) from error


def _vectors_of(answer: CreateEmbeddingResponse, *, count: int) -> list[list[float]]:
    """The vectors in the order of their texts. Raises ValueError and others when they are not `count` vectors."""
    items = sorted(answer.data, key=lambda item: item.index)
    vectors = msgspec.convert([item.embedding for item in items], list[list[float]])
    if len(vectors) != count:
        raise ValueError(f"{len(vectors)} vectors for {count} texts")
    if not all(abs(number) <= LARGEST for vector in vectors for number in vector):  # NaN neither
        raise ValueError("a number that no vector holds")
    return vectors


def _retry_after(headers: Any) -> float | None:
    """Seconds from `retry-after-ms` or `Retry-After` (RFC 9110, 10.2.3: seconds or a date)."""
    try:
        if milliseconds := headers.get("retry-after-ms"):
            return max(0.0, float(milliseconds) / 1000)
        value = headers.get("retry-after")
        if not value:
            return None
        if value.replace(".", "", 1).isdigit():
            return float(value)
        return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None


def _now() -> float:
    return asyncio.get_running_loop().time()


def _deadline() -> float:
    return _now() + float(settings.LLM_TIMEOUT)


# --- Clients ----------------------------------------------------------------------------------------


def _configured_provider() -> Provider | None:
    """The server that the settings name, or none."""
    if not (settings.OPENAI_API_KEY or settings.OPENAI_BASE_URL):
        return None
    key = (settings.OPENAI_BASE_URL or "https://api.openai.com/v1", settings.OPENAI_API_KEY or "none")
    providers = _providers()
    if key not in providers:
        providers[key] = _provider(*key, DefaultAioHttpClient(limits=CONNECTIONS))
    return providers[key]


@per_loop
def _providers() -> dict[tuple[str, str], Provider]:
    return {}


@per_loop
def _scripted_provider() -> Provider:
    return _provider("http://scripted.invalid/v1", "none", DefaultAsyncHttpxClient(transport=ScriptedTransport()))


def warm_up() -> None:
    """Have the client at hand, which takes a while to make."""
    _ = _configured_provider() or _scripted_provider()


async def close_clients() -> None:
    """Close this event loop's connections to model servers; they are opened anew when they are needed again."""
    for provider in [*_providers().values(), _scripted_provider()]:
        await provider.client.close()
    _providers().clear()


def _provider(base_url: str, api_key: str, http_client: httpx2.AsyncClient) -> Provider:
    timeout = httpx2.Timeout(settings.LLM_TIMEOUT, connect=CONNECT_TIMEOUT)
    client = AsyncOpenAI(base_url=base_url, api_key=api_key, max_retries=0, timeout=timeout, http_client=http_client)
    return Provider(client, AsyncCircuitBreakerFactory(exclude=[(BaseException, _is_not_an_outage)]))


def _is_not_an_outage(error: BaseException) -> bool:
    """A cancelled answer or a refused request says nothing about the server's health."""
    return not isinstance(error, ModelError) or not error.retryable
