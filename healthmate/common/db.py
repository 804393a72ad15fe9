"""The one way from the event loop to the ORM: a bounded set of threads, connections returned at once."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import ParamSpec, TypeVar

from django.db import connections

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
            return work(*args, **kwargs)
        finally:
            connections.close_all()

    return await asyncio.get_running_loop().run_in_executor(_threads, copy_context().run, run)
