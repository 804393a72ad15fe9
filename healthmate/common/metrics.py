"""The door to Prometheus: what this server counts, what apps read off the database for it, and all of it as text.

Counts live in the process; the workers of one server share theirs through files (see `healthmate.workers`).
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from prometheus_client import REGISTRY, Counter
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.values import MutexValue, ValueClass

Reading = Mapping[str, float]  # figures by the values of a gauge's label

_session_lock_fallbacks = Counter(
    "healthmate_session_lock_fallbacks",
    "Times that the table of session locks could not be reached, so that a message was served without it.",
    ["operation"],
)
for _operation in ("read", "write", "clear"):
    _session_lock_fallbacks.labels(_operation)  # shown as 0 until it happens


@dataclass(frozen=True, kw_only=True)
class _Gauge:
    meaning: str
    label: str
    read: Callable[[], Reading]


_gauges: dict[str, _Gauge] = {}


def count_session_lock_fallback(operation: str) -> None:
    """Count that a session lock could not be reached; `operation` is read, write or clear."""
    _session_lock_fallbacks.labels(operation).inc()


def register_gauge(name: str, meaning: str, *, label: str, read: Callable[[], Reading]) -> None:
    """Have `read` asked for what the database knows whenever `/metrics` is."""
    _gauges[name] = _Gauge(meaning=meaning, label=label, read=read)


def read_gauges() -> dict[str, Reading]:
    """What every gauge reads off the database now."""
    return {name: gauge.read() for name, gauge in _gauges.items()}


def exposition(accept: str, readings: Mapping[str, Reading]) -> tuple[bytes, str]:
    """All counts and these readings in the form that `accept` prefers, and its content type."""
    encode, content_type = choose_encoder(accept)
    return encode(_Everything(readings)), content_type


class _Everything:
    """What Prometheus collects."""

    def __init__(self, readings: Mapping[str, Reading]) -> None:
        self._readings = readings

    def collect(self) -> Iterator[Metric]:
        """One family after the other."""
        shared = ValueClass is not MutexValue
        yield from (MultiProcessCollector(None) if shared else REGISTRY).collect()  # type: ignore[no-untyped-call]
        for name, reading in self._readings.items():
            family = GaugeMetricFamily(name, _gauges[name].meaning, labels=[_gauges[name].label])
            for value, figure in reading.items():
                family.add_metric([value], figure)
            yield family
