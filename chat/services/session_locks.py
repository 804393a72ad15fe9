"""Session locks as conversations use them: a lock table out of reach costs the memory of who answers, no more.

Then messages are answered statelessly, and that is logged and counted (seed 5).
"""

import logging
from collections.abc import Callable
from contextlib import nullcontext
from typing import TypeVar

from django.db import DatabaseError, connection, transaction

from healthmate.common import metrics
from healthmate.common.db import in_db
from healthmate.common.steps import now, on_loop
from sessions_store import services as sessions
from sessions_store.services import SessionLock

logger = logging.getLogger(__name__)

T = TypeVar("T")


def read(key: str) -> SessionLock | None:
    """The lock that the owner's conversation is kept open by; None when there is none, or no telling."""
    return _tried("read", lambda: now(sessions.find_session_lock(key)))


async def read_on_loop(key: str) -> SessionLock | None:
    """The same, without a thread."""
    try:
        return await on_loop(sessions.find_session_lock(key), once=True)
    except DatabaseError as error:
        _go_on_without("read", error)
        return None


async def keep(key: str, slug: str, lock: SessionLock | None) -> None:
    """Let the assistant serve the owner from now on, unless `lock`, which stands already, says nearly the same."""
    if lock is None or lock.active_agent != slug or not lock.is_fresh:
        await in_db(_tried, "write", lambda: sessions.set_session_lock(key, slug))


def forget(key: str) -> None:
    """Let the owner start afresh."""
    _tried("clear", lambda: sessions.clear_session_lock(key))


def _tried(operation: str, work: Callable[[], T]) -> T | None:
    # A savepoint only where there is a transaction that a failure would spoil.
    apart = transaction.atomic() if connection.in_atomic_block else nullcontext()
    try:
        with apart:
            return work()
    except DatabaseError as error:
        _go_on_without(operation, error)
        return None


def _go_on_without(operation: str, error: DatabaseError) -> None:
    logger.error("session locks: %s failed (%s); going on without", operation, type(error).__name__)
    metrics.count_session_lock_fallback(operation)
