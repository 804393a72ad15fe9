"""What `cleanup_sessions` cleans: apps register their own when they are ready, so that none imports another."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db import transaction
from django.db.models import Count, F, Lookup, Min, QuerySet

BATCH = 5000  # rows

Rows = QuerySet[Any]


class _IsAmong(Lookup[Any]):
    """`= ANY(array)`."""

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        (left, left_values), (right, right_values) = (
            self.process_lhs(compiler, connection),
            self.process_rhs(compiler, connection),
        )
        return f"{left} = ANY({right})", (*left_values, *right_values)


@dataclass(frozen=True, kw_only=True)
class Preview:
    """How many rows have had their time, and since when the oldest has."""

    count: int
    oldest: datetime | None


@dataclass(frozen=True, kw_only=True)
class CleanUp:
    """The rows of one table that have had their time, and what becomes of them.

    `since` is the column that tells since when; it has an index. `act` gets a batch and returns how many rows it
    changed; afterwards they are `over` no more.
    """

    over: Callable[[], Rows]
    since: str
    done: str = "deleted"
    act: Callable[[Rows], int] = lambda rows: rows.delete()[0]

    def preview(self) -> Preview:
        """What `run` would act on, in one query; nothing is changed or locked."""
        return Preview(**self.over().order_by().aggregate(count=Count("pk"), oldest=Min(self.since)))

    def run(self) -> int:
        """Act on all of them; how many.

        In batches, each one statement and one transaction: nobody waits long for a row. What somebody else holds, such
        as another clean-up or a client that comes back, is passed over.
        """
        rows, total = self.over().order_by(), 0
        while True:
            with transaction.atomic():
                # As an array it is read once; as a list of rows it may be read anew for every row of the table.
                batch = ArraySubquery(rows.select_for_update(skip_locked=True).values("pk")[:BATCH])
                acted = self.act(rows.model._base_manager.filter(_IsAmong(F("pk"), batch)))
            total += acted
            if acted < BATCH:
                return total


_cleanups: dict[str, CleanUp] = {}


def register(what: str, cleanup: CleanUp) -> None:
    """Have `cleanup_sessions` run this too; `what` names the rows in its report."""
    _cleanups[what] = cleanup


def registered() -> Mapping[str, CleanUp]:
    """Every clean-up by the name of what it cleans, in the order of registration."""
    return MappingProxyType(_cleanups)
