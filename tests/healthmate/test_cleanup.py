"""`cleanup_sessions` over every table that is registered: in batches, by indexes, several at once."""

from concurrent.futures import ThreadPoolExecutor
from io import StringIO
from threading import Barrier
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext

from benchmarks.cleanup import SEEDS, seed
from healthmate.common import cleanup

EVERY = pytest.mark.parametrize("what", SEEDS)
ACTING = ("DELETE", "UPDATE")


def clean(*arguments: str) -> dict[str, str]:
    """The command's lines, by what they are about."""
    out = StringIO()
    call_command("cleanup_sessions", *arguments, stdout=out)
    return dict(line.split(": ", 1) for line in out.getvalue().splitlines())


def acted(lines: dict[str, str]) -> dict[str, int]:
    return {what: int(told.split()[0]) for what, told in lines.items()}


def rows(what: str) -> int:
    return cleanup.registered()[what].over().model._base_manager.count()


def statements(queries: Any) -> list[str]:
    return [query["sql"] for query in queries if "SAVEPOINT" not in query["sql"]]


def test_every_table_has_its_test() -> None:
    assert set(SEEDS) == set(cleanup.registered())


@EVERY
@pytest.mark.django_db
def test_rows_go_in_batches_of_one_statement_and_others_stay(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cleanup, "BATCH", 1000)
    one = cleanup.registered()[what]
    seed(what, 2500, over=True)
    seed(what, 30, over=False)
    before = rows(what)
    with CaptureQueriesContext(connection) as queries:
        assert one.preview().count == 2500
    assert len(statements(queries)) == 1

    with CaptureQueriesContext(connection) as queries:
        assert one.run() == 2500

    sent = statements(queries)
    assert len(sent) == 3
    assert all(sql.startswith(ACTING) and "LIMIT 1000" in sql and "SKIP LOCKED" in sql for sql in sent)
    assert rows(what) == before - (2500 if one.done == "deleted" else 0)
    assert one.preview() == cleanup.Preview(count=0, oldest=None)


@EVERY
@pytest.mark.django_db
def test_few_are_found_among_many_by_an_index(what: str) -> None:
    seed(what, 20, over=True)
    seed(what, 5000, over=False)
    one = cleanup.registered()[what]
    table = one.over().model._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(f"ANALYZE {table}")

    plan = one.over().order_by().values("pk")[: cleanup.BATCH].explain()

    assert "Index" in plan
    assert f"Seq Scan on {table}" not in plan


def test_two_at_once_share_the_work(database: None) -> None:
    for what in SEEDS:
        seed(what, 20_000, over=True)
        seed(what, 50, over=False)
    before = {what: rows(what) for what in SEEDS}
    together = Barrier(2)

    def run() -> dict[str, int]:
        try:
            together.wait(30)
            return acted(clean())
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: run(), range(2))

    assert {what: first[what] + second[what] for what in SEEDS} == dict.fromkeys(SEEDS, 20_000)
    kept = {what for what, one in cleanup.registered().items() if one.done != "deleted"}
    assert {what: before[what] - rows(what) for what in SEEDS} == {
        what: 0 if what in kept else 20_000 for what in SEEDS
    }
    assert acted(clean()) == dict.fromkeys(SEEDS, 0)


@pytest.mark.django_db
def test_a_dry_run_tells_the_same_and_only_reads() -> None:
    for number, what in enumerate(SEEDS, start=1):
        seed(what, number, over=True)
    with CaptureQueriesContext(connection) as queries:
        told = clean("--dry-run")

    assert len(queries) == len(SEEDS)
    assert all(query["sql"].startswith("SELECT") and "FOR UPDATE" not in query["sql"] for query in queries)
    assert all("would be" in line and "the oldest over since 20" in line for line in told.values())
    assert acted(told) == {what: number for number, what in enumerate(SEEDS, start=1)}
    assert acted(clean()) == acted(told)
    assert all("would" not in line for line in clean().values())
