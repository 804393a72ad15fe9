"""The door to Prometheus: what this server counts, what apps read off the database for it, and all of it as text.

Counts live in the process; the workers of one server share theirs through files (see `healthmate.asgi`).
"""

import logging
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from django.db import DatabaseError
from prometheus_client import REGISTRY, Counter
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.multiprocess import MultiProcessCollector

logger = logging.getLogger(__name__)

SHARED = "PROMETHEUS_MULTIPROC_DIR"  # environment: where workers count together; the library looks when it is imported

_session_lock_fallbacks = Counter(
    "healthmate_session_lock_fallbacks",
    "Times that the table of session locks could not be reached, so that a message was served without it.",
    ["operation"],
)
for _operation in ("read", "write", "clear"):
    _session_lock_fallbacks.labels(_operation)  # shown as 0 until it happens

Reading = Callable[[], Mapping[str, float]]


@dataclass(frozen=True, kw_only=True)
class _Gauge:
    name: str
    meaning: str
    label: str
    read: Reading


_gauges: dict[str, _Gauge] = {}


def count_session_lock_fallback(operation: str) -> None:
    """Count that a session lock could not be reached; `operation` is read, write or clear."""
    _session_lock_fallbacks.labels(operation).inc()


def register_gauge(name: str, meaning: str, *, label: str, read: Reading) -> None:
    """Have `read` asked for what the database knows, by the values of `label`, whenever `/metrics` is."""
    _gauges[name] = _Gauge(name=name, meaning=meaning, label=label, read=read)


def exposition(accept: str) -> tuple[bytes, str]:
    """Everything in the form that `accept` prefers, and its content type; reads the database."""
    encode, content_type = choose_encoder(accept)
    return encode(_Everything()), content_type


class _Everything:
    """What is counted and what is read, as Prometheus collects it."""

    def collect(self) -> Iterator[Metric]:
        """The families; those that the database does not answer are left out."""
        yield from (MultiProcessCollector(None) if SHARED in os.environ else REGISTRY).collect()  # type: ignore[no-untyped-call]
        for gauge in _gauges.values():
            family = GaugeMetricFamily(gauge.name, gauge.meaning, labels=[gauge.label])
            try:
                for value, figure in gauge.read().items():
                    family.add_metric([value], figure)
            except DatabaseError as error:
                logger.warning("metrics: %s cannot be read (%s)", gauge.name, type(error).__name__)
            else:
                yield family
