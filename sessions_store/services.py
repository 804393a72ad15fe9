"""Seed 5's session lock: which assistant serves a device, until the row's own lifetime is over."""

from datetime import datetime, timedelta
from typing import NamedTuple

from healthmate.common import clock
from healthmate.common.cleanup import CleanUp
from healthmate.common.devices import short_hash
from healthmate.common.steps import Prepared, Steps, now
from sessions_store import selectors
from sessions_store.models import MAX_SESSION_TTL, ConversationState, default_session_ttl

FRESH = timedelta(seconds=60)


class SessionLock(NamedTuple):
    """Which assistant serves a device, since when, and for how many seconds."""

    active_agent: str
    locked_at: datetime
    session_ttl: int

    @property
    def is_fresh(self) -> bool:
        """Whether setting it again would change next to nothing: a busy device need not write at every message."""
        return clock.now() - self.locked_at < min(FRESH, timedelta(seconds=self.session_ttl) / 20)


_lock_of = Prepared(
    SessionLock,
    lambda device_id: (
        ConversationState.objects.filter(device_id=device_id, locked_at__isnull=False)
        .exclude(active_agent__isnull=True)
        .exclude(active_agent="")
        .order_by()
        .values_list("active_agent", "locked_at", "session_ttl")
    ),
    {"device_id": "a device"},
)


def set_session_lock(device_id: str, active_agent: str, session_ttl: int | None = None) -> None:
    """Let `active_agent` serve the device from now on, in one upsert.

    `session_ttl` is in seconds; without it a known device keeps its own and a new one gets the default.
    Raises ValueError for a lifetime that is not positive or over MAX_SESSION_TTL.
    """
    if session_ttl is not None and not 0 < session_ttl <= MAX_SESSION_TTL:
        raise ValueError(f"session_ttl is {session_ttl}; it must be 1 to {MAX_SESSION_TTL} seconds")
    state = ConversationState(
        device_id=device_id,
        device_hash=short_hash(device_id),
        active_agent=active_agent,
        locked_at=clock.now(),
        session_ttl=default_session_ttl() if session_ttl is None else session_ttl,
    )
    changed = ["active_agent", "locked_at", "device_hash"] + (["session_ttl"] if session_ttl is not None else [])
    ConversationState.objects.bulk_create(
        [state], update_conflicts=True, unique_fields=["device_id"], update_fields=changed
    )


def find_session_lock(device_id: str) -> Steps[SessionLock | None]:
    """The device's lock; None when there is none or its time is over."""
    lock = yield from _lock_of.first(device_id=device_id)
    return None if lock is None or is_expired(lock, clock.now()) else lock


def get_session_lock(device_id: str) -> str | None:
    """The assistant that serves the device; None when there is none or its time is over."""
    lock = now(find_session_lock(device_id))
    return lock.active_agent if lock else None


def clear_session_lock(device_id: str) -> None:
    """Let the device start afresh; its own lifetime stays until the next clean-up."""
    ConversationState.objects.filter(device_id=device_id).update(active_agent=None, locked_at=None)


def is_expired(state: ConversationState | SessionLock, now: datetime) -> bool:
    """Whether a lock has outlived its `session_ttl`; a state without a lock has."""
    return state.locked_at is None or now >= state.locked_at + timedelta(seconds=state.session_ttl)


expired_sessions = CleanUp(over=lambda: selectors.expired_states(clock.now()), since="ends_at")


def cleanup_expired_sessions(*, dry_run: bool = False) -> int:
    """Delete what is expired; how many rows are (or would be) deleted."""
    return expired_sessions.preview().count if dry_run else expired_sessions.run()
