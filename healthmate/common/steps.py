"""What a transaction asks of the database, one statement after the other, whoever waits for the answers.

`now` runs steps on Django's connection and makes its thread wait. `on_loop` runs them on the event loop, in a
transaction of their own, without a thread and with as few exchanges with the server as they allow. That is for what
begins and ends every run: through the ORM and a thread it costs several times as much (docs/measurements.md).
"""

from collections.abc import AsyncIterator, Callable, Generator, Mapping, Sequence
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, ClassVar, Generic, LiteralString, TypeVar

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.db.models import QuerySet
from psycopg import AsyncClientCursor, AsyncConnection
from psycopg_pool import AsyncConnectionPool

from healthmate.common.db import hung_up, in_db
from healthmate.common.loop import per_loop

POOL_SECONDS = 30.0  # how long a message waits for a connection when many come at once

T = TypeVar("T")
Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL and its parameters; nobody waits for a statement that `returns` nothing."""

    sql: str
    values: Sequence[Any] | Mapping[str, Any]
    returns: bool = True


Rows = list[Any]
Steps = Generator[tuple[Statement, ...], list[Rows], T]


def ask(sql: LiteralString, /, **values: Any) -> Steps[Rows]:
    """One statement; the rows it returns."""
    (rows,) = yield (Statement(sql, values),)
    return rows


def tell(sql: LiteralString, /, **values: Any) -> Steps[None]:
    """One statement that returns nothing."""
    yield (Statement(sql, values, returns=False),)


def together(*several: Steps[Any]) -> Steps[list[Any]]:
    """Steps of one statement each, in order, in one round trip; each sees what the ones before it did."""
    answers = yield tuple(statement for steps in several for statement in next(steps))
    results = []
    for steps, rows in zip(several, answers, strict=True):
        try:
            steps.send([rows])
        except StopIteration as end:
            results.append(end.value)
        else:
            raise ValueError("only steps of one statement can be taken together")
    return results


@dataclass
class Prepared(Generic[Row]):
    """A query set of `values_list`, built by `build` and compiled once; `row` makes its rows.

    Compiling is four fifths of what a small query costs Django. `examples` has one value for each argument of `build`,
    of the right type and found nowhere else in the query: that is how the arguments' places in the SQL are known.
    Values go to the database, and come from it, without any conversion by their fields: UUID, text, numbers, times.
    """

    row: Callable[..., Row]
    build: Callable[..., QuerySet[Any, Any]]
    examples: Mapping[str, Any]
    _sql: str = ""
    _places: list[tuple[str | None, Any]] = field(default_factory=list)

    _every: ClassVar[list["Prepared[Any]"]] = []
    _lock: ClassVar[Lock] = Lock()

    def __post_init__(self) -> None:
        self._every.append(self)

    def all(self, *, limit: int | None = None, **values: Any) -> Steps[list[Row]]:
        """Every row, or the first `limit`."""
        if not self._sql:
            self.compile()
        parameters = [values[name] if name else constant for name, constant in self._places]
        sql = self._sql if limit is None else f"{self._sql} LIMIT {limit:d}"
        (rows,) = yield (Statement(sql, parameters),)
        return [self.row(*row) for row in rows]

    def first(self, **values: Any) -> Steps[Row | None]:
        """The first row, or None."""
        rows = yield from self.all(**values)
        return rows[0] if rows else None

    def compile(self) -> None:
        """Make the SQL, in a thread: Django looks at its connection for that. Raises ValueError for a lost example."""
        locking = nullcontext() if connections[DEFAULT_DB_ALIAS].in_atomic_block else transaction.atomic()
        with self._lock, locking:
            sql, parameters = self.build(**self.examples).query.sql_with_params()
        names = {value: name for name, value in self.examples.items()}
        self._places = [(names.get(value) if value.__hash__ else None, value) for value in parameters]
        if missing := set(self.examples) - {name for name, _ in self._places}:
            raise ValueError(f"the query does not use {', '.join(sorted(missing))} as a parameter")
        self._sql = sql

    @classmethod
    def compile_all(cls) -> None:
        """Make the SQL of every query that there is."""
        for prepared in cls._every:
            if not prepared._sql:
                prepared.compile()


def now(steps: Steps[T]) -> T:
    """Run steps on Django's connection, in whatever transaction it is in."""
    answers = None
    while True:
        try:
            statements = steps.send(answers)  # type: ignore[arg-type]  # a generator begins with None
        except StopIteration as end:
            result: T = end.value
            return result
        answers = []
        for statement in statements:
            with connections[DEFAULT_DB_ALIAS].cursor() as cursor:
                cursor.execute(statement.sql, statement.values)
                answers.append(cursor.fetchall() if statement.returns else [])


