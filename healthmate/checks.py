"""System checks that fail at start and tell the mend."""

from collections import Counter
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register
from django.utils.module_loading import import_string

from healthmate.common.throttles import parse_count, parse_rate
from healthmate.common.tools import Tool

MAX_VECTOR_DIMENSIONS = 16_000  # pgvector's limit for a stored vector
MIN_TOKEN_CHARS = 16
RATES = ("RATE_MESSAGES", "RATE_ADDRESS", "RATE_LOGIN")
AT_LEAST = {  # what makes sense of each number
    "WORKERS": 1,
    "PROXIES_IN_FRONT": 0,
    "DATABASE_POOL_SIZE": 1,
    "MAX_OUTPUT_TOKENS": 1,
    "HISTORY_MESSAGES": 1,
    "MAX_MESSAGE_CHARS": 1,
    "DEFAULT_SESSION_TTL": 1,
    "IDENTITY_MAX_ATTEMPTS": 1,
    "IDENTITY_LOCK_MINUTES": 1,
}
POSITIVE = (
    "VECTOR_SEARCH_TIMEOUT",
    "LLM_TIMEOUT",
    "LLM_STALL_TIMEOUT",
    "TOTAL_REQUEST_TIMEOUT",
    "STREAM_HEARTBEAT",
    "STREAM_STALL_TIMEOUT",
)


@register()
def embedding_dimensions(**kwargs: Any) -> list[CheckMessage]:
    """`EMBEDDING_DIMENSIONS` is one that pgvector can store."""
    if 1 <= settings.EMBEDDING_DIMENSIONS <= MAX_VECTOR_DIMENSIONS:
        return []
    return [
        Error(
            f"EMBEDDING_DIMENSIONS is {settings.EMBEDDING_DIMENSIONS}; pgvector stores 1 to {MAX_VECTOR_DIMENSIONS}.",
            hint="Set it to the length that OPENAI_EMBEDDING_MODEL answers (1536 for text-embedding-3-small).",
            id="healthmate.E001",
        )
    ]


@register()
def redis_for_several_workers(**kwargs: Any) -> list[CheckMessage]:
    """Several workers share runs and limits through Redis; without it a reader may reach the wrong one."""
    if settings.WORKERS <= 1 or settings.REDIS_URL:
        return []
    return [
        Error(
            f"WORKERS is {settings.WORKERS} but REDIS_URL is not set.",
            hint="Set REDIS_URL, or WORKERS=1.",
            id="healthmate.E002",
        )
    ]


@register()
def tools(**kwargs: Any) -> list[CheckMessage]:
    """Every path in `CHAT_TOOLS` leads to a Tool, each with a name of its own."""
    found: list[CheckMessage] = []
    names: Counter[str] = Counter()
    for path in settings.CHAT_TOOLS:
        try:
            tool = import_string(path)
        except ImportError as error:
            found.append(_tool_error(f"CHAT_TOOLS names {path!r}, which cannot be imported: {error}."))
            continue
        if isinstance(tool, Tool):
            names[tool.name] += 1
        else:
            found.append(_tool_error(f"CHAT_TOOLS names {path!r}, which is a {type(tool).__name__}, not a Tool."))
    found += [
        _tool_error(f"CHAT_TOOLS has {count} tools that are called {name!r}; a model could not tell them apart.")
        for name, count in names.items()
        if count > 1
    ]
    return found


@register()
def rates(**kwargs: Any) -> list[CheckMessage]:
    """Every `RATE_*` can be read."""
    found: list[CheckMessage] = []
    for name in RATES:
        try:
            parse_rate(getattr(settings, name))
        except ValueError as error:
            found.append(Error(f"{name}: {error}.", hint=f"For example {name}=30/min.", id="healthmate.E004"))
    try:
        parse_count(settings.RATE_SOCKETS)
    except ValueError as error:
        found.append(Error(f"RATE_SOCKETS: {error}.", hint="For example RATE_SOCKETS=20.", id="healthmate.E004"))
    return found


@register()
def numbers(**kwargs: Any) -> list[CheckMessage]:
    """Counts and times are not below what makes sense of them."""
    low = [(name, f"at least {least}") for name, least in AT_LEAST.items() if getattr(settings, name) < least]
    low += [(name, "more than 0 seconds") for name in POSITIVE if not getattr(settings, name) > 0]
    return [
        Error(
            f"{name} is {getattr(settings, name)}; it must be {wanted}.",
            hint=f"Correct {name} in the environment or .env, or leave it out.",
            id="healthmate.E005",
        )
        for name, wanted in low
    ]


@register()
def metrics_token(**kwargs: Any) -> list[CheckMessage]:
    """`METRICS_TOKEN`, where there is one, cannot be guessed."""
    if not settings.METRICS_TOKEN or len(settings.METRICS_TOKEN) >= MIN_TOKEN_CHARS:
        return []
    return [
        Error(
            f"METRICS_TOKEN has fewer than {MIN_TOKEN_CHARS} characters.",
            hint="Make one with `python -c 'import secrets; print(secrets.token_urlsafe(32))'`.",
            id="healthmate.E006",
        )
    ]


def _tool_error(message: str) -> CheckMessage:
    return Error(
        message,
        hint="CHAT_TOOLS is a comma-separated list of dotted paths to objects made with healthmate.common.tools.tool.",
        id="healthmate.E003",
    )
