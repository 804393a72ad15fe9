"""The one way from the event loop to the ORM: a bounded set of threads, connections returned at once."""

import asyncio
import select
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any, ParamSpec, TypeVar

from django.db import DEFAULT_DB_ALIAS, connections
from psycopg import AsyncConnection, Connection

P = ParamSpec("P")
T = TypeVar("T")

# Database work is short; more threads than this would only queue inside PostgreSQL.
_threads = ThreadPoolExecutor(max_workers=8, thread_name_prefix="database")


async def in_db(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run `work`, which may use the ORM and transactions, off the event loop.

    The thread and its connection are given back when `work` returns, so that an open stream holds
    neither. Exceptions pass through.
    """

    def run() -> T:
        try:
            _reach_the_server()
            return work(*args, **kwargs)
        finally:
            connections.close_all()

    return await asyncio.get_running_loop().run_in_executor(_threads, copy_context().run, run)


def hung_up(connection: Connection[Any] | AsyncConnection[Any]) -> bool:
    """Whether the server has ended an idle connection: it sends nothing else on one."""
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))


def _reach_the_server() -> None:
    """Connect, passing over what is dead in the pool: after a restart of the database, all of it."""
    connection = connections[DEFAULT_DB_ALIAS]
    connection.ensure_connection()
    while hung_up(connection.connection):
        connection.connection.close()
        connection.close()
        connection.ensure_connection()