async def on_loop(steps: Steps[T], *, once: bool = False) -> T:
    """Run steps on the event loop, in one transaction. Raises django.db.DatabaseError.

    `once`: they wait for the server a single time; what is sent together is a transaction of its own.
    """
    pool = await _pool()
    with _pools().errors:
        async with _connection(pool) as connection:
            return await _run(steps, AsyncClientCursor(connection), "" if once else "BEGIN")


async def _run(steps: Steps[T], cursor: AsyncClientCursor[Any], begin: str) -> T:
    """An exchange with the server costs more than most statements: those that nobody waits for go with the next."""
    waiting = [begin] if begin else []
    answers, exchanges = None, 0
    while True:
        try:
            statements = steps.send(answers)  # type: ignore[arg-type]  # a generator begins with None
        except StopIteration as end:
            if begin or waiting:
                await cursor.execute(";".join([*waiting, "COMMIT"] if begin else waiting))
            result: T = end.value
            return result
        written = [cursor.mogrify(statement.sql, statement.values) for statement in statements]
        if any(statement.returns for statement in statements):
            exchanges += 1
            if exchanges > 1 and not begin:
                raise ValueError("steps that wait twice are no transaction by themselves")
            await cursor.execute(";".join(waiting + written))
            for _ in waiting:
                cursor.nextset()
            waiting, answers = [], await _answers(statements, cursor)
        else:
            waiting, answers = waiting + written, [[] for _ in statements]


@asynccontextmanager
async def _connection(pool: AsyncConnectionPool[AsyncConnection[Any]]) -> AsyncIterator[AsyncConnection[Any]]:
    """A connection whose server is still there: after a restart of the database, that of none in the pool is."""
    while True:
        connection = await pool.getconn()
        if not hung_up(connection):
            break
        await connection.close()
        await pool.putconn(connection)
    try:
        async with connection:  # rolls back what an error leaves open
            yield connection
    finally:
        await pool.putconn(connection)


async def _answers(statements: Sequence[Statement], cursor: AsyncClientCursor[Any]) -> list[Rows]:
    answers = []
    for place, statement in enumerate(statements):
        if place:
            cursor.nextset()
        answers.append(await cursor.fetchall() if statement.returns else [])
    return answers


@dataclass
class _Pools:
    """The event loop's own connections, made at the first use, and their errors as Django's.

    Asked of `connections`, every task would get a connection of Django's that it never opens.
    """

    pool: AsyncConnectionPool[AsyncConnection[Any]] | None = None
    errors: Any = field(default_factory=lambda: connections[DEFAULT_DB_ALIAS].wrap_database_errors)


@per_loop
def _pools() -> _Pools:
    return _Pools()


async def _pool() -> AsyncConnectionPool[AsyncConnection[Any]]:
    pools = _pools()
    if pools.pool is None:
        await in_db(Prepared.compile_all)
    if pools.pool is None:
        pools.pool = AsyncConnectionPool(
            kwargs=_connection_options(),
            min_size=1,
            max_size=settings.DATABASE_POOL_SIZE,
            timeout=POOL_SECONDS,
            open=False,
        )
        await pools.pool.open()
    return pools.pool


def _connection_options() -> dict[str, Any]:
    """Django's, without what it adds for its own cursors."""
    options = dict(connections[DEFAULT_DB_ALIAS].get_connection_params())
    for djangos in ("context", "cursor_factory"):
        options.pop(djangos, None)
    return options | {"autocommit": True}


async def open_connections() -> None:
    """Have a connection at hand before the first message."""
    await _pool()


async def close_connections() -> None:
    """Close this event loop's connections; they are opened anew when they are needed again."""
    pool, _pools().pool = _pools().pool, None
    if pool is not None:
        await pool.close()
