"""Queries of the hot path, compiled once: compiling is four fifths of what a small query costs Django."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Generic, LiteralString, TypeVar

from django.db import connection
from django.db.models import QuerySet

Row = TypeVar("Row")


@dataclass
class Prepared(Generic[Row]):
    """A query set of `values_list`, built by `build` and compiled at its first use; `row` makes its rows.

    `examples` has one value for each argument of `build`, of the right type and found nowhere else in the query: that
    is how the arguments' places in the SQL are known. Values go to the database as they are, so that only types that
    need no conversion by their field can be used (UUID, text, numbers, times).
    """

    row: Callable[..., Row]
    build: Callable[..., QuerySet[Any, Any]]
    examples: Mapping[str, Any]
    _sql: str = ""
    _places: list[tuple[str | None, Any]] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock)

    def all(self, **values: Any) -> list[Row]:
        """Every row."""
        if not self._sql:
            self._compile()
        with connection.cursor() as cursor:
            cursor.execute(self._sql, [values[name] if name else constant for name, constant in self._places])
            return [self.row(*row) for row in cursor.fetchall()]

    def first(self, **values: Any) -> Row | None:
        """The first row, or None."""
        rows = self.all(**values)
        return rows[0] if rows else None

    def _compile(self) -> None:
        with self._lock:
            if self._sql:
                return
            sql, parameters = self.build(**self.examples).query.sql_with_params()
            names = {value: name for name, value in self.examples.items()}
            self._places = [(names.get(value) if value.__hash__ else None, value) for value in parameters]
            if missing := set(self.examples) - {name for name, _ in self._places}:
                raise ValueError(f"the query does not use {', '.join(sorted(missing))} as a parameter")
            self._sql = sql


def write(statement: LiteralString, /, **values: Any) -> list[tuple[Any, ...]]:
    """Run one statement that writes; the rows that it returns."""
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall() if cursor.description else []
