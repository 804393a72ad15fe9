"""Imports take turns: what one looks up and then writes, no other changes in between."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction

IMPORT_LOCK = 0x46484952  # "FHIR"


@contextmanager
def turn() -> Iterator[None]:
    """A transaction that no other import writes beside; within another one it lasts as long as that."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [IMPORT_LOCK])
        yield
