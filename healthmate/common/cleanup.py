"""What `cleanup_sessions` cleans: apps register their own when they are ready, so that none imports another."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Protocol


class CleanUp(Protocol):
    """Deletes what has had its time, or only counts it."""

    def __call__(self, *, dry_run: bool = False) -> int:
        """How many were deleted, or would be."""


_cleanups: dict[str, CleanUp] = {}


def register(what: str, cleanup: CleanUp) -> None:
    """Have `cleanup_sessions` run this too; `what` names the rows in its report."""
    _cleanups[what] = cleanup


def registered() -> Mapping[str, CleanUp]:
    """Every clean-up by the name of what it deletes, in the order of registration."""
    return MappingProxyType(_cleanups)
