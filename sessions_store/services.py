"""Seed 5's session lock: which assistant serves a device, until the row's own lifetime is over."""

from datetime import datetime, timedelta

from healthmate.common import clock
from healthmate.common.devices import short_hash
from sessions_store import selectors
from sessions_store.models import MAX_SESSION_TTL, ConversationState, default_session_ttl


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


def get_session_lock(device_id: str) -> str | None:
    """The assistant that serves the device; None when there is none or its time is over."""
    state = ConversationState.objects.filter(device_id=device_id).first()
    if state is None or is_expired(state, clock.now()):
        return None
    return state.active_agent or None


def clear_session_lock(device_id: str) -> None:
    """Let the device start afresh; its own lifetime stays until the next clean-up."""
    ConversationState.objects.filter(device_id=device_id).update(active_agent=None, locked_at=None)


def is_expired(state: ConversationState, now: datetime) -> bool:
    """Whether a lock has outlived its `session_ttl`; a state without a lock has."""
    return state.locked_at is None or now >= state.locked_at + timedelta(seconds=state.session_ttl)


def cleanup_expired_sessions(*, dry_run: bool = False) -> int:
    """Delete what is expired, in one statement; returns how many (would be) deleted."""
    expired = selectors.expired_states(clock.now())
    return expired.count() if dry_run else expired.delete()[0]
