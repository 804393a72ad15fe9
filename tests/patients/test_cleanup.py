"""Attempts to identify are forgotten once no limit counts them."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection, connections

from healthmate.common.clock import now
from healthmate.common.errors import ApiError
from patients import identity
from patients.models import IdentityAttempt


def guess(thread_id: Any, actor: str = "device:1") -> str:
    """One wrong attempt; the code of the refusal."""
    with pytest.raises(ApiError) as refused:
        identity.identify(
            document_type="CC", document_number="1", birth_date=date(1990, 1, 1), thread_id=thread_id, actor=actor
        )
    return refused.value.error.code


@pytest.mark.django_db
def test_attempts_go_when_they_count_no_more(clock: Any) -> None:
    thread_id = uuid4()
    for _ in range(5):
        assert guess(thread_id) == "IDENTITY_NOT_MATCHED"
    assert guess(thread_id) == "IDENTITY_LOCKED"
    guess(uuid4(), actor="device:2")
    rows = IdentityAttempt.objects.count()

    assert identity.forgotten_attempts.run() == 0
    clock.shift(identity.FORGET_AFTER)
    assert identity.forgotten_attempts.run() == 0
    clock.shift(timedelta(seconds=1))
    assert identity.forgotten_attempts.preview().count == rows == 5
    assert identity.forgotten_attempts.run() == rows


@pytest.mark.django_db
def test_a_lock_that_goes_on_is_kept_however_old_it_is(clock: Any, settings: Any) -> None:
    settings.IDENTITY_LOCK_MINUTES = 3 * 24 * 60
    thread_id = uuid4()
    for _ in range(5):
        guess(thread_id)
    clock.shift(timedelta(days=3, seconds=-1))

    assert identity.forgotten_attempts.run() == 1  # the document's, which has not been locked

    assert guess(thread_id) == "IDENTITY_LOCKED"
    clock.shift(timedelta(seconds=1))
    assert identity.forgotten_attempts.run() == 2


def test_an_attempt_counts_although_its_row_was_just_cleaned_up(database: None) -> None:
    """The clean-up comes between the making of the rows and their being locked."""
    thread_id = uuid4()
    guess(thread_id)
    IdentityAttempt.objects.update(last_at=now() - identity.FORGET_AFTER - timedelta(minutes=1))
    cleaned = []

    def clean_up() -> int:
        try:
            return identity.forgotten_attempts.run()
        finally:
            connections.close_all()

    def after_the_insert(execute: Any, sql: str, *arguments: Any) -> Any:
        result = execute(sql, *arguments)
        if sql.startswith("INSERT") and not cleaned:
            with ThreadPoolExecutor(1) as thread:
                cleaned.append(thread.submit(clean_up).result(30))
        return result

    with connection.execute_wrapper(after_the_insert):
        guess(thread_id)

    assert cleaned == [3]
    assert list(IdentityAttempt.objects.values_list("failures", flat=True)) == [1, 1, 1]
