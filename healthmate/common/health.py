"""Probes of what the product depends on: apps register theirs, `/health` asks them all."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What a probe found. `details` are public: modes and counts, no addresses, no secrets."""

    ok: bool
    details: Mapping[str, Any] = field(default_factory=dict)


Probe = Callable[[], Awaitable[Finding]]


@dataclass(frozen=True, kw_only=True)
class HealthCheck:
    """A probe, and whether the product can serve without what it probes."""

    probe: Probe
    needed: bool = True


_checks: dict[str, HealthCheck] = {}


def register(name: str, probe: Probe, *, needed: bool = True) -> None:
    """Have `/health` ask `probe`; one that is not needed is reported and does not make the service unavailable."""
    _checks[name] = HealthCheck(probe=probe, needed=needed)


def registered() -> Mapping[str, HealthCheck]:
    """Every check by its name in the report."""
    return MappingProxyType(_checks)
